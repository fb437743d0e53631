// The part of ImageStore that reads archives of images: what `docker save` writes (with its
// manifest.json, in the old form and the new) and OCI layouts.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <climits>
#include <nlohmann/json.hpp>

#include "base/json_shape.h"
#include "images/beneath.h"
#include "images/image_config.h"
#include "images/impl.h"
#include "images/manifest.h"
#include "images/platform.h"
#include "images/unpack.h"
#include "os/fd.h"
#include "os/file.h"

namespace shoal::images {
namespace {
using Json = nlohmann::json;

constexpr size_t kImagesInArchiveMax = 1024;
constexpr int kIndexDepthMax = 4;

// One image of an archive: where its parts lie in the unpacked folder.
struct Packed {
  std::string config;              // bytes
  Image image;                     // what they say
  std::vector<std::string> blobs;  // paths of the layers, lowest first
  std::vector<std::string> names;  // familiar, with a tag
};

Result<std::vector<std::string>> texts_of(const Json& object, const char* key) {
  std::vector<std::string> texts;
  const auto at = object.find(key);
  if (at == object.end() || at->is_null()) return texts;
  if (!at->is_array()) return invalid_argument("invalid archive: {} is no list", key);
  for (const auto& item : *at) {
    if (!item.is_string()) return invalid_argument("invalid archive: {} holds no text", key);
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

Result<std::string> tag_name(const std::string& text) {
  ASSIGN_OR_RETURN(const model::ImageRef ref, model::parse_image_ref(text));
  return model::ImageRef{ref.domain, ref.path, ref.tag, ""}.with_default_tag().familiar();
}

// The file that a path of the archive means, whatever links lie in between.
Result<std::string> real_path(int root, const std::string& inner) {
  ASSIGN_OR_RETURN(const InnerPath path, parse_inner_path(inner));
  ASSIGN_OR_RETURN(const os::Fd fd, open_beneath(root, path.str(), O_RDONLY | O_NONBLOCK));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return invalid_argument("invalid archive: \"{}\" is no file", inner);
  }
  char target[PATH_MAX];
  const ssize_t size =
      ::readlink(fmt::format("/proc/self/fd/{}", fd.get()).c_str(), target, sizeof target);
  if (size < 0) return os::system_error("readlink", inner, errno);
  return std::string(target, size_t(size));
}

Result<Packed> packed_image(int root, const std::string& config_path,
                            const std::vector<std::string>& layer_paths) {
  Packed packed;
  ASSIGN_OR_RETURN(const InnerPath path, parse_inner_path(config_path));
  ASSIGN_OR_RETURN(packed.config, read_beneath(root, path.str(), kConfigBytesMax));
  ASSIGN_OR_RETURN(packed.image, parse_image_config(packed.config));
  if (packed.image.layers.size() != layer_paths.size()) {
    return invalid_argument("invalid archive: {} layers, but {} in the configuration",
                            layer_paths.size(), packed.image.layers.size());
  }
  for (const auto& layer : layer_paths) {
    ASSIGN_OR_RETURN(std::string blob, real_path(root, layer));
    packed.blobs.push_back(std::move(blob));
  }
  return packed;
}

// manifest.json: [{"Config": path, "RepoTags": [...], "Layers": [paths]}].
Result<std::vector<Packed>> read_docker_archive(int root, const std::string& text) {
  RETURN_IF_ERROR(check_json_shape(text));
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_array() || json.size() > kImagesInArchiveMax) {
    return invalid_argument("invalid archive: manifest.json is no list of images");
  }
  std::vector<Packed> images;
  for (const auto& item : json) {
    if (!item.is_object() || !item.contains("Config") || !item["Config"].is_string()) {
      return invalid_argument("invalid archive: manifest.json names no configuration");
    }
    ASSIGN_OR_RETURN(const auto layers, texts_of(item, "Layers"));
    ASSIGN_OR_RETURN(Packed packed, packed_image(root, item["Config"].get<std::string>(), layers));
    ASSIGN_OR_RETURN(const auto tags, texts_of(item, "RepoTags"));
    for (const auto& tag : tags) {
      ASSIGN_OR_RETURN(std::string name, tag_name(tag));
      packed.names.push_back(std::move(name));
    }
    images.push_back(std::move(packed));
  }
  return images;
}

std::string blob_path(const std::string& digest) {
  return "blobs/sha256/" + digest.substr(digest.find(':') + 1);
}

// Index.json and the indexes in it; of an image for several platforms, the one for this machine.
Result<void> read_index(int root, const std::string& path, const std::string& name,
                        const Platform& platform, int depth, std::vector<Packed>& images) {
  if (depth > kIndexDepthMax) return invalid_argument("invalid archive: too many nested indexes");
  ASSIGN_OR_RETURN(const std::string text, read_beneath(root, path, kManifestBytesMax));
  ASSIGN_OR_RETURN(const Manifest manifest, parse_manifest(text));
  if (!manifest.is_list()) {
    std::vector<std::string> layers;
    for (const auto& layer : manifest.layers) layers.push_back(blob_path(layer.digest));
    ASSIGN_OR_RETURN(Packed packed, packed_image(root, blob_path(manifest.config.digest), layers));
    // A bare tag, as skopeo writes it, names no repository.
    const auto tag = tag_name(name);
    if (tag && name.find_first_of(":/") != name.npos) packed.names.push_back(*tag);
    images.push_back(std::move(packed));
    return {};
  }
  for (const auto& part : manifest.manifests) {
    if (images.size() >= kImagesInArchiveMax) return too_large("too many images in the archive");
    const bool other = !part.platform.os.empty() && !platform_fits(platform, part.platform);
    if (other && depth > 0) continue;
    const std::string& part_name = part.name.empty() ? name : part.name;
    RETURN_IF_ERROR(
        read_index(root, blob_path(part.digest), part_name, platform, depth + 1, images));
  }
  return {};
}

Result<std::vector<Packed>> read_archive(const std::string& folder) {
  const os::Fd root(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return os::system_error("open", folder, errno);
  const auto manifest = read_beneath(root.get(), "manifest.json", kManifestBytesMax);
  if (manifest) return read_docker_archive(root.get(), *manifest);
  if (manifest.error().code != ErrorCode::NotFound) return std::unexpected(manifest.error());
  ASSIGN_OR_RETURN(const Platform platform, parse_platform(""));
  std::vector<Packed> images;
  auto read = read_index(root.get(), "index.json", "", platform, 0, images);
  if (!read && read.error().code == ErrorCode::NotFound && images.empty()) {
    return invalid_argument("invalid archive: it holds neither manifest.json nor index.json");
  }
  if (!read) return std::unexpected(read.error());
  return images;
}

Result<std::vector<Packed>> unpack_archive(const std::string& tar, const std::string& folder,
                                           const std::atomic<bool>& cancelled) {
  RETURN_IF_ERROR(os::make_folders(folder));
  RETURN_IF_ERROR(unpack_tar(tar, folder, cancelled));
  return read_archive(folder);
}

}  // namespace

os::Co<Result<std::vector<ImagePtr>>> ImageStore::load(ByteSource body, ProgressSink progress,
                                                       os::StopToken stop) {
  CO_ASSIGN_OR_RETURN(Scratch::Path tar, co_await impl_->spool(std::move(body), stop));
  const Scratch::Path folder = impl_->scratch->make_path();
  std::atomic<bool> cancelled = false;
  const auto guard = stop.on_stop([&cancelled] { cancelled = true; });
  auto unpack = [&] { return unpack_archive(*tar, *folder, cancelled); };
  CO_ASSIGN_OR_RETURN(const std::vector<Packed> packed,
                      co_await impl_->loop.offload(std::move(unpack)));
  tar.reset();

  std::vector<ImagePtr> loaded;
  for (const auto& item : packed) {
    std::vector<LayerRef> refs;
    for (size_t i = 0; i < item.blobs.size(); ++i) {
      const Layer& layer = item.image.layers[i];
      auto adding = impl_->layers->add(layer.diff_id, item.blobs[i], stop);
      Result<LayerRef> added = co_await adding;
      added = with_context(std::move(added), "layer {}", short_id(layer.diff_id));
      if (!added) co_return std::unexpected(added.error());
      refs.push_back(std::move(*added));
    }
    auto adding = impl_->add_image(item.config, std::move(refs), item.names);
    CO_ASSIGN_OR_RETURN(ImagePtr image, co_await adding);
    for (const auto& name : item.names) progress({.stream = "Loaded image: " + name + "\n"});
    if (item.names.empty()) progress({.stream = "Loaded image ID: " + image->id + "\n"});
    loaded.push_back(std::move(image));
  }
  co_return loaded;
}

}  // namespace shoal::images

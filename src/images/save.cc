// The part of ImageStore that writes archives of images, as `docker save`: manifest.json, the
// configurations, and the layers exactly as they came in, so that every digest stays true.
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <nlohmann/json.hpp>

#include "images/image_config.h"
#include "images/impl.h"
#include "os/fd.h"
#include "os/file.h"

namespace shoal::images {
namespace {
using Json = nlohmann::json;

constexpr size_t kChunkBytes = size_t{256} << 10;

std::string hex_of(const std::string& digest) {
  return digest.substr(digest.find(':') + 1);
}

std::string config_entry(const std::string& id) {
  return hex_of(id) + ".json";
}
// Not named as a blob of an OCI layout: it may be compressed, and its digest then another one.
std::string layer_entry(const std::string& diff_id) {
  return hex_of(diff_id) + "/layer.tar";
}

struct Saved {
  ImagePtr image;
  std::vector<std::string> tags;  // names that the archive shall give it
  std::vector<LayerRef> refs;     // keeps the layers while they are read
};

// A tar on the disk, written entry by entry.
class TarFile {
 public:
  explicit TarFile(const std::string& path) : writer_(archive_write_new()) {
    archive_write_set_format_pax_restricted(writer_);
    ok_ = archive_write_open_filename(writer_, path.c_str()) == ARCHIVE_OK;
  }
  ~TarFile() { archive_write_free(writer_); }
  TarFile(const TarFile&) = delete;
  TarFile& operator=(const TarFile&) = delete;

  Result<void> add(const std::string& name, std::string_view bytes, Time modified) {
    RETURN_IF_ERROR(begin(name, bytes.size(), modified));
    return write(bytes);
  }
  Result<void> add_file(const std::string& name, const std::string& path, Time modified) {
    const os::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat info{};
    if (!file || ::fstat(file.get(), &info) != 0) return os::system_error("open", path, errno);
    RETURN_IF_ERROR(begin(name, uint64_t(info.st_size), modified));
    std::string chunk(kChunkBytes, '\0');
    for (;;) {
      const ssize_t count = ::read(file.get(), chunk.data(), chunk.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return os::system_error("read", path, errno);
      if (count == 0) return {};
      RETURN_IF_ERROR(write({chunk.data(), size_t(count)}));
    }
  }
  Result<void> finish() {
    ok_ = archive_write_close(writer_) == ARCHIVE_OK && ok_;
    return state();
  }

 private:
  Result<void> begin(const std::string& name, uint64_t size, Time modified) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, int64_t(size));
    archive_entry_set_mtime(entry, modified.unix_ns / 1'000'000'000, 0);
    ok_ = ok_ && archive_write_header(writer_, entry) == ARCHIVE_OK;
    archive_entry_free(entry);
    return state();
  }
  Result<void> write(std::string_view bytes) {
    ok_ =
        ok_ && archive_write_data(writer_, bytes.data(), bytes.size()) == la_ssize_t(bytes.size());
    return state();
  }
  Result<void> state() {
    if (ok_) return {};
    const int reason = archive_errno(writer_);
    if (reason > 0) return os::system_error("write", "the archive into scratch", reason);
    const char* text = archive_error_string(writer_);
    return unavailable("cannot write the archive: {}", text ? text : "unknown error");
  }

  archive* writer_;
  bool ok_ = false;
};

Json manifest_entry(const Saved& saved) {
  Json layers = Json::array();
  for (const auto& layer : saved.image->layers) {
    layers.push_back(layer_entry(layer.diff_id));
  }
  Json entry = {{"Config", config_entry(saved.image->id)},
                {"RepoTags", saved.tags},
                {"Layers", std::move(layers)}};
  if (saved.tags.empty()) entry["RepoTags"] = nullptr;
  return entry;
}

// {"web": {"2": image id}}: what Docker before 1.10 read.
Json repositories_of(const std::vector<Saved>& images) {
  Json repositories = Json::object();
  for (const auto& saved : images) {
    for (const auto& tag : saved.tags) {
      const size_t colon = tag.rfind(':');
      repositories[tag.substr(0, colon)][tag.substr(colon + 1)] = hex_of(saved.image->id);
    }
  }
  return repositories;
}

Result<bool> write_archive(const std::string& path, const std::vector<Saved>& images,
                           const std::map<std::string, std::string>& files) {
  TarFile tar(path);
  for (const auto& [name, source] : files) {
    RETURN_IF_ERROR(tar.add_file(name, source, images.front().image->created));
  }
  Json manifest = Json::array();
  for (const auto& saved : images) manifest.push_back(manifest_entry(saved));
  RETURN_IF_ERROR(tar.add("manifest.json", manifest.dump(), Time{}));
  RETURN_IF_ERROR(tar.add("repositories", repositories_of(images).dump(), Time{}));
  RETURN_IF_ERROR(tar.finish());
  return true;
}

Result<std::string> read_chunk(int fd) {
  std::string chunk(kChunkBytes, '\0');
  for (;;) {
    const ssize_t count = ::read(fd, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return os::system_error("read", "the archive", errno);
    chunk.resize(size_t(count));
    return chunk;
  }
}

// Which images are meant; those that several names mean come once.
Result<std::vector<Saved>> choose(const Catalog& catalog, const std::vector<std::string>& names) {
  std::vector<Saved> images;
  for (const auto& name : names) {
    ASSIGN_OR_RETURN(const ImagePtr image, catalog.resolve(name));
    auto at = std::find_if(images.begin(), images.end(),
                           [&](const auto& saved) { return saved.image->id == image->id; });
    if (at == images.end()) at = images.insert(images.end(), Saved{image, {}, {}});
    const auto ref = model::parse_image_ref(name);
    if (!ref) continue;
    const std::string tag = ref->with_default_tag().familiar();
    const auto& tags = image->repo_tags;
    if (std::find(tags.begin(), tags.end(), tag) != tags.end()) at->tags.push_back(tag);
  }
  if (images.empty()) return invalid_argument("no image names provided");
  return images;
}

}  // namespace

os::Co<Result<void>> ImageStore::save(std::vector<std::string> names, ByteSink sink,
                                      os::StopToken stop) {
  CO_ASSIGN_OR_RETURN(std::vector<Saved> images, choose(impl_->catalog, names));
  std::map<std::string, std::string> files;  // name in the archive: where it is
  for (auto& saved : images) {
    saved.refs = impl_->image_layers[saved.image->id];
    files[config_entry(saved.image->id)] = impl_->config_path(saved.image->id);
    for (const auto& ref : saved.refs) {
      files[layer_entry(ref->diff_id)] = impl_->layers->blob_path(ref->diff_id);
    }
  }
  const Scratch::Path tar = impl_->scratch->make_path();
  auto write = [&] { return write_archive(*tar, images, files); };
  CO_RETURN_IF_ERROR(co_await impl_->loop.offload(std::move(write)));

  const os::Fd file(::open(tar->c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) co_return os::system_error("open", *tar, errno);
  for (;;) {
    if (stop.stopped()) co_return cancelled("the client went away");
    auto read = [&] { return read_chunk(file.get()); };
    CO_ASSIGN_OR_RETURN(std::string chunk, co_await impl_->loop.offload(std::move(read)));
    if (chunk.empty()) co_return Result<void>{};
    CO_RETURN_IF_ERROR(co_await sink(std::move(chunk)));
  }
}

}  // namespace shoal::images

#include "images/image_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "images/image_config.h"
#include "images/impl.h"
#include "os/fd.h"
#include "os/file.h"

namespace shoal::images {
namespace {

// How much of a body is gathered before it is written.
constexpr size_t kSpoolChunkBytes = size_t{256} << 10;
// Each holds a chunk while it comes in.
constexpr int kUploadsMax = 32;

// Debian's skopeo refuses to work without a policy, and not every machine has one. What it says
// where the operator says nothing is what Docker does.
constexpr const char* kSystemPolicy = "/etc/containers/policy.json";
constexpr const char* kAcceptAnything = R"({"default":[{"type":"insecureAcceptAnything"}]})";

LayerRef find_ref(const std::vector<LayerRef>& refs, const std::string& diff_id) {
  const auto at = std::find_if(refs.begin(), refs.end(),
                               [&](const auto& ref) { return ref->diff_id == diff_id; });
  return at == refs.end() ? nullptr : *at;
}

// The layers of an image, all or none.
std::vector<LayerRef> refs_of(const Image& image, const std::vector<LayerRef>& found) {
  std::vector<LayerRef> refs;
  for (const auto& layer : image.layers) {
    LayerRef ref = find_ref(found, layer.diff_id);
    if (!ref) return {};
    refs.push_back(std::move(ref));
  }
  return refs;
}

Result<bool> append(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return os::system_error("write", "what the client sent into scratch", errno);
    bytes.remove_prefix(size_t(count));
  }
  return true;
}

// The layers first: the configuration is what makes them count.
Result<bool> write_image(const std::string& data_root, const std::string& config_path,
                         const std::string& config) {
  const os::Fd root(::open(data_root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root || ::syncfs(root.get()) != 0) return os::system_error("sync", data_root, errno);
  RETURN_IF_ERROR(os::write_file(config_path, config));
  return true;
}

}  // namespace

void set_sizes(Image& image, const std::vector<LayerRef>& refs) {
  image.size_bytes = 0;
  for (size_t i = 0; i < image.layers.size(); ++i) {
    image.layers[i].size_bytes = refs[i]->size_bytes;
    image.size_bytes += refs[i]->size_bytes;
  }
}

std::string ImageStore::Impl::config_path(const std::string& id) const {
  return options.data_root + "/images/" + id.substr(id.find(':') + 1) + ".json";
}

os::Co<Result<void>> ImageStore::Impl::persist() {
  const uint64_t mine = ++changes;
  while (saved < mine) {
    if (saving) {
      co_await save_ended.wait();
      continue;
    }
    saving = true;
    const uint64_t upto = changes;
    const std::string path = catalog_path();
    const std::string text = catalog.text();
    auto job = [&] { return os::write_file(path, text); };
    const Result<void> written = co_await loop.offload(std::move(job));
    saving = false;
    if (written) saved = upto;
    save_ended.notify();
    if (!written) co_return written;
  }
  co_return Result<void>{};
}

os::Co<Result<ImagePtr>> ImageStore::Impl::add_image(std::string config, std::vector<LayerRef> refs,
                                                     std::vector<std::string> names) {
  CO_ASSIGN_OR_RETURN(Image image, parse_image_config(config));
  set_sizes(image, refs);
  const std::string id = image.id;
  const std::string path = config_path(id);
  auto job = [&] { return write_image(options.data_root, path, config); };
  CO_RETURN_IF_ERROR(co_await loop.offload(std::move(job)));
  catalog.add(std::move(image));
  image_layers[id] = std::move(refs);
  for (const auto& name : names) catalog.name(id, name, loop.now());
  ImagePtr added = catalog.find(id);
  CO_RETURN_IF_ERROR(co_await persist());
  co_return added;
}

void ImageStore::Impl::drop_image(const ImagePtr& image, std::vector<RemovedItem>& records) {
  records.push_back({.deleted = image->id});
  catalog.remove(image->id);
  const auto node = image_layers.extract(image->id);
  const auto chains = chain_ids(image->layers);
  // From the top; what others stand on stays.
  for (size_t i = node.empty() ? 0 : node.mapped().size(); i-- > 0;) {
    if (node.mapped()[i].use_count() == 1) records.push_back({.deleted = chains[i]});
  }
}

os::Co<Result<Scratch::Path>> ImageStore::Impl::spool(ByteSource body, os::StopToken stop) {
  if (*uploads >= kUploadsMax) {
    co_return unavailable("{} images are being sent already: try again later", kUploadsMax);
  }
  ++*uploads;
  const std::shared_ptr<void> until_end(nullptr, [count = uploads](void*) { --*count; });
  Scratch::Path path = scratch->make_path();
  const os::Fd file(::open(path->c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) co_return os::system_error("create", *path, errno);
  uint64_t total = 0;
  std::string chunk;
  for (bool more = true; more;) {
    if (stop.stopped()) co_return cancelled("the client went away");
    CO_ASSIGN_OR_RETURN(const std::string bytes, co_await body());
    more = !bytes.empty();
    total += bytes.size();
    if (total > kBodyBytesMax) co_return too_large("more than {} bytes", kBodyBytesMax);
    chunk += bytes;
    if (more && chunk.size() < kSpoolChunkBytes) continue;
    auto job = [&] { return append(file.get(), chunk); };
    CO_RETURN_IF_ERROR(co_await loop.offload(std::move(job)));
    chunk.clear();
  }
  co_return path;
}

Result<void> ImageStore::Impl::restore_images(std::vector<LayerRef>& found) {
  RETURN_IF_ERROR(os::make_folders(options.data_root + "/images"));
  auto text = os::read_file(catalog_path());
  if (!text && text.error().code == ErrorCode::NotFound) return remove_lonely_configs();
  if (!text) return std::unexpected(text.error());
  ASSIGN_OR_RETURN(const auto named, Catalog::parse(*text));
  for (const auto& item : named) {
    const auto config = os::read_file(config_path(item.id), kConfigBytesMax);
    if (!config && config.error().code != ErrorCode::NotFound) {
      return std::unexpected(config.error());
    }
    auto image = config ? parse_image_config(*config) : std::unexpected(config.error());
    auto refs = image ? refs_of(*image, found) : std::vector<LayerRef>{};
    if (!image || image->id != item.id || refs.size() != image->layers.size()) {
      log.error("image is damaged and forgotten", {{"image", item.id}});
      continue;
    }
    set_sizes(*image, refs);
    catalog.add(std::move(*image));
    image_layers[item.id] = std::move(refs);
    for (const auto& tag : item.tags) catalog.name(item.id, tag, item.last_tagged);
    for (const auto& digest : item.digests) catalog.name(item.id, digest, item.last_tagged);
  }
  return remove_lonely_configs();
}

// Of images that were cut off on their way into the catalog or out of it.
Result<void> ImageStore::Impl::remove_lonely_configs() {
  std::vector<std::string> lonely;
  std::error_code error;
  const std::string folder = options.data_root + "/images";
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string path = entry.path(), id = "sha256:" + entry.path().stem().string();
    if (path != catalog_path() && (path != config_path(id) || !catalog.find(id))) {
      lonely.push_back(path);
    }
  }
  if (error) return os::system_error("list", folder, error.value());
  for (const auto& path : lonely) RETURN_IF_ERROR(os::remove_tree(path));
  return {};
}

Result<void> ImageStore::Impl::set_policy() {
  if (::access(kSystemPolicy, F_OK) == 0) return {};
  policy_file = options.data_root + "/policy.json";
  if (os::read_file(policy_file) == kAcceptAnything) return {};  // Not again: the disk may be full.
  return os::write_file(policy_file, kAcceptAnything);
}

ImageStore::ImageStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ImageStore::~ImageStore() = default;

Result<std::unique_ptr<ImageStore>> ImageStore::open(os::Loop& loop, Log& log,
                                                     StoreOptions options) {
  // What nobody takes is deleted when this goes. Should opening fail, the layer store goes before
  // it and nothing is deleted.
  std::vector<LayerRef> found;
  auto impl = std::make_unique<Impl>(loop, log, std::move(options));
  const std::string& root = impl->options.data_root;
  RETURN_IF_ERROR(os::make_folders(root));
  ASSIGN_OR_RETURN(impl->scratch, Scratch::open(loop, root));
  ASSIGN_OR_RETURN(impl->layers, LayerStore::open(loop, *impl->scratch, root, found));
  RETURN_IF_ERROR(impl->set_policy());
  RETURN_IF_ERROR(impl->restore_images(found));
  RETURN_IF_ERROR(impl->restore_rootfs(found));
  return std::unique_ptr<ImageStore>(new ImageStore(std::move(impl)));
}

Result<ImagePtr> ImageStore::resolve(std::string_view name) const {
  return impl_->catalog.resolve(name);
}

Result<std::vector<ImagePtr>> ImageStore::list(const ImageFilter& filter) const {
  return impl_->catalog.list(filter);
}

uint64_t ImageStore::layers_size_bytes() const {
  return impl_->layers->size_bytes();
}

os::Co<Result<void>> ImageStore::tag(std::string source, std::string target) {
  CO_ASSIGN_OR_RETURN(const ImagePtr image, impl_->catalog.resolve(source));
  CO_ASSIGN_OR_RETURN(const model::ImageRef ref, model::parse_image_ref(target));
  if (!ref.digest.empty())
    co_return invalid_argument("refusing to create a tag with a digest reference");
  impl_->catalog.name(image->id, ref.with_default_tag().familiar(), impl_->loop.now());
  co_return co_await impl_->persist();
}

}  // namespace shoal::images

// The part of ImageStore that mounts the root file systems of containers.
#include <dirent.h>

#include <algorithm>
#include <filesystem>

#include "images/impl.h"
#include "os/file.h"

namespace shoal::images {
namespace {

std::vector<std::string> diff_ids_of(const std::vector<LayerRef>& refs) {
  std::vector<std::string> ids;
  for (const auto& ref : refs) ids.push_back(ref->diff_id);
  return ids;
}

OverlayLayers overlay_of(const LayerStore& store, const std::vector<LayerRef>& refs) {
  OverlayLayers overlay{store.links_folder(), {}};
  for (const auto& ref : refs) overlay.links.push_back(ref->link);
  if (refs.empty()) overlay.links.emplace_back(kEmptyLayerLink);
  return overlay;
}

}  // namespace

RootfsFolders ImageStore::Impl::rootfs_folders(std::string_view container_id) const {
  return {options.data_root + "/rootfs/" + std::string(container_id)};
}

Result<void> ImageStore::Impl::restore_rootfs(std::vector<LayerRef>& found) {
  const std::string folder = options.data_root + "/rootfs";
  RETURN_IF_ERROR(os::make_folders(folder));
  std::vector<std::string> half_made;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string id = entry.path().filename();
    ASSIGN_OR_RETURN(const auto diff_ids, read_rootfs_layers(rootfs_folders(id)));
    if (!diff_ids) {  // Cut off before the first mount: it is made anew.
      half_made.push_back(entry.path());
      continue;
    }
    auto& refs = rootfs_layers[id];
    for (const auto& diff_id : *diff_ids) {
      const auto at = std::find_if(found.begin(), found.end(),
                                   [&](const auto& ref) { return ref->diff_id == diff_id; });
      if (at != found.end()) refs.push_back(*at);
    }
    if (refs.size() != diff_ids->size()) {
      log.error("a layer of a container is gone", {{"container", id}});
    }
  }
  if (error) return os::system_error("list", folder, error.value());
  for (const auto& path : half_made) RETURN_IF_ERROR(os::remove_tree(path));
  return {};
}

os::Co<Result<Rootfs>> ImageStore::mount_rootfs(std::string container_id, ImagePtr image,
                                                bool transient) {
  CO_RETURN_IF_ERROR(check_container_id(container_id));
  const auto guard = co_await impl_->rootfs_locks.acquire(container_id);
  const bool is_new = !impl_->rootfs_layers.contains(container_id);
  if (is_new) {
    const auto at = impl_->image_layers.find(image->id);
    if (at == impl_->image_layers.end()) co_return not_found("No such image: {}", image->id);
    impl_->rootfs_layers[container_id] = at->second;
  }
  const RootfsFolders folders = impl_->rootfs_folders(container_id);
  const auto& refs = impl_->rootfs_layers[container_id];
  const auto diff_ids = diff_ids_of(refs);
  const OverlayLayers overlay = overlay_of(*impl_->layers, refs);
  auto job = [&] { return mount_overlay(folders, diff_ids, overlay, transient); };
  const Result<void> mounted = co_await impl_->loop.offload(std::move(job));
  if (mounted) co_return Rootfs{folders.merged()};
  if (is_new) {
    auto undo = [&] { return os::remove_tree(folders.home); };
    (void)co_await impl_->loop.offload(std::move(undo));
    impl_->rootfs_layers.erase(container_id);
  }
  co_return std::unexpected(mounted.error());
}

os::Co<Result<void>> ImageStore::unmount_rootfs(std::string container_id) {
  CO_RETURN_IF_ERROR(check_container_id(container_id));
  const auto guard = co_await impl_->rootfs_locks.acquire(container_id);
  const RootfsFolders folders = impl_->rootfs_folders(container_id);
  auto job = [&] { return unmount_overlay(folders); };
  co_return co_await impl_->loop.offload(std::move(job));
}

os::Co<Result<void>> ImageStore::remove_rootfs(std::string container_id) {
  CO_RETURN_IF_ERROR(check_container_id(container_id));
  const auto guard = co_await impl_->rootfs_locks.acquire(container_id);
  const auto grave = impl_->scratch->make_path();
  const RootfsFolders folders = impl_->rootfs_folders(container_id);
  auto job = [&]() -> Result<void> {
    RETURN_IF_ERROR(unmount_overlay(folders));
    // Deleting takes as long as the container wrote much; nobody waits for that.
    if (::rename(folders.home.c_str(), grave->c_str()) == 0 || errno == ENOENT) return {};
    return os::system_error("remove", folders.home, errno);
  };
  CO_RETURN_IF_ERROR(co_await impl_->loop.offload(std::move(job)));
  impl_->rootfs_layers.erase(container_id);
  co_return Result<void>{};
}

os::Co<Result<uint64_t>> ImageStore::rootfs_size_bytes(std::string container_id) {
  if (!impl_->rootfs_layers.contains(container_id)) {
    co_return not_found("container {} has no root file system", container_id);
  }
  const std::string upper = rootfs_upper_path(container_id);
  auto job = [&] { return tree_size_bytes(upper); };
  co_return co_await impl_->loop.offload(std::move(job));
}

std::string ImageStore::rootfs_path(std::string_view container_id) const {
  return impl_->rootfs_folders(container_id).merged();
}

std::string ImageStore::rootfs_upper_path(std::string_view container_id) const {
  return impl_->rootfs_folders(container_id).upper();
}

std::vector<std::string> ImageStore::rootfs_containers() const {
  std::vector<std::string> ids;
  for (const auto& [id, refs] : impl_->rootfs_layers) ids.push_back(id);
  return ids;
}

}  // namespace shoal::images

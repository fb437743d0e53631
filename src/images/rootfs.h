// The writable root file systems of containers: overlay mounts on layers of the image.
//
//   rootfs/<container id>/layers   diff ids, lowest first: what it stands on
//   rootfs/<container id>/upper work merged
//
// Everything here blocks and is called on the pool. The folders of one container are used by one
// call at a time (ImageStore sees to it). Mounts are made in the mount namespace of the process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace shoal::images {

struct RootfsFolders {
  std::string home;  // data_root/rootfs/<container id>

  std::string upper() const { return home + "/upper"; }
  std::string work() const { return home + "/work"; }
  std::string merged() const { return home + "/merged"; }
  std::string layers() const { return home + "/layers"; }
};

// Container ids come from the daemon; anything but [A-Za-z0-9_.-] of at most 128 is refused, so
// that no id is ever a path.
Result<void> check_container_id(std::string_view id);

struct OverlayLayers {
  std::string links_folder;
  std::vector<std::string> links;  // names in links_folder, lowest first; at least one
};

// Creates the folders if needed, and mounts. Already mounted is fine. `transient`: the container
// ends with this mount, so its writes need not survive a power cut (overlayfs "volatile": neither
// fsync in the container nor the unmounting waits for the disk).
Result<void> mount_overlay(const RootfsFolders& folders, const std::vector<std::string>& diff_ids,
                           const OverlayLayers& layers, bool transient);
// Not mounted, or not there, is fine.
Result<void> unmount_overlay(const RootfsFolders& folders);
// The diff ids that a container stands on; nothing when a crash cut the making of the folders
// short.
Result<std::optional<std::vector<std::string>>> read_rootfs_layers(const RootfsFolders& folders);
// Bytes of the regular files under `folder`, each hard link once.
Result<uint64_t> tree_size_bytes(const std::string& folder);

}  // namespace shoal::images

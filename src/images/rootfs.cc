#include "images/rootfs.h"

#include <fcntl.h>
#include <fts.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <set>
#include <utility>

#include "base/check.h"
#include "os/fd.h"
#include "os/file.h"

namespace shoal::images {
namespace {

constexpr size_t kContainerIdMax = 128;
constexpr size_t kLayersFileBytesMax = size_t{64} << 10;
constexpr mode_t kRootMode = 0755;
// What mount(2) takes as its data.
constexpr size_t kMountDataBytesMax = 4095;

Result<bool> is_mounted(const std::string& path) {
  struct stat inner{}, outer{};
  if (::stat(path.c_str(), &inner) != 0) {
    if (errno == ENOENT) return false;
    return os::system_error("stat", path, errno);
  }
  if (::stat((path + "/..").c_str(), &outer) != 0) return os::system_error("stat", path, errno);
  return inner.st_dev != outer.st_dev;
}

Result<void> make_folder(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) {
    if (::chmod(path.c_str(), mode) == 0) return {};  // Whatever the umask is.
  } else if (errno == EEXIST) {
    return {};
  }
  return os::system_error("mkdir", path, errno);
}

Result<void> create_folders(const RootfsFolders& folders, const std::vector<std::string>& diff_ids,
                            bool transient) {
  RETURN_IF_ERROR(make_folder(folders.home, 0710));
  RETURN_IF_ERROR(make_folder(folders.upper(), kRootMode));
  RETURN_IF_ERROR(make_folder(folders.work(), 0700));
  RETURN_IF_ERROR(make_folder(folders.merged(), 0700));
  if (::access(folders.layers().c_str(), F_OK) == 0) return {};
  std::string text;
  for (const auto& id : diff_ids) text += id + "\n";
  if (!transient) return os::write_file(folders.layers(), text);  // This one waits for the disk.
  const std::string beside = folders.layers() + ".new";
  {
    const os::Fd fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd || ::write(fd.get(), text.data(), text.size()) != ssize_t(text.size())) {
      return os::system_error("write", beside, errno);
    }
  }
  if (::rename(beside.c_str(), folders.layers().c_str()) == 0) return {};
  return os::system_error("rename", beside, errno);
}

// Takes away the mark of an earlier volatile mount, which keeps the kernel from mounting again. We
// know better whether it ended well: a transient container is never mounted again after a crash.
Result<void> forget_volatile_mark(const RootfsFolders& folders) {
  return os::remove_tree(folders.work() + "/work/incompat");
}

}  // namespace

Result<void> check_container_id(std::string_view id) {
  const bool fits =
      !id.empty() && id.size() <= kContainerIdMax && id[0] != '.' &&
      id.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
          id.npos;
  if (!fits) return invalid_argument("invalid container id \"{}\"", id);
  return {};
}

Result<void> mount_overlay(const RootfsFolders& folders, const std::vector<std::string>& diff_ids,
                           const OverlayLayers& layers, bool transient) {
  CHECK(!layers.links.empty());
  ASSIGN_OR_RETURN(const bool mounted, is_mounted(folders.merged()));
  if (mounted) return {};
  RETURN_IF_ERROR(create_folders(folders, diff_ids, transient));
  RETURN_IF_ERROR(forget_volatile_mark(folders));

  // Through descriptors, because the options must fit one page however long data_root is, and
  // because a comma or colon in it would cut them.
  const os::Fd links(::open(layers.links_folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const os::Fd home(::open(folders.home.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!links || !home) return os::system_error("open", folders.home, errno);
  std::string lower;
  for (auto link = layers.links.rbegin(); link != layers.links.rend(); ++link) {
    lower += fmt::format("{}/proc/self/fd/{}/{}", lower.empty() ? "" : ":", links.get(), *link);
  }
  const std::string options =
      fmt::format("lowerdir={},upperdir=/proc/self/fd/{}/upper,workdir=/proc/self/fd/{}/work{}",
                  lower, home.get(), home.get(), transient ? ",volatile" : "");
  if (options.size() > kMountDataBytesMax) {
    return invalid_argument("{} layers are too many for one mount", layers.links.size());
  }
  if (::mount("overlay", folders.merged().c_str(), "overlay", 0, options.c_str()) != 0) {
    return os::system_error("mount overlay on", folders.merged(), errno);
  }
  return {};
}

Result<void> unmount_overlay(const RootfsFolders& folders) {
  ASSIGN_OR_RETURN(const bool mounted, is_mounted(folders.merged()));
  if (!mounted) return {};
  // Detached: something may still look into it for a moment (a client that copies a file).
  if (::umount2(folders.merged().c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) {
    return os::system_error("unmount", folders.merged(), errno);
  }
  return {};
}

Result<std::optional<std::vector<std::string>>> read_rootfs_layers(const RootfsFolders& folders) {
  const auto text = os::read_file(folders.layers(), kLayersFileBytesMax);
  std::vector<std::string> ids;
  if (!text && text.error().code == ErrorCode::NotFound) return std::nullopt;
  if (!text) return std::unexpected(text.error());
  size_t begin = 0;
  for (size_t end; (end = text->find('\n', begin)) != text->npos; begin = end + 1) {
    ids.push_back(text->substr(begin, end - begin));
  }
  return ids;
}

Result<uint64_t> tree_size_bytes(const std::string& folder) {
  char* paths[] = {const_cast<char*>(folder.c_str()), nullptr};
  FTS* walk = ::fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, nullptr);
  if (!walk) return os::system_error("read", folder, errno);
  uint64_t sum = 0;
  std::set<ino_t> linked;
  while (const FTSENT* entry = ::fts_read(walk)) {
    if (entry->fts_info != FTS_F) continue;
    const auto& info = *entry->fts_statp;
    if (info.st_nlink > 1 && !linked.insert(info.st_ino).second) continue;
    sum += uint64_t(info.st_size);
  }
  ::fts_close(walk);
  return sum;
}

}  // namespace shoal::images

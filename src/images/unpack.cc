#include "images/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "images/beneath.h"
#include "images/tar_reader.h"
#include "os/fd.h"
#include "os/file.h"

namespace shoal::images {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kWhiteoutMeta = ".wh..wh.";
constexpr std::string_view kOpaqueMarker = ".wh..wh..opq";
constexpr const char* kOpaqueAttribute = "trusted.overlay.opaque";
constexpr mode_t kImpliedFolderMode = 0755;

std::string through_proc(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

// Attributes by which overlayfs redirects and hides are ours to set, not the archive's.
bool is_private_attribute(std::string_view name) {
  return name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.");
}

class Unpacker {
 public:
  explicit Unpacker(os::Fd root) : root_(std::move(root)) {}

  Result<void> add(TarReader& tar, archive_entry* entry);
  // Times of folders are set last: every file put into one changes them.
  Result<void> finish();
  uint64_t size_bytes() const { return size_bytes_; }

 private:
  struct FolderTimes {
    std::string path;
    timespec times[2];
  };

  Result<int> open_parent(const std::string& path);
  Result<os::Fd> make_parents(const std::string& path);
  Result<void> make_way(int parent, const InnerPath& path, bool for_folder);
  Result<void> add_whiteout(int parent, const InnerPath& path);
  Result<void> add_folder(int parent, const InnerPath& path, archive_entry* entry);
  Result<void> add_file(TarReader& tar, int parent, const InnerPath& path, archive_entry* entry);
  Result<void> add_hard_link(int parent, const InnerPath& path, const char* target);
  Result<void> add_symlink(int parent, const InnerPath& path, archive_entry* entry);
  Result<void> add_node(int parent, const InnerPath& path, archive_entry* entry);
  Result<void> add_root(archive_entry* entry);
  Result<void> copy_data(TarReader& tar, int file, const std::string& path);
  Result<void> set_attributes(const std::string& target, const InnerPath& path,
                              archive_entry* entry);
  Result<void> set_owner_and_times(int parent, const InnerPath& path, archive_entry* entry);

  os::Fd root_;
  std::string parent_path_;  // of parent_: most entries follow one in the same folder
  os::Fd parent_;
  std::vector<FolderTimes> folder_times_;
  uint64_t size_bytes_ = 0;
};

void times_of(archive_entry* entry, timespec (&times)[2]) {
  const timespec modified{archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
  times[0] = times[1] = modified;
}

Result<int> Unpacker::open_parent(const std::string& path) {
  if (parent_ && path == parent_path_) return parent_.get();
  auto opened = open_beneath(root_.get(), path, O_PATH | O_DIRECTORY);
  if (!opened && opened.error().code == ErrorCode::NotFound) opened = make_parents(path);
  if (!opened) return std::unexpected(opened.error());
  parent_ = std::move(*opened);
  parent_path_ = path;
  return parent_.get();
}

// Some builders leave out the folders above a file.
Result<os::Fd> Unpacker::make_parents(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string above = slash == path.npos ? "" : path.substr(0, slash);
  const std::string name = slash == path.npos ? path : path.substr(slash + 1);
  auto parent = open_beneath(root_.get(), above, O_PATH | O_DIRECTORY);
  if (!parent && parent.error().code == ErrorCode::NotFound) parent = make_parents(above);
  if (!parent) return parent;
  if (::mkdirat(parent->get(), name.c_str(), kImpliedFolderMode) != 0 ||
      ::fchmodat(parent->get(), name.c_str(), kImpliedFolderMode, 0) != 0) {
    return os::system_error("mkdir", path, errno);
  }
  return open_beneath(root_.get(), path, O_PATH | O_DIRECTORY);
}

// Takes away what an earlier entry put under the same name: the later one counts.
Result<void> Unpacker::make_way(int parent, const InnerPath& path, bool for_folder) {
  if (::unlinkat(parent, path.name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR) return os::system_error("replace", path.str(), errno);
  if (for_folder) return {};
  parent_.reset();  // It may be inside of what goes.
  ASSIGN_OR_RETURN(const os::Fd above, open_beneath(root_.get(), path.parent, O_PATH));
  return os::remove_tree(through_proc(above.get()) + "/./" + path.name);
}

Result<void> Unpacker::add_whiteout(int parent, const InnerPath& path) {
  if (path.name == kOpaqueMarker) {
    if (::setxattr(through_proc(parent).c_str(), kOpaqueAttribute, "y", 1, 0) != 0) {
      return os::system_error("mark opaque", path.parent, errno);
    }
    return {};
  }
  if (path.name.starts_with(kWhiteoutMeta)) return {};  // Book-keeping of aufs.
  const std::string hidden = path.name.substr(kWhiteout.size());
  if (hidden.empty() || hidden == "." || hidden == "..") {
    return invalid_argument("refused: \"{}\" is no valid whiteout", path.str());
  }
  if (::mknodat(parent, hidden.c_str(), S_IFCHR, makedev(0, 0)) == 0) return {};
  if (errno != EEXIST) return os::system_error("whiteout", path.str(), errno);
  // It hides what lies below, while this layer puts something there itself: a file hides anyway.
  const std::string target = through_proc(parent) + "/" + hidden;
  struct stat info{};
  if (::lstat(target.c_str(), &info) == 0 && S_ISDIR(info.st_mode) &&
      ::lsetxattr(target.c_str(), kOpaqueAttribute, "y", 1, 0) != 0) {
    return os::system_error("mark opaque", path.str(), errno);
  }
  return {};
}

Result<void> Unpacker::set_attributes(const std::string& target, const InnerPath& path,
                                      archive_entry* entry) {
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  archive_entry_xattr_reset(entry);
  while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
    if (!name || is_private_attribute(name)) continue;
    // Not every file system takes every attribute; Docker goes on then, too.
    if (::lsetxattr(target.c_str(), name, value, size, 0) != 0 && errno != ENOTSUP &&
        errno != EPERM) {
      return os::system_error("set attribute", path.str(), errno);
    }
  }
  return {};
}

// For what cannot be opened: links, devices, FIFOs. Never follows a link.
Result<void> Unpacker::set_owner_and_times(int parent, const InnerPath& path,
                                           archive_entry* entry) {
  const char* name = path.name.c_str();
  if (::fchownat(parent, name, uid_t(archive_entry_uid(entry)), gid_t(archive_entry_gid(entry)),
                 AT_SYMLINK_NOFOLLOW) != 0) {
    return os::system_error("chown", path.str(), errno);
  }
  RETURN_IF_ERROR(set_attributes(through_proc(parent) + "/" + path.name, path, entry));
  // A link has no mode; of the rest, only just made and so no link, chown took the setuid bits.
  if (archive_entry_filetype(entry) != AE_IFLNK &&
      ::fchmodat(parent, name, archive_entry_perm(entry), 0) != 0) {
    return os::system_error("chmod", path.str(), errno);
  }
  timespec times[2];
  times_of(entry, times);
  if (::utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) != 0) {
    return os::system_error("set times", path.str(), errno);
  }
  return {};
}

Result<void> Unpacker::add_root(archive_entry* entry) {
  const std::string root = through_proc(root_.get()) + "/.";
  if (::chown(root.c_str(), uid_t(archive_entry_uid(entry)), gid_t(archive_entry_gid(entry))) !=
          0 ||
      ::chmod(root.c_str(), archive_entry_perm(entry)) != 0) {
    return os::system_error("chown", "/", errno);
  }
  return {};
}

Result<void> Unpacker::add_folder(int parent, const InnerPath& path, archive_entry* entry) {
  struct stat info{};
  const bool was_whiteout = ::fstatat(parent, path.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
                            S_ISCHR(info.st_mode) && info.st_rdev == makedev(0, 0);
  RETURN_IF_ERROR(make_way(parent, path, true));
  if (::mkdirat(parent, path.name.c_str(), 0700) != 0 && errno != EEXIST) {
    return os::system_error("mkdir", path.str(), errno);
  }
  RETURN_IF_ERROR(set_owner_and_times(parent, path, entry));
  const std::string target = through_proc(parent) + "/" + path.name;
  if (was_whiteout && ::lsetxattr(target.c_str(), kOpaqueAttribute, "y", 1, 0) != 0) {
    return os::system_error("mark opaque", path.str(), errno);
  }
  folder_times_.push_back({path.str(), {}});
  times_of(entry, folder_times_.back().times);
  return {};
}

Result<void> Unpacker::copy_data(TarReader& tar, int file, const std::string& path) {
  for (;;) {
    ASSIGN_OR_RETURN(std::string_view bytes, tar.data());
    if (bytes.empty()) return {};
    size_bytes_ += bytes.size();
    while (!bytes.empty()) {
      const ssize_t count = ::write(file, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return os::system_error("write", path, errno);
      bytes.remove_prefix(size_t(count));
    }
  }
}

Result<void> Unpacker::add_file(TarReader& tar, int parent, const InnerPath& path,
                                archive_entry* entry) {
  RETURN_IF_ERROR(make_way(parent, path, false));
  ASSIGN_OR_RETURN(parent, open_parent(path.parent));
  const os::Fd file(::openat(parent, path.name.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return os::system_error("create", path.str(), errno);
  RETURN_IF_ERROR(copy_data(tar, file.get(), path.str()));
  // In this order: chown takes away setuid bits and capabilities.
  if (::fchown(file.get(), uid_t(archive_entry_uid(entry)), gid_t(archive_entry_gid(entry))) != 0) {
    return os::system_error("chown", path.str(), errno);
  }
  RETURN_IF_ERROR(set_attributes(through_proc(parent) + "/" + path.name, path, entry));
  timespec times[2];
  times_of(entry, times);
  if (::fchmod(file.get(), archive_entry_perm(entry)) != 0 || ::futimens(file.get(), times) != 0) {
    return os::system_error("chmod", path.str(), errno);
  }
  return {};
}

Result<void> Unpacker::add_hard_link(int parent, const InnerPath& path, const char* target) {
  ASSIGN_OR_RETURN(const InnerPath from, parse_inner_path(target));
  auto from_parent = open_beneath(root_.get(), from.parent, O_PATH | O_DIRECTORY);
  if (!from_parent) return std::unexpected(from_parent.error());
  RETURN_IF_ERROR(make_way(parent, path, false));
  ASSIGN_OR_RETURN(parent, open_parent(path.parent));
  // Without AT_SYMLINK_FOLLOW: a link to a symbolic link links that, not what it points at.
  if (::linkat(from_parent->get(), from.name.c_str(), parent, path.name.c_str(), 0) != 0) {
    return invalid_argument("hard link \"{}\" to \"{}\": {}", path.str(), target,
                            ::strerror(errno));
  }
  return {};
}

Result<void> Unpacker::add_symlink(int parent, const InnerPath& path, archive_entry* entry) {
  const char* target = archive_entry_symlink(entry);
  if (!target) return invalid_argument("damaged archive: link \"{}\" to nothing", path.str());
  RETURN_IF_ERROR(make_way(parent, path, false));
  ASSIGN_OR_RETURN(parent, open_parent(path.parent));
  if (::symlinkat(target, parent, path.name.c_str()) != 0) {
    return os::system_error("symlink", path.str(), errno);
  }
  return set_owner_and_times(parent, path, entry);
}

Result<void> Unpacker::add_node(int parent, const InnerPath& path, archive_entry* entry) {
  RETURN_IF_ERROR(make_way(parent, path, false));
  ASSIGN_OR_RETURN(parent, open_parent(path.parent));
  if (::mknodat(parent, path.name.c_str(), archive_entry_filetype(entry) | 0600,
                archive_entry_rdev(entry)) != 0) {
    return os::system_error("mknod", path.str(), errno);
  }
  return set_owner_and_times(parent, path, entry);
}

Result<void> Unpacker::add(TarReader& tar, archive_entry* entry) {
  const char* name = archive_entry_pathname(entry);
  if (!name) return invalid_argument("damaged archive: an entry without a name");
  ASSIGN_OR_RETURN(const InnerPath path, parse_inner_path(name));
  if (path.name.empty()) return add_root(entry);
  ASSIGN_OR_RETURN(const int parent, open_parent(path.parent));
  if (path.name.starts_with(kWhiteout)) return add_whiteout(parent, path);
  if (const char* target = archive_entry_hardlink(entry)) {
    return add_hard_link(parent, path, target);
  }
  switch (archive_entry_filetype(entry)) {
    case AE_IFDIR:
      return add_folder(parent, path, entry);
    case AE_IFREG:
      return add_file(tar, parent, path, entry);
    case AE_IFLNK:
      return add_symlink(parent, path, entry);
    case AE_IFCHR:
    case AE_IFBLK:
    case AE_IFIFO:
      return add_node(parent, path, entry);
    default:
      return invalid_argument("\"{}\" is of a kind that no layer may hold", path.str());
  }
}

Result<void> Unpacker::finish() {
  for (auto folder = folder_times_.rbegin(); folder != folder_times_.rend(); ++folder) {
    // A later entry may have put something else there.
    const auto fd = open_beneath(root_.get(), folder->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (fd) ::futimens(fd->get(), folder->times);
  }
  return {};
}

}  // namespace

Result<Unpacked> unpack_tar(const std::string& tar_path, const std::string& folder,
                            const std::atomic<bool>& cancelled) {
  os::Fd root(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return os::system_error("open", folder, errno);
  Unpacker unpacker(std::move(root));
  ASSIGN_OR_RETURN(const auto tar, TarReader::open(tar_path));
  for (uint64_t count = 0;; ++count) {
    if (cancelled) return make_error(ErrorCode::Cancelled, "unpacking was stopped");
    if (count > kTarEntriesMax) return too_large("more than {} entries", kTarEntriesMax);
    ASSIGN_OR_RETURN(archive_entry* const entry, tar->next());
    if (!entry) break;
    RETURN_IF_ERROR(unpacker.add(*tar, entry));
  }
  RETURN_IF_ERROR(unpacker.finish());
  ASSIGN_OR_RETURN(std::string digest, tar->finish_digest());
  return Unpacked{std::move(digest), unpacker.size_bytes()};
}

}  // namespace shoal::images

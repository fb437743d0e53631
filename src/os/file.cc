#include "os/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "os/fd.h"

namespace shoal::os {
namespace {

// Removes what is inside the open folder; `device` guards against crossing into a mount.
Result<void> empty_folder(int folder, dev_t device, const std::string& path);

Result<void> remove_entry(int folder, const char* name, dev_t device, const std::string& path) {
  struct stat info{};
  if (::fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? Result<void>{} : system_error("stat", path, errno);
  }
  if (S_ISDIR(info.st_mode)) {
    if (info.st_dev != device) return conflict("{} is still mounted", path);
    const int fd = ::openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return {};  // Somebody else removes it, too.
    if (fd < 0) return system_error("open", path, errno);
    RETURN_IF_ERROR(empty_folder(fd, device, path));
    if (::unlinkat(folder, name, AT_REMOVEDIR) != 0 && errno != ENOENT) {
      return system_error("remove", path, errno);
    }
    return {};
  }
  if (::unlinkat(folder, name, 0) != 0 && errno != ENOENT) {
    return system_error("remove", path, errno);
  }
  return {};
}

Result<void> empty_folder(int folder, dev_t device, const std::string& path) {
  DIR* entries = ::fdopendir(folder);
  if (!entries) {
    ::close(folder);
    return system_error("open", path, errno);
  }
  Result<void> result;
  while (const dirent* entry = ::readdir(entries)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    result = remove_entry(::dirfd(entries), entry->d_name, device, path + "/" + entry->d_name);
    if (!result) break;
  }
  ::closedir(entries);
  return result;
}

}  // namespace

std::unexpected<Error> system_error(std::string_view what, std::string_view path, int errno_value) {
  const ErrorCode code = errno_value == ENOENT                            ? ErrorCode::NotFound
                         : errno_value == ENOSPC || errno_value == EDQUOT ? ErrorCode::Unavailable
                                                                          : ErrorCode::Internal;
  return make_error(code, "{} {}: {}", what, path, ::strerror(errno_value));
}

Result<void> write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("write", path, errno);
    bytes.remove_prefix(size_t(count));
  }
  return {};
}

Result<void> sync_folder(const std::string& path) {
  const Fd fd(::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return system_error("sync", path, errno);
  return {};
}

Result<std::string> read_file(const std::string& path, size_t bytes_max) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return system_error("open", path, errno);
  std::string bytes;
  char buffer[16384];
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("read", path, errno);
    if (count == 0) return bytes;
    if (bytes.size() + size_t(count) > bytes_max) {
      return too_large("{} is larger than {} bytes", path, bytes_max);
    }
    bytes.append(buffer, size_t(count));
  }
}

Result<void> write_file(const std::string& path, std::string_view bytes, mode_t mode) {
  const std::string beside = path + ".new";
  {
    const Fd fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    if (!fd) return system_error("create", beside, errno);
    Result<void> written = write_all(fd.get(), bytes, beside);
    if (written && ::fsync(fd.get()) != 0) written = system_error("sync", beside, errno);
    if (!written) {
      ::unlink(beside.c_str());
      return written;
    }
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) return system_error("rename", path, errno);
  return sync_folder(std::filesystem::path(path).parent_path());
}

Result<void> make_folders(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) return {};
  if (errno == EEXIST) return {};
  if (errno != ENOENT) return system_error("mkdir", path, errno);
  const std::string parent = std::filesystem::path(path).parent_path();
  if (parent.empty() || parent == path) return system_error("mkdir", path, ENOENT);
  RETURN_IF_ERROR(make_folders(parent, mode));
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST)
    return system_error("mkdir", path, errno);
  return {};
}

Result<void> remove_tree(const std::string& path) {
  struct stat info{};
  const std::string parent = std::filesystem::path(path).parent_path();
  if (::lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? Result<void>{} : system_error("stat", path, errno);
  }
  struct stat above{};
  if (::lstat(parent.empty() ? "." : parent.c_str(), &above) == 0 && above.st_dev != info.st_dev) {
    return conflict("{} is still mounted", path);
  }
  return remove_entry(AT_FDCWD, path.c_str(), info.st_dev, path);
}

}  // namespace shoal::os

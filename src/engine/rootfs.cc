#include "engine/rootfs.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "os/fd.h"
#include "os/file.h"

namespace shoal::engine {
namespace {

// Opens `path` as if `root` were "/"; -1 and errno on failure.
os::Fd open_in(const os::Fd& root, const std::string& path, int flags) {
  open_how how{};
  how.flags = uint64_t(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return os::Fd(int(::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how)));
}

Result<os::Fd> open_root(const std::string& rootfs) {
  os::Fd root(::open(rootfs.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return os::system_error("open", rootfs, errno);
  return root;
}

}  // namespace

Result<std::string> read_in_root(const std::string& rootfs, const std::string& path,
                                 size_t bytes_max) {
  ASSIGN_OR_RETURN(const os::Fd root, open_root(rootfs));
  // Not blocking: a fifo in the place of the file must not hold us up.
  const os::Fd file = open_in(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file) return os::system_error("open", path, errno);
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return os::system_error("stat", path, errno);
  if (!S_ISREG(info.st_mode)) return invalid_argument("{} is not a regular file", path);
  return os::read_file("/proc/self/fd/" + std::to_string(file.get()), bytes_max);
}

}  // namespace shoal::engine

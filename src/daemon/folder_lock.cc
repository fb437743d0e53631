#include "daemon/folder_lock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>

#include <cerrno>

#include "os/file.h"

namespace shoal::daemon {
namespace {

constexpr int kTries = 50;
constexpr int kBetweenTriesMs = 100;

}  // namespace

Result<FolderLock> FolderLock::take(const std::string& folder) {
  os::Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return os::system_error("open", folder, errno);
  for (int i = 0; ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0; ++i) {
    if (errno != EWOULDBLOCK && errno != EINTR) return os::system_error("lock", folder, errno);
    if (i == kTries) return conflict("another daemon uses {}", folder);
    ::poll(nullptr, 0, kBetweenTriesMs);  // flock() knows no deadline.
  }
  return FolderLock(std::move(fd));
}

}  // namespace shoal::daemon

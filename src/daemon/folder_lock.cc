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
  const std::string path = folder + "/lock";
  os::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return os::system_error("open", path, errno);
  for (int i = 0; ::flock(file.get(), LOCK_EX | LOCK_NB) != 0; ++i) {
    if (errno != EWOULDBLOCK && errno != EINTR) return os::system_error("lock", path, errno);
    if (i == kTries) return conflict("another daemon uses {}", folder);
    ::poll(nullptr, 0, kBetweenTriesMs);  // flock() knows no deadline.
  }
  return FolderLock(std::move(file));
}

}  // namespace shoal::daemon

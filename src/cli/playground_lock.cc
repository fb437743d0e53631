#include "cli/playground_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>

#include "cli/playground_record.h"
#include "os/file.h"

namespace shoal::cli {
namespace {

Result<void> lock(int folder, const std::string& path) {
  if (::flock(folder, LOCK_EX | LOCK_NB) == 0) return {};
  if (errno == EWOULDBLOCK)
    std::fputs("another command of a playground is at work; waiting\n", stderr);
  while (::flock(folder, LOCK_EX) != 0) {
    if (errno != EINTR) return os::system_error("lock", path, errno);
  }
  return {};
}

// Whoever held the lock may have removed the folder as its last act.
bool is_still(int folder, const std::string& path) {
  struct stat ours{}, theirs{};
  return ::fstat(folder, &ours) == 0 && ::stat(path.c_str(), &theirs) == 0 &&
         ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

}  // namespace

Result<PlaygroundLock> PlaygroundLock::take() {
  const std::string path(kPlaygroundRunRoot);
  for (;;) {
    RETURN_IF_ERROR(os::make_folders(path, 0711));
    os::Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder && errno == ENOENT) continue;
    if (!folder) return os::system_error("open", path, errno);
    RETURN_IF_ERROR(lock(folder.get(), path));
    if (is_still(folder.get(), path)) return PlaygroundLock(std::move(folder));
  }
}

PlaygroundLock::~PlaygroundLock() {
  if (folder_) ::rmdir(std::string(kPlaygroundRunRoot).c_str());
}

}  // namespace shoal::cli

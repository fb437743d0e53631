// FolderLock: one daemon for a folder. Two on one data root would each delete what the other makes.
//
// The kernel drops the lock with the process, however it ends; programs that it started do not hold
// it.
#pragma once

#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace shoal::daemon {

class FolderLock {
 public:
  // Conflict when another process holds it, also after a while: one that was killed may take a
  // moment to go. Blocks for that long. An error of the file system says what is wrong with the
  // folder (read-only, full, not there).
  static Result<FolderLock> take(const std::string& folder);

 private:
  explicit FolderLock(os::Fd file) : file_(std::move(file)) {}
  os::Fd file_;
};

}  // namespace shoal::daemon

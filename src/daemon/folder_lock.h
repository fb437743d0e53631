// FolderLock: one daemon for a folder. Two on one data root would each delete what the other makes,
// two on one cgroup end each other's containers as strangers.
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
  // moment to go. Blocks for that long. Nothing is written: it works on a full disk, and for a
  // folder of cgroups.
  static Result<FolderLock> take(const std::string& folder);

 private:
  explicit FolderLock(os::Fd folder) : folder_(std::move(folder)) {}
  os::Fd folder_;
};

}  // namespace shoal::daemon

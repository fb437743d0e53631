// PlaygroundLock: one command at a time that makes, boots or removes anything.
#pragma once

#include "base/result.h"
#include "os/fd.h"

namespace shoal::cli {

class PlaygroundLock {
 public:
  // Makes the run root if need be. Waits, as long as it takes, for a command that holds the lock,
  // and says so on standard error. The lock goes with the process, however it ends.
  static Result<PlaygroundLock> take();
  PlaygroundLock(PlaygroundLock&&) = default;
  PlaygroundLock& operator=(PlaygroundLock&&) = delete;
  // Removes the run root when nothing is in it any more.
  ~PlaygroundLock();

 private:
  explicit PlaygroundLock(os::Fd folder) : folder_(std::move(folder)) {}
  os::Fd folder_;
};

}  // namespace shoal::cli

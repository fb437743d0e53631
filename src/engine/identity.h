// A process for sure: a number alone may be somebody else's by now, so the time it started goes
// with it, and the boot that both belong to.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace shoal::engine {

struct ProcessIdentity {
  pid_t pid = 0;
  uint64_t start_ticks = 0;  // since boot, as in /proc/PID/stat
  std::string boot_id;

  bool operator==(const ProcessIdentity&) const = default;
};

// NotFound when there is no such process (a zombie counts as there).
Result<ProcessIdentity> identify(pid_t pid, const std::string& boot_id);

// A descriptor of exactly this process, readable once it has ended; NotFound when it is gone.
Result<os::Fd> open_process(const ProcessIdentity& identity, const std::string& boot_id);

}  // namespace shoal::engine

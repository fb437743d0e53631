// Docker's log drivers, as far as they are files of ours: json-file and local keep lines in
// conmon's file, none keeps nothing.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "model/common.h"

namespace shoal::engine {

struct LogLimits {
  bool kept = true;
  int64_t bytes_max = 0;  // of one file; 0: no limit
  // That many including the one being written. conmon itself keeps one: when it is full it starts
  // the file anew, so until something keeps the predecessors max-file has no effect beyond one.
  uint64_t files_max = 1;

  bool operator==(const LogLimits&) const = default;
};

// Unset is json-file without a limit. InvalidArgument for a driver that is not there ("logger: no
// log driver named 'x' is registered") and for options it does not know or cannot read.
Result<LogLimits> log_limits(const std::optional<model::Driver>& driver);

}  // namespace shoal::engine

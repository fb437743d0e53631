// What a daemon or a runtime that was killed half-way leaves beside the container itself: a conmon
// that waits or goes on, the runtime it had started, and the runtime's copy of its own program.
// Both are found by the container's folder, which stands in every command line that we start for
// it. Everything blocks (pool).
#pragma once

#include <string>

#include "base/result.h"

namespace shoal::engine {

// Kills every conmon and runtime that still works on the container in `folder` (its own, or that of
// an exec in it), until there is none; Conflict when one cannot be ended in 10 s. Looks at all
// processes of the machine, so it is for what went wrong only.
Result<void> end_makers(const std::string& folder);

// Takes away the runtime's copies of itself in and below `folder`, mounted there for a moment of
// each of its runs.
Result<void> remove_runtime_copies(const std::string& folder);

}  // namespace shoal::engine

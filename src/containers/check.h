// What Docker refuses before it makes a container, in its words.
#pragma once

#include <string>
#include <vector>

#include "model/container.h"

namespace shoal::containers {

inline constexpr int64_t kMemoryMinBytes = 6 << 20;

// What the machine can give.
struct MachineLimits {
  int cpu_count = 1;
  bool swap_limit = true;  // the kernel can limit swap
};

// Looks at the merged configuration. Adjusts what Docker adjusts (a limit that the kernel cannot
// keep is dropped) and returns the warnings that say so; InvalidArgument with the reason otherwise.
Result<std::vector<std::string>> check_config(model::ContainerConfig& config,
                                              const MachineLimits& machine);

// "KILL", "SIGKILL", "kill", "9" or "RTMIN+3" as the number. InvalidArgument "invalid signal: x".
Result<int> parse_signal(std::string_view text);

}  // namespace shoal::containers

// Names and ids of containers and volumes.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/rng.h"

namespace shoal::containers {

// [a-zA-Z0-9][a-zA-Z0-9_.-]+, after one leading slash. Returns the name without the slash.
Result<std::string> check_container_name(std::string_view name);

// [a-zA-Z0-9][a-zA-Z0-9_.-]+ ; the error tells those who meant a path to write an absolute one.
Result<void> check_volume_name(std::string_view name);

// "brave_otter"; with `attempt` above 0 a digit follows, so that repeated tries find a free one.
std::string make_up_name(Rng& rng, int attempt);

// 64 hex digits. Never all decimal digits in the first 12: that short id would read as a number
// when it serves as a host name (Docker's rule).
std::string make_id(Rng& rng);

}  // namespace shoal::containers

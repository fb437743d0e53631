// The mounts of a playground's node: its own /proc and /run, the rest as the machine has it.
#pragma once

#include "base/result.h"

namespace shoal::cli {

// For the first process of new mount and PID namespaces. Afterwards nothing that is mounted here is
// seen by the machine, and /run is empty but for the names of the machine's name servers.
Result<void> mount_like_a_machine();

}  // namespace shoal::cli

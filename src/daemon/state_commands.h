// shoald --backup and --restore, and what an operator is told when the state cannot be used.
#pragma once

#include <string>

#include "daemon/flags.h"

namespace shoal::daemon {

// Backs up the swarm of flags.data_root to flags.backup, and returns what to print. The daemon may
// run meanwhile. Blocks.
Result<std::string> back_up(const Flags& flags);

// Brings the swarm of flags.restore into flags.data_root, and returns what to print. Conflict while
// a daemon uses that folder, or when the node has a swarm. Blocks.
Result<std::string> restore(const Flags& flags);

// Why the state in this folder cannot be used, with what to do about it.
std::string explain_state_error(const Error& error, const std::string& swarm_folder);

}  // namespace shoal::daemon

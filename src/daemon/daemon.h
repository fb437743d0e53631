// Daemon: every room of one node put together. It only wires; what happens is decided below.
#pragma once

#include <memory>

#include "base/log.h"
#include "daemon/flags.h"

namespace shoal::daemon {

// Runs the node until SIGTERM or SIGINT, and returns the process's exit code. Containers go on
// afterwards; the next run adopts them. Blocks; to be called once, before any thread is started.
int run_daemon(const Flags& flags, Log& log);

// --cleanup: removes the containers, networks, mounts and cgroups that a daemon with these folders
// left behind, and returns the exit code. Refuses while such a daemon runs.
int run_cleanup(const Flags& flags, Log& log);

}  // namespace shoal::daemon

// The first process of a playground's node: what init is to a machine. It sets up the mounts,
// starts shoald, reaps whatever is left to it, and lives on when the daemon ends, as a machine
// does.
//
// It is told what to do over a unix socket in the node's folder, one line a connection:
//   restart       ends the daemon if it runs and starts it; answers "ready" or what went wrong
//   stop SECONDS  shuts the machine down; everybody gets SIGTERM and that much time
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace shoal::cli {

struct InitOptions {
  std::string hostname;
  std::string folder;                // the node's, for its control socket
  std::vector<std::string> command;  // the daemon
};

// The daemon's end of a stream socket on which the starter says "go" when the network is there, and
// hears "ready" or what went wrong. Without a "go" init ends.
inline constexpr int kInitStarterFd = 3;
inline constexpr const char* kReady = "ready";

// A line of the control socket: seconds of grace, or nothing for a restart. InvalidArgument for
// anything else.
struct InitRequest {
  bool stop = false;
  int grace_s = 0;
};
Result<InitRequest> parse_init_request(const std::string& line);

inline constexpr int kGraceMaxS = 3600;

// Runs as process 1 of new mount, UTS and PID namespaces until it is told to stop. Returns the exit
// code.
int run_init(const InitOptions& options);

}  // namespace shoal::cli

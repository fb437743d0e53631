// `shoal node`: what docker has no command for. The daemon is the one of DOCKER_HOST, or Shoal's
// own.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <string>

#include "base/result.h"

namespace shoal::cli {

// `shoal node drain NODE [--wait]`
struct DrainRequest {
  std::string node;  // id, prefix of one, or host name
  bool wait = false;
  int timeout_s = 0;  // 0: for as long as it takes
  bool quiet = false;
};

CLI::App* add_node(CLI::App& app, DrainRequest& request);

// Sets the node's availability to drain and, with --wait, returns once nothing that is meant to run
// elsewhere runs there any more; shows how many are left. Exit code 1, with the reason, when the
// daemon refuses or the time is over.
int run_drain(const DrainRequest& request);

// The socket of $DOCKER_HOST ("unix:///path"), Shoal's own when there is none. InvalidArgument for
// another kind of address.
Result<std::string> daemon_socket(const char* docker_host);

// What is left of a node's tasks in the answer of GET /tasks: those that have not ended yet.
// Internal when it is no list of tasks.
Result<size_t> tasks_left(const std::string& answer);

}  // namespace shoal::cli

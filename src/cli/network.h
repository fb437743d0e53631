// `shoal network check`: has the daemon compare its node's networks in the kernel with what they
// shall be, and mend them. The daemon is the one of DOCKER_HOST, or Shoal's own.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/table.h"

namespace shoal::cli {

// `shoal network check [--format FORMAT]`
struct NetworkCheckRequest {
  bool quiet = false;
  std::string format;
};

CLI::App* add_network(CLI::App& app, NetworkCheckRequest& request);
// InvalidArgument for flags that do not go together.
Result<void> complete_network_check(const NetworkCheckRequest& request);

// Returns the exit code: 0 when the node's networks are now as they shall be, 1 when one could not
// be mended or anything else went wrong, with the reason.
int run_network_check(const NetworkCheckRequest& request);

// What the daemon has found and mended.
struct NetworkFindings {
  size_t networks = 0;
  size_t differences = 0;
  std::vector<std::string> descriptions;  // of the first ones
  std::string failure;                    // empty: everything is mended
};

// Internal when the answer cannot be read.
Result<NetworkFindings> read_network_check(const std::string& answer);
// A row each difference that is described.
Table differences_table(const NetworkFindings& findings);
// "3 networks, nothing to mend", or the differences, a line each, and their number.
std::string network_check_words(const NetworkFindings& findings);

}  // namespace shoal::cli

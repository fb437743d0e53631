// The command line of `shoal`.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "cli/network.h"
#include "cli/node.h"
#include "cli/playground.h"
#include "cli/playground_init.h"
#include "cli/rebalance.h"
#include "cli/swarm.h"

namespace shoal::cli {

// What to do: one of the commands, or print `text` (help, version) and exit 0.
struct Invocation {
  std::variant<std::monostate, PlaygroundRequest, DrainRequest, NetworkCheckRequest,
               RebalanceRequest, SwarmJoinRequest, InitOptions>
      command;
  std::string text;
};

// `arguments` without the program's name. InvalidArgument says what is wrong with them and which
// help tells more.
Result<Invocation> parse_command_line(const std::vector<std::string>& arguments);

}  // namespace shoal::cli

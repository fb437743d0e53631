// The flags of `shoal playground`.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/playground.h"

namespace CLI {
class App;
}

namespace shoal::cli {

// Adds the command group to `app`; parsing fills in `request`, which must outlive it.
CLI::App* add_playground(CLI::App& app, PlaygroundRequest& request);

// Before parsing: takes the command that follows the node of `playground exec` away, whose flags
// are its own, and returns it. Nothing when it is another command.
std::vector<std::string> split_exec(std::vector<std::string>& arguments);

// After parsing: what the parser leaves to us. InvalidArgument names what is wrong.
Result<void> complete_playground(PlaygroundRequest& request);

}  // namespace shoal::cli

// Running the machine's own tools (ip, nft) from a command, which has no loop and may wait.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace shoal::cli {

// Runs the program to its end with `input` and returns what it printed. Its failure is Internal,
// with its arguments and what it said; NotFound when it is not installed. Blocks.
Result<std::string> run_tool(const std::vector<std::string>& argv, const std::string& input = {});

}  // namespace shoal::cli

// Running a command inside a playground's node.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/playground_node.h"

namespace shoal::cli {

// In all namespaces of the node, in the working folder of the caller if it is there, with
// DOCKER_HOST set. The terminal stays what it is. Returns the command's exit code, 128 + signal,
// 127 when there is no such command; an error when the node cannot be entered.
Result<int> run_in_node(const NodeInit& init, const std::string& socket_path,
                        const std::vector<std::string>& command);

}  // namespace shoal::cli

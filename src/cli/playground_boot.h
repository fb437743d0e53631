// Booting a node of a playground: namespaces, cgroups, network, and the wait for its daemon.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/playground_record.h"

namespace shoal::cli {

// A daemon that says nothing for so long does not come up.
inline constexpr int kBootWithinS = 60;

// Starts the first process of the node in namespaces of its own, links it to the switch, and
// returns when the API answers. On an error something may be left: kill_node() removes it.
Result<void> boot(const Playground& playground, int node);

// A line that a node's first process says (playground_init.h); "" when it ended instead.
// DeadlineExceeded when it says nothing.
Result<std::string> read_answer_of_init(int socket, int within_s);

// `answer` is not kReady: what happened, with the end of the daemon's log.
std::string explain_boot_failure(const Playground& playground, int node, const std::string& answer);

}  // namespace shoal::cli

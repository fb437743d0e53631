// One node of a playground: its processes, seen from the machine.
//
// A node's first process is found by its cgroup, so that nothing has to be remembered and no
// process id can be mistaken. All calls block.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/playground_record.h"
#include "os/fd.h"

namespace shoal::cli {

enum class NodeState {
  Running,
  Failed,   // the node is up, its daemon is not
  Cut,      // running, its link down
  Stopped,  // politely
  Killed,   // any other way, or never started
};
std::string_view word_of(NodeState state);

// The first process of a node that is up.
struct NodeInit {
  pid_t pid = -1;
  os::Fd pidfd;
};
// Nothing when the node is down.
Result<std::optional<NodeInit>> find_init(const Playground& playground, int node);
// What find_init finds; FailedPrecondition when the node is down.
Result<NodeInit> require_init(const Playground& playground, int node);

// The state of every node, the first of node 1.
Result<std::vector<NodeState>> read_states(const Playground& playground);

// Boots the node and returns when its API answers. FailedPrecondition when it is up already; when
// the daemon does not come up, the error has the end of its log and the node is down again.
Result<void> start_node(const Playground& playground, int node);
// Pulls the plug: the link first, then everything at once. A node that is down is fine.
Result<void> kill_node(const Playground& playground, int node);
// Shuts the node down: SIGTERM to the daemon, then to everything else; what still runs after
// `grace_s` is killed. FailedPrecondition when it is down.
Result<void> stop_node(const Playground& playground, int node, int grace_s);
// Ends the daemon and starts it again, or starts it when it does not run; containers go on.
Result<void> restart_daemon(const Playground& playground, int node);

// Ends every process of the playground and removes its cgroups; none there is fine.
Result<void> end_processes(const Playground& playground);

}  // namespace shoal::cli

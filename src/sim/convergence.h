// Liveness: whatever the faults did, once they have stopped every service reaches its spec: one
// task that runs in each slot, of a global service one on each node that is a place for it and none
// on others; no container runs that no task owns; and each node uses its networks as they are.
#pragma once

#include <string>
#include <vector>

#include "sim/agent_host.h"

namespace shoal::sim {

// What is not yet as it should be, one sentence each; empty: converged. Expects a leader, at least
// one node that takes every task, and none that is paused. A slot whose restart policy gave up
// counts as reached.
std::vector<std::string> unconverged(const store::Tables& tables,
                                     const std::vector<std::unique_ptr<AgentHost>>& agents);

// Once every rebalance is completed: the services whose tasks are not spread evenly over the nodes
// that are a place for them, one sentence each.
std::vector<std::string> uneven(const store::Tables& tables);

// How what a node uses of its networks differs from what is stored.
std::vector<std::string> unlike_networks(const store::Tables& tables, const model::NodeId& node,
                                         const NodeNetworks& networks);

}  // namespace shoal::sim

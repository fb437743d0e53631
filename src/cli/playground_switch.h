// The network of a playground: a bridge in a network namespace of its own (the switch), a link from
// there to each node and one to the machine, and the faults that can be put on a node's link.
//
// The machine's own namespace gets one link, one address and one table of rules. All calls block.
#pragma once

#include <sys/types.h>

#include <set>
#include <vector>

#include "base/result.h"
#include "cli/playground_record.h"

namespace shoal::cli {

inline constexpr double kLossPercentMax = 100;

// The subnets that the machine has routes to.
Result<std::vector<network::Subnet>> read_routes();

// Makes the switch, the machine's link to it and the rules by which nodes reach the outside.
Result<void> make_switch(const Playground& playground);
// Removes what make_switch and connect_node made, whole or in part; nothing there is fine. The
// links of nodes whose namespaces still exist go with it.
Result<void> remove_switch(const Playground& playground);

// Links the network namespace of process `init` to the switch, as node `node`. What an earlier
// life of the node left is replaced; a loss that was set stays.
Result<void> connect_node(const Playground& playground, int node, pid_t init);

// Takes the link of a node down, or up again. NotFound when the node has none now.
Result<void> set_link(const Playground& playground, int node, bool up);
// The nodes that have a link, and whether it is up.
struct Links {
  std::set<int> up, down;
};
Result<Links> read_links(const Playground& playground);

// Drops this share of the packets from and to the node, each way; 0 ends it.
Result<void> set_loss(const Playground& playground, int node, double percent);

}  // namespace shoal::cli

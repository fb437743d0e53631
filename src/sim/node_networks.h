// What a node uses of its networks, as its kernel and its names would have it: built from the
// manager's messages alone. Outlives the agent, not the machine.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/network_feed.h"
#include "store/tables.h"

namespace shoal::sim {

// Every record under its key: "net1", "net1 task web.1.a", "net1 service web", "net1 gateway n1".
using NetworkRecords = std::map<std::string, model::Ref<model::NetworkChange>>;

class NodeNetworks {
 public:
  void apply(const model::NetworksMessage& message);
  void clear() { records_.clear(); }

  const NetworkRecords& records() const { return records_; }
  // In any network.
  bool gives_work_to(const model::TaskId& task) const;
  // What was named in a network that the node had not been told of; such a message is broken.
  const std::vector<std::string>& misplaced() const { return misplaced_; }

 private:
  void put(std::string key, const model::Ref<model::NetworkChange>& record);

  NetworkRecords records_;
  std::vector<std::string> misplaced_;
};

// What the store says that this node is to know, found by looking at everything. Other nodes'
// gateways are left out: which of them a node knows depends on what it ran before.
NetworkRecords expected_networks(const store::Tables& tables, const model::NodeId& node);
// `records` without the gateways of others.
NetworkRecords without_foreign_gateways(NetworkRecords records, const model::NodeId& node);

}  // namespace shoal::sim

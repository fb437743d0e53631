// What the feed keeps for a network, a node and a service. Internal to the room.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "dispatcher/network_feed.h"

namespace shoal::dispatcher {

struct NetworkFeed::Network {
  explicit Network(uint64_t version) : contents(version), gateways(version) {}

  model::Ref<model::Network> stored;  // null: none, or removed while something still names it
  Journal contents;                   // the network's view, the services and endpoints in it
  Journal gateways;                   // the nodes' own addresses
  std::map<model::NodeId, Node*> carriers;
  std::map<model::NodeId, Node*> gateway_carriers;  // those of the carriers that are told of all

  bool is_empty() const {
    return !stored && contents.size() == 0 && gateways.size() == 0 && carriers.empty();
  }
};

// Of one session.
struct NetworkFeed::Watch {
  // How far the node was told of a network.
  struct Told {
    uint64_t version = 0;       // of the message
    bool all_gateways = false;  // stays so: the node may forget them with its next session
  };

  model::SessionId session;
  bool complete_due = true;
  bool dirty = false;            // there may be something to say
  bool queued = false;           // stands in the queue
  uint64_t in_flight = 0;        // the message that is not acknowledged; 0: none
  size_t in_flight_records = 0;  // of it; 0 when it does not count any more
  std::map<model::NetworkId, Told> told;
};

struct NetworkFeed::Node {
  model::Ref<model::Node> stored;  // null: removed, and tasks of its are left
  std::map<model::TaskId, model::Ref<model::Task>> tasks;  // those in networks
  std::map<model::NetworkId, size_t> task_counts;          // of those in each network
  std::optional<Watch> watch;

  bool speaks_shoal() const { return stored && stored->description.shoal_version > 0; }
};

struct NetworkFeed::Service {
  model::Ref<model::Service> stored;
  std::vector<model::NetworkId> networks;  // where it is told of
};

}  // namespace shoal::dispatcher

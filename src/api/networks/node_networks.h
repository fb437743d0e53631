// The networks that this node has by itself, as Docker's API shows them: bridge, host and none, and
// the bridges that users made.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/event_bus.h"
#include "codec/json_network.h"
#include "containers/networks.h"

namespace shoal::api {

// Names that no network can be given.
bool is_predefined(std::string_view name);

// "host" or "bridge" as services know it. In the swarm its id is its name: every node has one, and
// none is the swarm's.
std::optional<codec::NetworkResource> predefined_in_swarm(std::string_view name);

Event event_of(const containers::NetworkEvent& event, Time now);

class NodeNetworks {
 public:
  // This node's containers that are connected to the network of that id, by their ids.
  using Members =
      std::function<std::map<std::string, codec::NetworkContainer>(const std::string& network)>;
  // `networks` is open before anything else is asked.
  NodeNetworks(containers::Networks& networks, Members members);

  // Without containers. The predefined ones come first.
  std::vector<codec::NetworkResource> all() const;
  void add_containers(codec::NetworkResource& network) const;

 private:
  containers::Networks& networks_;
  const Members members_;
};

}  // namespace shoal::api

// The networks that every node has by itself: bridge, host and none.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json_network.h"
#include "netdriver/node_network.h"

namespace shoal::api {

// Names that no network can be given.
bool is_predefined(std::string_view name);

// "host" or "bridge" as services know it. In the swarm its id is its name: every node has one, and
// none is the swarm's.
std::optional<codec::NetworkResource> predefined_in_swarm(std::string_view name);

class NodeNetworks {
 public:
  // `network` is started before anything else is asked. `node`: a text that names this machine for
  // good; the networks' ids are made from it. `created`: when the daemon started.
  NodeNetworks(const netdriver::NodeNetwork& network, std::string_view node, Time created);

  // Without containers.
  std::vector<codec::NetworkResource> all() const;
  void add_containers(codec::NetworkResource& network) const;

 private:
  codec::NetworkResource bridge() const;

  const netdriver::NodeNetwork& network_;
  const std::string node_;
  const Time created_;
};

}  // namespace shoal::api

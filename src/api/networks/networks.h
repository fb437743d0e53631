// Docker's networks: those that every node has (bridge, host and none) and the swarm's overlays.
//
// GET /networks, /networks/{id}; POST /networks/create, prune, /networks/{id}/connect, disconnect;
// DELETE /networks/{id}. A manager shows the networks of the store, any other node those that it
// takes part in; every node those that it has by itself (node_networks.h).
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "api/context.h"
#include "api/http/router.h"
#include "api/networks/network_change.h"
#include "api/networks/network_filter.h"
#include "api/networks/node_networks.h"
#include "model/network_feed.h"

namespace shoal::api {

// A network of the swarm as this node itself knows it.
struct KnownNetwork {
  model::NetworkView view;
  std::map<std::string, codec::NetworkContainer> containers;  // this node's, by container id
};

class NetworksApi {
 public:
  struct Node {
    containers::Networks& networks;  // open before the first request
    NodeNetworks::Members members;
    // The full id of a container; NotFound "No such container: x".
    std::function<Result<std::string>(const std::string& ref)> find_container;
    // See containers::Containers.
    std::function<os::Co<Result<void>>(std::string container, model::NetworkConnection)> connect;
    std::function<os::Co<Result<void>>(std::string container, std::string network)> disconnect;
    // The overlays that this node takes part in. Empty function: none.
    std::function<std::vector<KnownNetwork>()> known;
  };
  NetworksApi(Context context, Node node);
  void add_routes(Router& router);

 private:
  struct Found {
    codec::NetworkResource shown;       // without containers
    model::Ref<model::Network> stored;  // null unless it is the swarm's and this node a manager
  };

  os::Co<Result<void>> list(Request& request, Responder& responder);
  os::Co<Result<void>> inspect(Request& request, Responder& responder);
  os::Co<Result<void>> create(Request& request, Responder& responder);
  os::Co<Result<std::string>> create_in_swarm(codec::NetworkCreate create);
  os::Co<Result<std::string>> create_here(codec::NetworkCreate create);
  os::Co<Result<void>> remove(Request& request, Responder& responder);
  os::Co<Result<void>> remove_from_swarm(model::NetworkId id);
  os::Co<Result<void>> prune(Request& request, Responder& responder);
  os::Co<Result<void>> prune_swarm(const PruneFilters& filters, std::vector<std::string>& pruned);
  os::Co<> prune_here(const PruneFilters& filters, std::vector<std::string>& pruned);
  os::Co<Result<void>> connect(Request& request, Responder& responder);
  os::Co<Result<void>> disconnect(Request& request, Responder& responder);

  Result<store::Store*> store_for_create();
  Result<Found> find(std::string_view ref, std::string_view scope);
  std::optional<Found> find_exactly(std::string_view ref, std::string_view scope);
  std::vector<Found> find_beginning(std::string_view ref, std::string_view scope);
  std::vector<KnownNetwork> known() const;
  // On nodes that are no managers: the overlays they know.
  std::vector<codec::NetworkResource> known_resources();
  void add_containers(codec::NetworkResource& shown) const;
  std::set<std::string> used_networks();
  os::Co<Result<LiveUses>> live_uses();
  // The name of this network of the swarm, if a user's container may be attached to it as far as
  // this node knows: a worker leaves it to a manager, with the container's start.
  Result<std::string> name_if_attachable(std::string_view ref);
  Result<void> check_name_is_free(const std::string& name) const;

  Context context_;
  const Node node_;
  const NodeNetworks local_;
};

}  // namespace shoal::api

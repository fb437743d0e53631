// What `docker network inspect` shows of a network of the swarm besides the network itself: the
// nodes that take part and, with -v, its services with their tasks.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/context.h"
#include "codec/json_network.h"

namespace shoal::api {

// A snapshot; its objects may be read on the pool.
struct NetworkDetails {
  struct OfService {
    model::Ref<model::Service> service;
    store::TaskTable::Tasks tasks;  // that can be reached
  };
  std::vector<OfService> services;             // in id order
  std::map<model::NodeId, std::string> nodes;  // that take part, with their addresses
  size_t task_count = 0;
};
// In turns of the loop. Unavailable when the node ceases to be a manager meanwhile.
os::Co<Result<NetworkDetails>> gather_details(Context& context, model::Ref<model::Network> network);

void add_peers(const NetworkDetails& details, codec::NetworkResource& shown);
void add_services(const NetworkDetails& details, const model::Network& network,
                  codec::NetworkResource& shown);

}  // namespace shoal::api

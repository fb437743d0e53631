// The networks of a service: what a client calls them, and what is stored.
#pragma once

#include "model/service.h"
#include "store/tables.h"

namespace shoal::api {

// NotFound in Docker's words unless every network that the spec names is there.
Result<void> check_networks_known(const store::Tables& tables, const model::ServiceSpec& spec);

// Puts the ids of networks in the place of their names and of beginnings of ids; "host" and
// "bridge", which every node has by itself, stay as they are. Networks in the place where old
// clients write them move to the task's, where everybody looks. Doing it twice changes nothing.
// InvalidArgument for the ingress network, for one that is named twice, for others beside the
// host's, and for ingress ports of a service on the host's network.
Result<void> resolve_networks(const store::Tables& tables, model::ServiceSpec& spec);

// FailedPrecondition in Docker's words when the spec publishes through the routing mesh and the
// swarm has no ingress network: it was removed.
Result<void> check_ingress_network(const store::Tables& tables, const model::ServiceSpec& spec);

// Some port is published through the routing mesh.
bool publishes_ingress_ports(const model::ServiceSpec& spec);

}  // namespace shoal::api

// What a client may do to the swarm's networks, as functions on a write transaction: no HTTP, no
// waiting.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "codec/json_network.h"
#include "store/store.h"

namespace shoal::api {

// It is to be a bridge of this node, and no network of the swarm.
bool is_of_node(const codec::NetworkCreate& create);

// Refuses, in Docker's words, what is neither a bridge of this node nor an overlay network that can
// be made anew: a name that is predefined, other drivers, scopes that do not fit them,
// configuration networks.
Result<void> check_kind(const codec::NetworkCreate& create);

// AlreadyExists when the name is taken or there is an ingress network already, and what
// allocator::check_network_spec() says.
Result<void> create_network(store::WriteTx& tx, const model::NetworkId& id,
                            model::NetworkSpec spec);

// A task that has not been told to stop, for each network that one is attached to.
using LiveUses = std::map<model::NetworkId, model::TaskId>;

// FailedPrecondition, in Docker's words, when a service or a task uses the network or, of the
// ingress network, when a service publishes ports through it. NotFound when it is gone.
Result<void> remove_network(store::WriteTx& tx, const model::NetworkId& id, const LiveUses& uses);

// Those of `candidates` that neither a service nor a task uses; the ingress network stays. Returns
// their names.
Result<std::vector<std::string>> remove_unused(store::WriteTx& tx,
                                               std::span<const model::NetworkId> candidates,
                                               const LiveUses& uses);

// The tasks of the service would be in this network.
bool uses_network(const model::Service& service, const model::Network& network);

}  // namespace shoal::api

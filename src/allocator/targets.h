// The networks that a spec names, found in the store.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "allocator/waiters.h"
#include "model/network.h"
#include "store/tables.h"

namespace shoal::allocator {

// Why somebody does not get on, for its status, and what would change that.
struct Blocked {
  Cause cause;
  std::string message;  // "waiting for a network"
  std::string error;    // "network web-net not found"
};
template <class T>
using Outcome = std::expected<T, Blocked>;

// An allocated network, what a task is to be called in it and which addresses it wants.
struct Target {
  model::Ref<model::Network> network;
  std::vector<std::string> aliases;
  std::vector<std::string> addresses;
};

// The networks of a service's tasks; the deprecated place counts when the other one is empty.
const std::vector<model::NetworkAttachmentConfig>& networks_of(const model::ServiceSpec& service,
                                                               const model::TaskSpec& task);
// Each overlay once, in the order given, without those that every node has by itself.
Outcome<std::vector<Target>> find_targets(
    const store::Tables& tables, const std::vector<model::NetworkAttachmentConfig>& configs);
// `ingress`: its id, as far as it is known.
Outcome<Target> find_ingress(const store::Tables& tables, const model::NetworkId& ingress);

// What wakes those who wait for this network, by id and by name.
std::vector<Cause> causes_of(const model::Network& network);

}  // namespace shoal::allocator

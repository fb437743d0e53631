#include "api/service_networks.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "api/lookup.h"

namespace shoal::api {
namespace {

using model::ServiceSpec;
using model::TaskSpec;
using Networks = std::vector<model::NetworkAttachmentConfig>;

// Of the networks that each node has by itself, those that services can be on.
bool is_of_the_node(std::string_view target) {
  return target == "host" || target == "bridge";
}

// Null for a network of the node.
Result<model::Ref<model::Network>> find(const store::Tables& tables, const std::string& target) {
  if (is_of_the_node(target)) return nullptr;
  if (target == "none") {
    return not_found(
        "could not find the corresponding predefined swarm network: network none not found");
  }
  return find_network(tables, target);
}

Result<void> resolve(const store::Tables& tables, Networks& networks) {
  std::set<std::string> targets;
  for (auto& network : networks) {
    ASSIGN_OR_RETURN(const auto found, find(tables, network.target));
    if (found && found->spec.ingress) {
      return invalid_argument("Service cannot be explicitly attached to the ingress network \"{}\"",
                              found->name());
    }
    std::string target = found ? found->id.str() : network.target;
    if (!targets.insert(target).second) {
      return invalid_argument("network {} is attached twice", network.target);
    }
    network.target = std::move(target);
  }
  // A container has either networks of its own or the host's.
  if (targets.size() > 1 && targets.contains("host")) {
    return invalid_argument("a service on the host's network cannot have other networks");
  }
  return {};
}

}  // namespace

Result<void> check_networks_known(const store::Tables& tables, const ServiceSpec& spec) {
  for (const Networks* networks : {&spec.task->networks, &spec.networks}) {
    for (const auto& network : *networks) RETURN_IF_ERROR(find(tables, network.target));
  }
  return {};
}

bool publishes_ingress_ports(const ServiceSpec& spec) {
  return spec.endpoint && std::ranges::any_of(spec.endpoint->ports, [](const auto& port) {
           return port.mode == model::PublishMode::Ingress;
         });
}

Result<void> check_ingress_network(const store::Tables& tables, const ServiceSpec& spec) {
  if (!publishes_ingress_ports(spec)) return {};
  for (const auto& [id, network] : tables.networks().all()) {
    if (network->spec.ingress) return {};
  }
  return failed_precondition("service needs ingress network, but no ingress network is present");
}

Result<void> resolve_networks(const store::Tables& tables, ServiceSpec& spec) {
  Networks networks = spec.task->networks;
  if (networks.empty()) networks = std::exchange(spec.networks, {});
  RETURN_IF_ERROR(resolve(tables, spec.networks));
  RETURN_IF_ERROR(resolve(tables, networks));
  const bool on_host =
      std::ranges::any_of(networks, [](const auto& network) { return network.target == "host"; });
  if (on_host && publishes_ingress_ports(spec)) {
    return invalid_argument(
        "a service on the host's network cannot publish ports in ingress mode: it has no address "
        "of its own");
  }
  if (networks == spec.task->networks) return {};
  TaskSpec task = *spec.task;
  task.networks = std::move(networks);
  spec.task = std::make_shared<const TaskSpec>(std::move(task));
  return {};
}

}  // namespace shoal::api

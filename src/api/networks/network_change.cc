#include "api/networks/network_change.h"

#include <algorithm>
#include <set>

#include "allocator/networks.h"
#include "api/networks/node_networks.h"
#include "api/service_networks.h"

namespace shoal::api {
namespace {

bool is_bridge(const std::string& driver) {
  return driver.empty() || driver == "bridge";
}

Result<void> check_driver(const std::string& driver) {
  if (driver == "overlay" || is_bridge(driver)) return {};
  if (driver == "macvlan" || driver == "ipvlan") {
    return unimplemented(
        "networks of driver {} are not supported by this version of Shoal yet: only bridge and "
        "overlay networks are",
        driver);
  }
  if (driver == "host" || driver == "null") {
    return permission_denied("only one instance of \"{}\" network is allowed", driver);
  }
  return not_found("plugin \"{}\" not found", driver);
}

}  // namespace

bool is_of_node(const codec::NetworkCreate& create) {
  return is_bridge(create.spec.driver.name);
}

Result<void> check_kind(const codec::NetworkCreate& create) {
  const std::string& name = create.spec.annotations.name;
  if (name == "bridge" || name == "host") {
    return already_exists("network with name {} already exists", name);
  }
  if (is_predefined(name)) {
    return permission_denied("operation is not permitted on predefined {} network", name);
  }
  if (create.config_only || !create.config_from.empty()) {
    return unimplemented(
        "networks that only hold a configuration (--config-only, --config-from) are not supported "
        "by this version of Shoal yet");
  }
  RETURN_IF_ERROR(check_driver(create.spec.driver.name));
  if (is_of_node(create)) {
    if (create.scope == "swarm") {
      return unimplemented(
          "bridge networks of the whole swarm are not supported by this version of Shoal yet");
    }
    if (create.ipv4) return {};
    return unimplemented("bridge networks without IPv4 are not supported by this version of Shoal");
  }
  if (create.scope == "local") {
    return permission_denied("cannot downgrade network scope for overlay networks");
  }
  if (!create.ipv4) return invalid_argument("IPv4 cannot be disabled in a Swarm scoped network");
  return {};
}

Result<void> create_network(store::WriteTx& tx, const model::NetworkId& id,
                            model::NetworkSpec spec) {
  RETURN_IF_ERROR(allocator::check_network_spec(tx.read(), spec));
  model::Network network;
  network.id = id;
  network.spec = std::move(spec);
  return tx.create(std::move(network));
}

bool uses_network(const model::Service& service, const model::Network& network) {
  if (network.spec.ingress) return publishes_ingress_ports(service.spec);
  const auto names_it = [&](const model::NetworkAttachmentConfig& attachment) {
    return attachment.target == network.id.view();
  };
  return std::ranges::any_of(service.spec.task->networks, names_it) ||
         std::ranges::any_of(service.spec.networks, names_it);
}

Result<void> remove_network(store::WriteTx& tx, const model::NetworkId& id, const LiveUses& uses) {
  const auto network = tx.read().networks().get(id);
  if (!network) return not_found("network {} not found", id);
  for (const auto& [service_id, service] : tx.read().services().all()) {
    if (!uses_network(*service, *network)) continue;
    if (network->spec.ingress) {
      return failed_precondition(
          "ingress network cannot be removed because service {} depends on it", service_id);
    }
    return failed_precondition("network {} is in use by service {}", id, service_id);
  }
  // The ingress network is in use while a service publishes, not until its last task has ended.
  const auto use = network->spec.ingress ? uses.end() : uses.find(id);
  if (use != uses.end()) {
    return failed_precondition("network {} is in use by task {}", id, use->second);
  }
  return tx.remove(id);
}

Result<std::vector<std::string>> remove_unused(store::WriteTx& tx,
                                               std::span<const model::NetworkId> candidates,
                                               const LiveUses& uses) {
  std::set<std::string, std::less<>> named;
  for (const auto& [id, service] : tx.read().services().all()) {
    for (const auto* networks : {&service->spec.task->networks, &service->spec.networks}) {
      for (const auto& network : *networks) named.insert(network.target);
    }
  }
  std::vector<std::string> removed;
  for (const auto& id : candidates) {
    const auto network = tx.read().networks().get(id);
    const bool stays = !network || network->spec.ingress || named.contains(id.view());
    if (stays || uses.contains(id)) continue;
    RETURN_IF_ERROR(tx.remove(id));
    removed.push_back(network->name());
  }
  return removed;
}

}  // namespace shoal::api

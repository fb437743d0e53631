// The user's part for networks.
#include <utility>

#include "allocator/networks.h"
#include "sim/user.h"

namespace shoal::sim {
namespace {

constexpr size_t kNetworksMax = 6;
constexpr size_t kTargetsMax = 3;

using model::NetworkAttachmentConfig;
using model::Ref;

const std::vector<NetworkAttachmentConfig>& networks_of(const model::Service& service) {
  return service.spec.task->networks.empty() ? service.spec.networks : service.spec.task->networks;
}

bool is_in_small_network(const store::Tables& tables, const model::Service& service) {
  for (const auto& config : networks_of(service)) {
    const auto network = tables.networks().get(model::NetworkId::of(config.target));
    if (network && is_small(*network)) return true;
  }
  return false;
}

}  // namespace

bool is_small(const model::Network& network) {
  return !network.spec.ipam.empty() && network.spec.ipam.front().subnet.ends_with("/28");
}

void User::create_network() {
  if (manager_.read().networks().size() >= kNetworksMax) return;
  model::Network network;
  network.id = model::NetworkId::random(rng_);
  network.spec.annotations.name = fmt::format("net{}", ++networks_made_);
  if (rng_.chance(0.5)) {
    // Twice the same number now and then: they overlap unless the first is gone.
    network.spec.ipam = {{.subnet = fmt::format("10.0.{}.0/28", 1 + rng_.below(6))}};
  } else if (rng_.chance(0.5)) {
    network.spec.ipam = {{.subnet = fmt::format("10.99.{}.0/24", networks_made_),
                          .range = fmt::format("10.99.{}.128/25", networks_made_),
                          .gateway = fmt::format("10.99.{}.130", networks_made_),
                          .auxiliary = {{"a", fmt::format("10.99.{}.129", networks_made_)}}},
                         {.subnet = fmt::format("fd00:{}::/64", networks_made_)}};
    network.spec.ipv6 = true;
  }
  trace_.note("user creates {}", network.name());
  (void)manager_.write([&](store::WriteTx& tx) -> Result<void> {
    RETURN_IF_ERROR(allocator::check_network_spec(tx.read(), network.spec));
    return tx.create(std::move(network));
  });
}

// By a service, or by a task that has not ended: as the API asks before it removes one.
bool User::is_used(const model::Network& network) const {
  for (const auto& [id, service] : manager_.read().services().all()) {
    for (const auto& config : networks_of(*service)) {
      if (config.target == network.id.str()) return true;
    }
    if (!service->endpoint) continue;
    for (const auto& vip : service->endpoint->virtual_ips) {
      if (vip.network == network.id) return true;
    }
  }
  for (const auto& [id, task] : manager_.read().tasks().all()) {
    if (model::is_terminal(task->status.state)) continue;
    for (const auto& one : task->networks) {
      if (one.network == network.id) return true;
    }
  }
  return network.spec.ingress;
}

void User::remove_network() {
  for (const auto& [id, network] : manager_.read().networks().all()) {
    if (is_used(*network)) continue;
    trace_.note("user removes {}", network->name());
    (void)manager_.write([&](store::WriteTx& tx) { return tx.remove(network->id); });
    return;
  }
}

// Only replicated services are in small networks, so that tidy() can make them small enough.
void User::some_networks(model::Service& service) {
  service.spec.networks.clear();
  const bool global = std::holds_alternative<model::GlobalMode>(service.spec.mode);
  for (const auto& [id, network] : manager_.read().networks().all()) {
    if (network->spec.ingress || (global && is_small(*network))) continue;
    if (service.spec.networks.size() < kTargetsMax && rng_.chance(0.5)) {
      service.spec.networks.push_back({.target = id.str(), .aliases = {"alias"}});
    }
  }
}

void User::publish_or_not(model::Service& service) {
  service.spec.endpoint.reset();
  if (rng_.chance(0.3)) return;
  auto& endpoint = service.spec.endpoint.emplace();
  if (rng_.chance(0.3)) {
    endpoint.mode = model::ResolutionMode::Dnsrr;
  } else if (rng_.chance(0.6)) {
    endpoint.ports = {{.target_port = 80, .published_port = 0}};
  }
}

void User::change_networks() {
  const auto found = some_service();
  if (!found) return;
  model::Service service = *found;
  if (rng_.chance(0.5)) {
    some_networks(service);
  } else {
    publish_or_not(service);
  }
  trace_.note("user changes the networks of {}", service.name());
  (void)manager_.write([&](store::WriteTx& tx) { return tx.update(std::move(service)); });
}

Result<void> User::leave_room(store::WriteTx& tx) {
  const auto services = tx.read().services().all();
  for (const auto& [id, stored] : services) {
    auto* mode = std::get_if<model::ReplicatedMode>(&stored->spec.mode);
    if (!mode || mode->replicas <= 1 || !is_in_small_network(tx.read(), *stored)) continue;
    model::Service service = *stored;
    service.spec.mode = model::ReplicatedMode{1};
    RETURN_IF_ERROR(tx.update(std::move(service)));
  }
  return {};
}

void User::remove_all_services() {
  trace_.note("user removes every service");
  const auto done = manager_.write([&](store::WriteTx& tx) -> Result<void> {
    const auto services = tx.read().services().all();
    for (const auto& [id, service] : services) RETURN_IF_ERROR(tx.remove(id));
    return {};
  });
  if (!done) trace_.breach("the services cannot be removed: {}", done.error().message);
}

bool User::fill(const model::Network& network) {
  model::Service service;
  service.id = model::ServiceId::random(rng_);
  service.spec.annotations.name = fmt::format("fill-{}", network.name());
  service.spec.mode = model::ReplicatedMode{kSmallNetworkRoom + 1};
  service.spec.networks = {{.target = network.id.str()}};
  service.spec.endpoint.emplace().mode = model::ResolutionMode::Dnsrr;
  service.spec_version = 1;
  trace_.note("user fills {}", network.name());
  return manager_.write([&](store::WriteTx& tx) { return tx.create(std::move(service)); })
      .has_value();
}

}  // namespace shoal::sim

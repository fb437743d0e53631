#include "api/networks/node_networks.h"

#include <algorithm>

namespace shoal::api {
namespace {

using codec::NetworkResource;

constexpr std::string_view kBridge = "bridge";
constexpr std::string_view kHost = "host";
constexpr std::string_view kNone = "none";

NetworkResource resource_of(const containers::Network& network) {
  NetworkResource shown;
  shown.name = network.name();
  shown.id = network.id;
  shown.created = network.created_at;
  shown.scope = "local";
  shown.driver = network.driver();
  if (!network.spec.ipam_driver.name.empty()) shown.ipam_driver = network.spec.ipam_driver.name;
  shown.ipam_options = network.spec.ipam_driver.options;
  shown.ipam = network.spec.ipam;
  shown.internal = network.spec.internal;
  shown.attachable = network.spec.attachable;
  shown.options = network.spec.driver.options;
  shown.labels = network.spec.annotations.labels;
  return shown;
}

}  // namespace

bool is_predefined(std::string_view name) {
  return name == kBridge || name == kHost || name == kNone || name == "default";
}

std::optional<NetworkResource> predefined_in_swarm(std::string_view name) {
  if (name != kBridge && name != kHost) return std::nullopt;
  NetworkResource network;
  network.name = name;
  network.driver = name;
  network.id = name;
  network.scope = "swarm";
  network.labels = {{"com.docker.swarm.predefined", "true"}};
  return network;
}

Event event_of(const containers::NetworkEvent& event, Time now) {
  Event shown{.type = "network",
              .action = event.action,
              .id = event.id,
              .attributes = {{"name", event.name}, {"type", event.driver}},
              .time = now};
  if (!event.container.empty()) shown.attributes["container"] = event.container;
  return shown;
}

NodeNetworks::NodeNetworks(containers::Networks& networks, Members members)
    : networks_(networks), members_(std::move(members)) {}

std::vector<NetworkResource> NodeNetworks::all() const {
  std::vector<NetworkResource> shown;
  for (const auto& network : networks_.list()) shown.push_back(resource_of(*network));
  std::ranges::stable_partition(shown, [](const auto& one) { return is_predefined(one.name); });
  return shown;
}

void NodeNetworks::add_containers(NetworkResource& network) const {
  if (members_) network.containers = members_(network.id);
}

}  // namespace shoal::api

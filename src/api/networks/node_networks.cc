#include "api/networks/node_networks.h"

#include "base/rng.h"

namespace shoal::api {
namespace {

using codec::NetworkResource;
using netdriver::NetworkMode;

constexpr std::string_view kBridge = "bridge";
constexpr std::string_view kHost = "host";
constexpr std::string_view kNone = "none";

// 64 hex digits.
std::string id_of(std::string_view node, std::string_view name) {
  constexpr uint64_t kOffset = 14695981039346656037u;  // FNV-1a, only to seed the digits.
  constexpr uint64_t kPrime = 1099511628211u;
  uint64_t seed = kOffset;
  const std::string text = fmt::format("{}/{}", node, name);
  for (const char c : text) seed = (seed ^ uint8_t(c)) * kPrime;
  Rng rng(seed);
  std::string id;
  for (int i = 0; i < 4; ++i) id += fmt::format("{:016x}", rng.next());
  return id;
}

NetworkResource local(std::string_view name, std::string_view driver) {
  NetworkResource network;
  network.name = name;
  network.driver = driver;
  network.scope = "local";
  return network;
}

}  // namespace

bool is_predefined(std::string_view name) {
  return name == kBridge || name == kHost || name == kNone || name == "default";
}

std::optional<NetworkResource> predefined_in_swarm(std::string_view name) {
  if (name != kBridge && name != kHost) return std::nullopt;
  NetworkResource network = local(name, name);
  network.id = name;
  network.scope = "swarm";
  network.labels = {{"com.docker.swarm.predefined", "true"}};
  return network;
}

NodeNetworks::NodeNetworks(const netdriver::NodeNetwork& network, std::string_view node,
                           Time created)
    : network_(network), node_(node), created_(created) {}

std::vector<NetworkResource> NodeNetworks::all() const {
  std::vector<NetworkResource> networks = {bridge(), local(kHost, "host"), local(kNone, "null")};
  for (auto& one : networks) {
    one.id = id_of(node_, one.name);
    one.created = created_;
  }
  return networks;
}

NetworkResource NodeNetworks::bridge() const {
  const network::Subnet& subnet = network_.subnet();
  const network::Subnet whole{subnet.first(), subnet.length};
  NetworkResource shown = local(kBridge, "bridge");
  shown.ipam = {{.subnet = whole.str(), .range = "", .gateway = subnet.address.str()}};
  shown.options = {{"com.docker.network.bridge.default_bridge", "true"},
                   {"com.docker.network.bridge.enable_icc", "true"},
                   {"com.docker.network.bridge.enable_ip_masquerade", "true"},
                   {"com.docker.network.bridge.host_binding_ipv4", "0.0.0.0"},
                   {"com.docker.network.bridge.name", network_.bridge()},
                   {"com.docker.network.driver.mtu", std::to_string(network_.mtu())}};
  return shown;
}

void NodeNetworks::add_containers(NetworkResource& network) const {
  if (network.name == kHost) return;  // It needs no endpoint.
  const auto mode = network.name == kBridge ? NetworkMode::Bridge : NetworkMode::None;
  for (const auto& endpoint : network_.endpoints()) {
    if (endpoint.mode != mode) continue;
    codec::NetworkContainer container;
    container.name = endpoint.container_name;
    container.endpoint_id = endpoint.endpoint_id;
    if (endpoint.address) {
      container.mac = endpoint.mac.str();
      container.ipv4 = endpoint.address->str();
    }
    network.containers.emplace(endpoint.container_id, std::move(container));
  }
}

}  // namespace shoal::api

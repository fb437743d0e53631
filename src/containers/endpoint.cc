#include "containers/endpoint.h"

#include <algorithm>
#include <charconv>

namespace shoal::containers {
namespace {

constexpr std::string_view kBridgeName = "bridge";

Result<network::PublishedPort> published(const model::PortBinding& binding) {
  network::PublishedPort port{.protocol = binding.protocol,
                              .host_port = binding.host_port,
                              .container_port = binding.container_port};
  if (!binding.host_ip.empty()) {
    ASSIGN_OR_RETURN(port.host_ip, network::IpAddress::parse(binding.host_ip));
  }
  return port;
}

// "80/tcp", as check.h has let it through.
std::optional<model::PortBinding> parse_exposed(std::string_view text) {
  model::PortBinding binding;
  const auto slash = text.find('/');
  const auto number = text.substr(0, slash);
  const auto end = number.data() + number.size();
  const auto parsed = std::from_chars(number.data(), end, binding.container_port);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  const auto protocol = slash == std::string_view::npos ? "tcp" : text.substr(slash + 1);
  if (protocol == "udp") binding.protocol = model::PortProtocol::Udp;
  if (protocol == "sctp") binding.protocol = model::PortProtocol::Sctp;
  return binding;
}

// What was asked for, and with publish_all every exposed port that nothing was asked for.
std::vector<model::PortBinding> wanted_ports(const model::ContainerConfig& config) {
  auto ports = config.ports;
  if (!config.publish_all) return ports;
  for (const auto& text : config.exposed_ports) {
    const auto exposed = parse_exposed(text);
    if (!exposed) continue;
    const bool asked = std::any_of(ports.begin(), ports.end(), [&](const auto& port) {
      return port.protocol == exposed->protocol && port.container_port == exposed->container_port;
    });
    if (!asked) ports.push_back(*exposed);
  }
  return ports;
}

}  // namespace

bool needs_endpoint(const model::ContainerConfig& config) {
  return config.network_mode != "host" && !config.network_mode.starts_with("container:");
}

Result<netdriver::EndpointRequest> endpoint_request(const Entry& entry) {
  netdriver::EndpointRequest request{.container_id = entry.id, .container_name = entry.name};
  if (entry.config.network_mode == "none") {
    request.mode = netdriver::NetworkMode::None;
    return request;
  }
  for (const auto& binding : wanted_ports(entry.config)) {
    ASSIGN_OR_RETURN(auto port, published(binding));
    request.ports.push_back(port);
  }
  return request;
}

void show_connection(Entry& entry) {
  const auto& connection = *entry.connection;
  if (connection.mode != netdriver::NetworkMode::Bridge) return;
  Endpoint endpoint{.network = std::string(kBridgeName),
                    .endpoint_id = connection.endpoint_id,
                    .mac = connection.mac.str()};
  if (connection.address) {
    endpoint.address = connection.address->address.str();
    endpoint.prefix_length = connection.address->length;
  }
  if (connection.gateway) endpoint.gateway = connection.gateway->str();
  entry.endpoint = std::move(endpoint);
  entry.ports.clear();
  for (const auto& port : connection.ports) {
    entry.ports.push_back({.protocol = port.protocol,
                           .container_port = port.container_port,
                           .host_ip = port.host_ip.is_any() ? "" : port.host_ip.str(),
                           .host_port = port.host_port});
  }
}

void hide_connection(Entry& entry) {
  entry.ports.clear();
  if (!needs_endpoint(entry.config) || entry.config.network_mode == "none") return;
  entry.endpoint = Endpoint{.network = std::string(kBridgeName)};
}

}  // namespace shoal::containers

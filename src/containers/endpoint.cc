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

bool is_internal(const model::ContainerConfig& config) {
  return has_names(config) && std::ranges::all_of(config.overlays, [](const auto& overlay) {
           return overlay.internal || overlay.ingress;
         });
}

bool has_names(const model::ContainerConfig& config) {
  return !std::ranges::all_of(config.overlays, &model::OverlayConnection::ingress);
}

bool needs_endpoint(const model::ContainerConfig& config) {
  return config.network_mode != "host" && !config.network_mode.starts_with("container:");
}

Result<netdriver::EndpointRequest> endpoint_request(const Entry& entry) {
  netdriver::EndpointRequest request{.container_id = entry.id, .container_name = entry.name};
  request.link = fmt::format("eth{}", entry.config.overlays.size());
  if (entry.config.network_mode == "none" || is_internal(entry.config)) {
    request.mode = netdriver::NetworkMode::None;
    return request;
  }
  for (const auto& binding : wanted_ports(entry.config)) {
    ASSIGN_OR_RETURN(auto port, published(binding));
    request.ports.push_back(port);
  }
  return request;
}

Result<std::vector<network::OverlayAttachment>> overlay_attachments(
    const model::ContainerConfig& config) {
  std::vector<network::OverlayAttachment> attachments;
  for (const auto& overlay : config.overlays) {
    network::OverlayAttachment attachment{.network = overlay.network,
                                          .addresses = {},
                                          .link = fmt::format("eth{}", attachments.size())};
    for (const auto& text : overlay.addresses) {
      ASSIGN_OR_RETURN(auto address, network::Subnet::parse(text));
      attachment.addresses.push_back(address);
    }
    attachments.push_back(std::move(attachment));
  }
  return attachments;
}

namespace {

Endpoint shown(const model::OverlayConnection& overlay) {
  return {.network = overlay.name, .network_id = overlay.network, .aliases = overlay.aliases};
}

}  // namespace

std::vector<network::IpAddress> own_addresses(const Entry& entry) {
  std::vector<network::IpAddress> addresses;
  for (size_t i = 0; i < entry.overlay_connections.size(); ++i) {
    if (entry.config.overlays[i].ingress) continue;
    for (const auto& address : entry.overlay_connections[i].attachment.addresses) {
      addresses.push_back(address.address);
    }
  }
  if (addresses.empty() && entry.connection && entry.connection->address) {
    addresses.push_back(entry.connection->address->address);
  }
  return addresses;
}

void show_connection(Entry& entry) {
  const auto& connection = *entry.connection;
  entry.overlays.clear();
  for (size_t i = 0; i < entry.overlay_connections.size(); ++i) {
    const auto& overlay = entry.overlay_connections[i];
    Endpoint endpoint = shown(entry.config.overlays[i]);
    endpoint.mac = overlay.mac.str();
    for (const auto& address : overlay.attachment.addresses) {
      (address.address.is_v4() ? endpoint.address : endpoint.address6) = address.address.str();
      (address.address.is_v4() ? endpoint.prefix_length : endpoint.prefix_length6) = address.length;
    }
    entry.overlays.push_back(std::move(endpoint));
  }
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
  entry.overlays.clear();
  for (const auto& overlay : entry.config.overlays) entry.overlays.push_back(shown(overlay));
  if (!needs_endpoint(entry.config) || entry.config.network_mode == "none") return;
  entry.endpoint = Endpoint{.network = std::string(kBridgeName)};
}

}  // namespace shoal::containers

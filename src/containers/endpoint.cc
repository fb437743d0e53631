#include "containers/endpoint.h"

#include <algorithm>
#include <charconv>

#include "containers/networks.h"

namespace shoal::containers {
namespace {

using model::NetworkDriver;

constexpr size_t kShortIdLength = 12;

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
std::vector<model::PortBinding> wishes_of(const model::ContainerConfig& config) {
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

bool leads_out(const model::NetworkConnection& connection) {
  return connection.driver == NetworkDriver::Bridge && !connection.internal;
}

bool is_overlay(const model::NetworkConnection& connection) {
  return connection.driver == NetworkDriver::Overlay;
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

std::string_view driver_name(NetworkDriver driver) {
  switch (driver) {
    case NetworkDriver::Bridge:
      return "bridge";
    case NetworkDriver::Overlay:
      return "overlay";
    case NetworkDriver::Host:
      return "host";
    case NetworkDriver::Null:
      return "null";
  }
  return "";
}

bool is_named(const model::NetworkConnection& connection) {
  if (is_overlay(connection)) return !connection.ingress;
  return connection.driver == NetworkDriver::Bridge &&
         bridge_key(connection) != network::kOwnBridge;
}

bool has_names(const model::ContainerConfig& config) {
  return std::ranges::any_of(config.networks, is_named);
}

bool needs_endpoint(const model::ContainerConfig& config) {
  return config.network_mode != "host" && !config.network_mode.starts_with("container:");
}

std::optional<std::string> way_out(const model::ContainerConfig& config) {
  const auto bridge = std::ranges::find_if(config.networks, leads_out);
  if (bridge != config.networks.end()) return bridge_key(*bridge);
  const auto overlays = std::ranges::count_if(config.networks, is_overlay);
  const bool outward = std::ranges::any_of(config.networks, [](const auto& connection) {
    return is_overlay(connection) && !connection.ingress && !connection.internal;
  });
  const bool only_mesh =
      overlays > 0 && std::ranges::all_of(config.networks, &model::NetworkConnection::ingress);
  if (outward || only_mesh) return std::string(network::kOwnBridge);
  return std::nullopt;
}

Result<std::vector<network::PublishedPort>> wanted_ports(const Entry& entry) {
  // Those that were chosen stay when the way out changes.
  const auto& wishes = entry.ports.empty() ? wishes_of(entry.config) : entry.ports;
  std::vector<network::PublishedPort> ports;
  for (const auto& binding : wishes) {
    ASSIGN_OR_RETURN(auto port, published(binding));
    ports.push_back(port);
  }
  return ports;
}

Result<netdriver::EndpointRequest> endpoint_request(const Entry& entry, const std::string& bridge,
                                                    std::string link) {
  netdriver::EndpointRequest request{.container_id = entry.id,
                                     .container_name = entry.name,
                                     .network = bridge,
                                     .link = std::move(link)};
  for (const auto& connection : entry.config.networks) {
    if (is_overlay(connection) || bridge_key(connection) != bridge) continue;
    if (connection.address.empty()) continue;
    ASSIGN_OR_RETURN(request.address, network::IpAddress::parse(connection.address));
  }
  request.default_route = way_out(entry.config) == bridge;
  if (request.default_route) {
    ASSIGN_OR_RETURN(request.ports, wanted_ports(entry));
  }
  return request;
}

Result<network::OverlayAttachment> overlay_attachment(const model::NetworkConnection& connection,
                                                      std::string link) {
  network::OverlayAttachment attachment{
      .network = connection.network, .addresses = {}, .link = std::move(link)};
  for (const auto& text : connection.addresses) {
    ASSIGN_OR_RETURN(auto address, network::Subnet::parse(text));
    attachment.addresses.push_back(address);
  }
  return attachment;
}

const netdriver::Endpoint* bridge_of(const Entry& entry, std::string_view key) {
  const auto at = std::ranges::find(entry.connections.bridges, key, &netdriver::Endpoint::network);
  return at == entry.connections.bridges.end() ? nullptr : &*at;
}

const netdriver::OverlayEndpoint* overlay_of(const Entry& entry, std::string_view network) {
  const auto at = std::ranges::find(entry.connections.overlays, network, [](const auto& overlay) {
    return std::string_view(overlay.attachment.network);
  });
  return at == entry.connections.overlays.end() ? nullptr : &*at;
}

std::string free_link(const Entry& entry) {
  for (int number = 0;; ++number) {
    const std::string link = fmt::format("eth{}", number);
    const auto& [path, bridges, overlays] = entry.connections;
    const bool taken =
        std::ranges::any_of(bridges, [&](const auto& bridge) { return bridge.link == link; }) ||
        std::ranges::any_of(overlays,
                            [&](const auto& overlay) { return overlay.attachment.link == link; });
    if (!taken) return link;
  }
}

std::vector<std::string> names_of(const Entry& entry, const model::NetworkConnection& connection) {
  std::vector<std::string> names = {entry.name};
  names.insert(names.end(), connection.aliases.begin(), connection.aliases.end());
  names.push_back(entry.id.substr(0, kShortIdLength));
  return names;
}

std::vector<network::IpAddress> own_addresses(const Entry& entry) {
  std::vector<network::IpAddress> addresses;
  for (const auto& connection : entry.config.networks) {
    if (connection.ingress) continue;
    if (const auto* overlay = overlay_of(entry, connection.network)) {
      for (const auto& own : overlay->attachment.addresses) addresses.push_back(own.address);
    } else if (const auto* bridge = bridge_of(entry, bridge_key(connection))) {
      addresses.push_back(bridge->address.address);
    }
  }
  if (!addresses.empty()) return addresses;
  for (const auto& bridge : entry.connections.bridges) addresses.push_back(bridge.address.address);
  return addresses;
}

namespace {

Endpoint shown(const Entry& entry, const model::NetworkConnection& connection) {
  Endpoint endpoint{.network = connection.name,
                    .network_id = connection.network,
                    .driver = std::string(driver_name(connection.driver)),
                    .asked_address = connection.address,
                    .aliases = connection.aliases};
  if (is_named(connection)) endpoint.names = names_of(entry, connection);
  return endpoint;
}

void show(const netdriver::Endpoint& bridge, Endpoint& endpoint) {
  endpoint.endpoint_id = bridge.endpoint_id;
  endpoint.mac = bridge.mac.str();
  endpoint.address = bridge.address.address.str();
  endpoint.prefix_length = bridge.address.length;
  endpoint.gateway = bridge.gateway.str();
}

void show(const netdriver::OverlayEndpoint& overlay, Endpoint& endpoint) {
  endpoint.mac = overlay.mac.str();
  for (const auto& address : overlay.attachment.addresses) {
    (address.address.is_v4() ? endpoint.address : endpoint.address6) = address.address.str();
    (address.address.is_v4() ? endpoint.prefix_length : endpoint.prefix_length6) = address.length;
  }
}

}  // namespace

void show_connection(Entry& entry) {
  hide_connection(entry);
  for (size_t i = 0; i < entry.config.networks.size(); ++i) {
    const auto& connection = entry.config.networks[i];
    if (const auto* overlay = overlay_of(entry, connection.network)) {
      show(*overlay, entry.networks[i]);
    } else if (const auto* bridge = bridge_of(entry, bridge_key(connection))) {
      if (!is_overlay(connection)) show(*bridge, entry.networks[i]);
    }
  }
  if (const auto* own = bridge_of(entry, network::kOwnBridge)) {
    entry.endpoint = Endpoint{.network = own->network, .driver = "bridge"};
    show(*own, *entry.endpoint);
  }
  for (const auto& bridge : entry.connections.bridges) {
    for (const auto& port : bridge.ports) {
      entry.ports.push_back({.protocol = port.protocol,
                             .container_port = port.container_port,
                             .host_ip = port.host_ip.is_any() ? "" : port.host_ip.str(),
                             .host_port = port.host_port});
    }
  }
}

void hide_connection(Entry& entry) {
  entry.ports.clear();
  entry.endpoint.reset();
  entry.networks.clear();
  for (const auto& connection : entry.config.networks) {
    entry.networks.push_back(shown(entry, connection));
  }
}

}  // namespace shoal::containers

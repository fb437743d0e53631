// Networks: from the names of a container's networks to the networks.
#include <algorithm>

#include "containers/networks.h"
#include "network/address.h"

namespace shoal::containers {
namespace {

using model::NetworkConnection;
using model::NetworkDriver;

constexpr size_t kNetworksOfContainerMax = 64;
constexpr size_t kAliasesMax = 100;

NetworkDriver driver_of(const Network& network) {
  if (network.driver() == "host") return NetworkDriver::Host;
  return network.driver() == "null" ? NetworkDriver::Null : NetworkDriver::Bridge;
}

Result<void> check_endpoint(const NetworkConnection& connection, const Network& network) {
  if (network.predefined && !connection.address.empty()) {
    return invalid_argument("user specified IP address is supported on user defined networks only");
  }
  if (network.predefined && !connection.aliases.empty()) {
    return invalid_argument(
        "network-scoped alias is supported only for containers in user defined networks");
  }
  if (connection.aliases.size() > kAliasesMax) {
    return invalid_argument("more than {} aliases in network {}", kAliasesMax, network.name());
  }
  if (connection.address.empty()) return {};
  const auto address = network::IpAddress::parse(connection.address);
  if (!address || !address->is_v4()) {
    return invalid_argument("invalid IPv4 address: {}", connection.address);
  }
  if (!network.asked_subnet) {
    return invalid_argument(
        "user specified IP address is supported only when connecting to networks with user "
        "configured subnets");
  }
  const auto subnet = network::Subnet::parse(network.spec.ipam.at(0).subnet);
  if (!subnet || !subnet->contains(*address)) {
    return invalid_argument(
        "Invalid address {}: It does not belong to any of this network's subnets",
        connection.address);
  }
  return {};
}

Result<void> check_together(const std::vector<NetworkConnection>& networks) {
  if (networks.size() > kNetworksOfContainerMax) {
    return invalid_argument("{} networks; a container can be on at most {}", networks.size(),
                            kNetworksOfContainerMax);
  }
  for (auto at = networks.begin(); at != networks.end(); ++at) {
    const auto same = [&](const NetworkConnection& other) { return other.network == at->network; };
    if (std::any_of(networks.begin(), at, same)) {
      return invalid_argument("network {} is named twice", at->name);
    }
    if (networks.size() == 1) continue;
    if (at->driver == NetworkDriver::Host) {
      return invalid_argument(
          "container sharing network namespace with another container or host cannot be connected "
          "to any other network");
    }
    if (at->driver == NetworkDriver::Null) {
      return invalid_argument(
          "container cannot be connected to multiple networks with one of the networks in private "
          "(none) mode");
    }
  }
  return {};
}

// A client that hears "not found" of a container to be created takes its image to be missing.
Result<void> as_bad_wish(Result<void> resolved) {
  if (!resolved && resolved.error().code == ErrorCode::NotFound) {
    resolved.error().code = ErrorCode::InvalidArgument;
  }
  return resolved;
}

}  // namespace

Result<void> Networks::resolve(NetworkConnection& connection) const {
  if (connection.driver == NetworkDriver::Overlay) return {};
  const auto found = find(connection.name);
  if (!found) {
    const bool unknown = found.error().code == ErrorCode::NotFound;
    return unknown && elsewhere_ ? resolve_elsewhere(connection) : std::unexpected(found.error());
  }
  const NetworkRef& network = *found;
  RETURN_IF_ERROR(check_endpoint(connection, *network));
  connection.driver = driver_of(*network);
  connection.network = network->id;
  connection.name = network->name();
  connection.internal = network->spec.internal;
  return {};
}

Result<void> Networks::resolve_elsewhere(NetworkConnection& connection) const {
  ASSIGN_OR_RETURN(connection.name, elsewhere_(connection.name));
  if (connection.aliases.size() > kAliasesMax) {
    return invalid_argument("more than {} aliases in network {}", kAliasesMax, connection.name);
  }
  connection.driver = NetworkDriver::Overlay;
  connection.attachable = true;
  connection.network = connection.name;  // Its id is known with the first start.
  return {};
}

Result<void> Networks::resolve(model::ContainerConfig& config) const {
  const std::string& mode = config.network_mode;
  if (mode.starts_with("container:")) {
    config.networks.clear();
    return {};
  }
  // The host is in the mesh already.
  if (mode == "host") std::erase_if(config.networks, &NetworkConnection::ingress);
  const bool is_default = mode.empty() || mode == "default";
  const std::string first = is_default ? std::string(network::kOwnBridge) : mode;
  for (auto& connection : config.networks) {
    if (connection.name == "default") connection.name = network::kOwnBridge;
    RETURN_IF_ERROR(as_bad_wish(resolve(connection)));
  }
  if (config.networks.empty() || !is_default) {
    NetworkConnection wanted;
    wanted.name = first;
    const auto named = std::ranges::find_if(config.networks, [&](const auto& connection) {
      return connection.name == first || connection.network == first;
    });
    if (named != config.networks.end()) {
      std::rotate(config.networks.begin(), named, named + 1);  // Its network mode comes first.
    } else {
      RETURN_IF_ERROR(as_bad_wish(resolve(wanted)));
      const auto same =
          std::ranges::find(config.networks, wanted.network, &NetworkConnection::network);
      if (same == config.networks.end()) {
        config.networks.insert(config.networks.begin(), std::move(wanted));
      } else {
        std::rotate(config.networks.begin(), same, same + 1);
      }
    }
  }
  return check_together(config.networks);
}

}  // namespace shoal::containers

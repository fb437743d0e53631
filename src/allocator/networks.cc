#include "allocator/networks.h"

#include <algorithm>

namespace shoal::allocator {
namespace {

using model::IpamConfig;
using model::NetworkSpec;
using network::Family;
using network::IpAddress;
using network::Subnet;

// Smaller ones have no room for a gateway and a task beside the first and the last address.
constexpr int kHostBitsMin = 2;

// "This" network, loopback, multicast and reserved; unspecified, loopback, IPv4 in disguise, link
// local, multicast.
constexpr std::string_view kNotForHosts[] = {"0.0.0.0/8",     "127.0.0.0/8", "224.0.0.0/3", "::/96",
                                             "::ffff:0:0/96", "fe80::/10",   "ff00::/8"};

Result<void> check_usable(const Subnet& subnet) {
  if (subnet.address != subnet.first()) {
    return invalid_argument("invalid subnet {}: it should be {}/{}", subnet.str(),
                            subnet.first().str(), subnet.length);
  }
  if (subnet.length + kHostBitsMin > int(subnet.address.size() * 8)) {
    return invalid_argument("invalid subnet {}: it has fewer than 4 addresses", subnet.str());
  }
  for (const std::string_view text : kNotForHosts) {
    if (!subnet.overlaps(*Subnet::parse(text))) continue;
    return invalid_argument("invalid subnet {}: addresses in {} are not for containers",
                            subnet.str(), text);
  }
  return {};
}

// `what` names the field, as Docker does: "gateway 10.0.0.1".
Result<IpAddress> read_address(std::string_view text, const Subnet& subnet, std::string_view what) {
  const auto address = IpAddress::parse(text);
  if (!address) return invalid_argument("invalid {}: invalid address", what);
  if (address->family() != subnet.address.family()) {
    return invalid_argument("invalid {}: parent subnet is an {} block", what,
                            subnet.address.is_v4() ? "IPv4" : "IPv6");
  }
  if (!subnet.contains(*address)) {
    return invalid_argument("invalid {}: parent subnet {} doesn't contain this address", what,
                            subnet.str());
  }
  return *address;
}

Result<Subnet> read_range(const std::string& text, const Subnet& subnet) {
  const auto range = Subnet::parse(text);
  if (!range) return invalid_argument("invalid ip-range {}: invalid CIDR block notation", text);
  if (range->address.family() != subnet.address.family()) {
    return invalid_argument("invalid ip-range {}: parent subnet is an {} block", text,
                            subnet.address.is_v4() ? "IPv4" : "IPv6");
  }
  if (range->address != range->first()) {
    return invalid_argument("invalid ip-range {}: it should be {}/{}", text, range->first().str(),
                            range->length);
  }
  if (range->length < subnet.length) {
    return invalid_argument("invalid ip-range {}: CIDR block is bigger than its parent subnet {}",
                            text, subnet.str());
  }
  if (!subnet.contains(range->address)) {
    return invalid_argument("invalid ip-range {}: parent subnet {} doesn't contain ip-range", text,
                            subnet.str());
  }
  return *range;
}

Result<void> read_auxiliary(const IpamConfig& config, SubnetConfig& out) {
  if (config.auxiliary.size() > kAuxiliaryMax) {
    return invalid_argument("invalid subnet {}: more than {} auxiliary addresses", config.subnet,
                            kAuxiliaryMax);
  }
  for (const auto& [name, text] : config.auxiliary) {
    const std::string what = fmt::format("auxiliary address {}", name);
    ASSIGN_OR_RETURN(const IpAddress address, read_address(text, out.subnet, what));
    if (std::ranges::find(out.auxiliary, address) != out.auxiliary.end()) {
      return invalid_argument("invalid {}: {} is named twice", what, text);
    }
    out.auxiliary.push_back(address);
  }
  return {};
}

Result<void> read_gateway(const IpamConfig& config, SubnetConfig& out) {
  const auto is_auxiliary = [&](const IpAddress& address) {
    return std::ranges::find(out.auxiliary, address) != out.auxiliary.end();
  };
  if (config.gateway.empty()) {
    out.gateway = out.subnet.first().plus(1);
    while (is_auxiliary(out.gateway)) out.gateway = out.gateway.plus(1);
    if (out.gateway < out.subnet.last()) return {};
    return invalid_argument("invalid subnet {}: no address is left for the gateway", config.subnet);
  }
  const std::string what = fmt::format("gateway {}", config.gateway);
  ASSIGN_OR_RETURN(out.gateway, read_address(config.gateway, out.subnet, what));
  if (out.gateway == out.subnet.first() || out.gateway == out.subnet.last()) {
    return invalid_argument("invalid {}: it is the {} address of {}", what,
                            out.gateway == out.subnet.first() ? "first" : "last", config.subnet);
  }
  if (is_auxiliary(out.gateway)) {
    return invalid_argument("invalid {}: it is an auxiliary address as well", what);
  }
  return {};
}

// The families and how many; each subnet by itself.
Result<std::vector<Subnet>> read_subnets(const NetworkSpec& spec) {
  if (spec.ipam.size() > kSubnetsMax) {
    return invalid_argument("{} subnets are given: at most {} can be", spec.ipam.size(),
                            kSubnetsMax);
  }
  std::vector<Subnet> subnets;
  for (const IpamConfig& config : spec.ipam) {
    if (config == IpamConfig{}) continue;  // One to choose.
    ASSIGN_OR_RETURN(const SubnetConfig read, read_config(config));
    if (!read.subnet.address.is_v4() && !spec.ipv6) {
      return invalid_argument("invalid subnet {}: IPv6 is not enabled for this network",
                              config.subnet);
    }
    for (const Subnet& other : subnets) {
      if (!other.overlaps(read.subnet)) continue;
      return invalid_argument("invalid subnet {}: it overlaps {}", config.subnet, other.str());
    }
    subnets.push_back(read.subnet);
  }
  return subnets;
}

bool has_ipv6(const std::vector<Subnet>& subnets) {
  return std::ranges::any_of(subnets, [](const Subnet& one) { return !one.address.is_v4(); });
}

Result<void> check_against(const std::vector<Subnet>& wanted, const model::Network& other) {
  for (const Subnet& theirs : subnets_of(other)) {
    for (const Subnet& ours : wanted) {
      if (!ours.overlaps(theirs)) continue;
      return permission_denied(
          "invalid pool request: Pool overlaps with other one on this address space: {} with {} of "
          "network '{}' ({})",
          ours.str(), theirs.str(), other.name(), other.id);
    }
  }
  return {};
}

}  // namespace

bool is_node_local(std::string_view target) {
  return target == "host" || target == "bridge" || target == "none";
}

Result<SubnetConfig> read_config(const IpamConfig& config) {
  const auto subnet = Subnet::parse(config.subnet);
  if (!subnet) {
    return invalid_argument("invalid subnet {}: invalid CIDR block notation", config.subnet);
  }
  RETURN_IF_ERROR(check_usable(*subnet));
  SubnetConfig out{.subnet = *subnet, .range = std::nullopt, .gateway = {}, .auxiliary = {}};
  if (!config.range.empty()) {
    ASSIGN_OR_RETURN(out.range, read_range(config.range, *subnet));
  }
  RETURN_IF_ERROR(read_auxiliary(config, out));
  RETURN_IF_ERROR(read_gateway(config, out));
  return out;
}

std::vector<Subnet> subnets_of(const model::Network& network) {
  std::vector<Subnet> subnets;
  for (const IpamConfig& config :
       network.allocation ? network.allocation->ipam : network.spec.ipam) {
    if (const auto subnet = Subnet::parse(config.subnet)) subnets.push_back(*subnet);
  }
  return subnets;
}

std::vector<Subnet> pools_of(const model::Cluster& cluster) {
  std::vector<Subnet> pools;
  for (const std::string& text : cluster.default_address_pools) {
    const auto pool = Subnet::parse(text);
    if (pool) pools.push_back({pool->first(), pool->length});
  }
  return pools;
}

Result<void> check_network_spec(const store::Tables& tables, const NetworkSpec& spec) {
  const auto subnets = read_subnets(spec);
  if (!subnets) return invalid_argument("invalid network config:\n{}", subnets.error().message);
  if (spec.ipv6 && !has_ipv6(*subnets)) {
    const auto& clusters = tables.clusters().all();
    if (clusters.empty() || !has_ipv6(pools_of(*clusters.begin()->second))) {
      return invalid_argument(
          "invalid network config:\nIPv6 needs a subnet, because none of the swarm's default "
          "address pools is one of IPv6");
    }
  }
  if (tables.networks().size() >= kNetworksMax) {
    return failed_precondition("the swarm has {} networks: it can have no more", kNetworksMax);
  }
  for (const auto& [id, other] : tables.networks().all()) {
    if (spec.ingress && other->spec.ingress) {
      return already_exists("ingress network ({}) is already present", id);
    }
    RETURN_IF_ERROR(check_against(*subnets, *other));
  }
  return {};
}

}  // namespace shoal::allocator

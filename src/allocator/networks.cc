#include "allocator/networks.h"

#include <algorithm>

namespace shoal::allocator {
namespace {

using model::IpamConfig;
using model::NetworkSpec;
using network::Subnet;

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

#include "allocator/subnets.h"

#include <algorithm>

namespace shoal::allocator {
namespace {

using model::IpamConfig;
using model::NetworkId;
using network::Family;
using network::IpAddress;
using network::Subnet;

// The longest prefix that leaves room for a gateway and a host.
uint8_t longest(Family family) {
  return family == Family::V4 ? 30 : 126;
}

// Of the subnets that a pool is divided into.
uint8_t length_in(const Subnet& pool, uint32_t mask_length) {
  const bool v4 = pool.address.is_v4();
  const uint32_t wanted = v4 ? mask_length : kIpv6SubnetLength;
  return uint8_t(std::clamp<uint32_t>(wanted, pool.length, longest(pool.address.family())));
}

IpamConfig with_gateway(const Subnet& subnet) {
  return {.subnet = subnet.str(),
          .range = "",
          .gateway = subnet.first().plus(1).str(),
          .auxiliary = {}};
}

}  // namespace

void SubnetTable::use_pools_of(const model::Cluster& cluster) {
  if (pool_texts_ == cluster.default_address_pools && mask_length_ == cluster.subnet_mask_length) {
    return;
  }
  pool_texts_ = cluster.default_address_pools;
  mask_length_ = cluster.subnet_mask_length;
  pools_.clear();
  for (const Subnet& whole : pools_of(cluster)) {
    if (whole.length > longest(whole.address.family())) continue;
    pools_.push_back({whole, length_in(whole, mask_length_), whole.first()});
  }
  for (const auto& [first, held] : subnets_) pass(held.subnet);
}

// The turn goes on after a subnet that was taken before it began.
void SubnetTable::pass(const Subnet& subnet) {
  for (Pool& pool : pools_) {
    if (!pool.whole.contains(subnet.first()) || subnet.length != pool.length) continue;
    if (!pool.next || subnet.first() < *pool.next) continue;
    pool.next = subnet.last();
    if (*pool.next < pool.whole.last()) {
      pool.next = pool.next->plus(1);
    } else {
      pool.next.reset();
    }
  }
}

SubnetTable::Subnets::const_iterator SubnetTable::find_overlap(const Subnet& subnet) const {
  // Those held do not overlap each other: only the last that begins before its end can reach it.
  auto at = subnets_.upper_bound(subnet.last());
  if (at == subnets_.begin()) return subnets_.end();
  --at;
  return at->second.subnet.overlaps(subnet) ? at : subnets_.end();
}

NetworkId SubnetTable::owner_of_overlap(const Subnet& subnet) const {
  const auto at = find_overlap(subnet);
  return at == subnets_.end() ? NetworkId{} : at->second.owner;
}

void SubnetTable::put(const Subnet& subnet, const NetworkId& owner) {
  (subnet.address.is_v4() ? freed_v4_ : freed_v6_).erase(subnet);
  subnets_[subnet.first()] = {subnet, owner};
  by_network_[owner].push_back(subnet);
}

void SubnetTable::hold(const model::Network& network) {
  for (const Subnet& subnet : subnets_of(network)) {
    const Subnet whole{subnet.first(), subnet.length};
    if (find_overlap(whole) != subnets_.end()) continue;
    put(whole, network.id);
    pass(whole);
  }
}

bool SubnetTable::release(const NetworkId& id) {
  const auto held = by_network_.find(id);
  if (held == by_network_.end()) return false;
  for (const Subnet& subnet : held->second) {
    subnets_.erase(subnet.first());
    for (const Pool& pool : pools_) {
      const bool of_this = pool.whole.contains(subnet.first()) && subnet.length == pool.length;
      if (!of_this || (pool.next && *pool.next <= subnet.first())) continue;
      (subnet.address.is_v4() ? freed_v4_ : freed_v6_).push(subnet);
    }
  }
  by_network_.erase(held);
  return true;
}

// Goes on from pool.next to the first subnet that nobody has, and beyond it.
std::optional<Subnet> SubnetTable::next_unused(Pool& pool) const {
  while (pool.next) {
    const Subnet candidate{*pool.next, pool.length};
    const auto taken = find_overlap(candidate);
    IpAddress end = candidate.last();
    if (taken != subnets_.end()) end = std::max(end, taken->second.subnet.last());
    if (end < pool.whole.last()) {
      pool.next = end.plus(1);
    } else {
      pool.next.reset();
    }
    if (taken == subnets_.end()) return candidate;
  }
  return std::nullopt;
}

std::optional<Subnet> SubnetTable::find_free(Family family) {
  for (Pool& pool : pools_) {
    if (pool.whole.address.family() != family) continue;
    if (const auto unused = next_unused(pool)) return unused;
  }
  auto& freed = family == Family::V4 ? freed_v4_ : freed_v6_;
  while (const auto subnet = freed.pop()) {
    if (find_overlap(*subnet) == subnets_.end()) return subnet;
  }
  // What the turn passed over: gaps of before a restart, and what larger subnets had covered.
  for (Pool pool : pools_) {
    if (pool.whole.address.family() != family) continue;
    pool.next = pool.whole.first();
    if (const auto unused = next_unused(pool)) return unused;
  }
  return std::nullopt;
}

Result<IpamConfig> SubnetTable::take_any(Family family, const NetworkId& id) {
  const auto subnet = find_free(family);
  if (!subnet) {
    return unavailable(
        "could not find an available, non-overlapping {} address pool among the defaults to assign "
        "to the network",
        family == Family::V4 ? "IPv4" : "IPv6");
  }
  put(*subnet, id);
  return with_gateway(*subnet);
}

Result<IpamConfig> SubnetTable::take_named(const IpamConfig& config, const NetworkId& id) {
  ASSIGN_OR_RETURN(const SubnetConfig read, read_config(config));
  const auto taken = find_overlap(read.subnet);
  if (taken != subnets_.end()) {
    return permission_denied(
        "invalid pool request: Pool overlaps with other one on this address space: {} with {} of "
        "network {}",
        read.subnet.str(), taken->second.subnet.str(), taken->second.owner);
  }
  put(read.subnet, id);
  IpamConfig out = config;
  out.gateway = read.gateway.str();
  return out;
}

Result<std::vector<IpamConfig>> SubnetTable::choose(const model::Network& network) {
  std::vector<IpamConfig> all;
  bool v4 = false, v6 = false;
  for (const IpamConfig& config : network.spec.ipam) {
    const bool any = config == IpamConfig{};
    ASSIGN_OR_RETURN(IpamConfig got,
                     any ? take_any(Family::V4, network.id) : take_named(config, network.id));
    (got.subnet.find(':') == std::string::npos ? v4 : v6) = true;
    all.push_back(std::move(got));
  }
  if (!v4) {
    ASSIGN_OR_RETURN(IpamConfig got, take_any(Family::V4, network.id));
    all.insert(all.begin(), std::move(got));
  }
  if (network.spec.ipv6 && !v6) {
    ASSIGN_OR_RETURN(IpamConfig got, take_any(Family::V6, network.id));
    all.push_back(std::move(got));
  }
  return all;
}

Result<std::vector<IpamConfig>> SubnetTable::allocate(const model::Network& network) {
  auto chosen = choose(network);
  if (!chosen) release(network.id);
  return chosen;
}

}  // namespace shoal::allocator

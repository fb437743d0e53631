#include "allocator/addresses.h"

#include <algorithm>
#include <optional>

#include "allocator/networks.h"

namespace shoal::allocator {
namespace {

using model::NetworkId;
using network::AddressPool;
using network::IpAddress;
using network::Subnet;

// Without the prefix length.
std::optional<IpAddress> address_in(const std::string& cidr) {
  const auto subnet = Subnet::parse(cidr);
  return subnet ? std::optional(subnet->address) : std::nullopt;
}

// The first of this family.
std::optional<IpAddress> wanted_of(std::span<const std::string> wanted, bool v4) {
  for (const std::string& text : wanted) {
    const auto address = IpAddress::parse(text);
    if (address && address->is_v4() == v4) return *address;
  }
  return std::nullopt;
}

}  // namespace

AddressTable::Pool* AddressTable::Family::with_room() {
  const auto at =
      std::ranges::find_if(pools, [](const Pool& pool) { return pool.addresses.free_count() > 0; });
  return at == pools.end() ? nullptr : &*at;
}

uint64_t AddressTable::Family::free_count() const {
  uint64_t sum = 0;
  for (const Pool& pool : pools) {
    const uint64_t more = pool.addresses.free_count();
    sum = sum + more < sum ? uint64_t(-1) : sum + more;
  }
  return sum;
}

void AddressTable::add(const model::Network& network) {
  if (!network.allocation || networks_.contains(network.id)) return;
  OfNetwork& added = networks_[network.id];
  for (const model::IpamConfig& config : network.allocation->ipam) {
    const auto read = read_config(config);
    if (!read) continue;
    const Subnet with_gateway{read->gateway, read->subnet.length};
    AddressPool pool(with_gateway, read->range.value_or(read->subnet));
    // The first and the last address are nobody's anyway.
    for (const IpAddress& address : read->auxiliary) (void)pool.take(address);
    auto& pools = (read->subnet.address.is_v4() ? added.v4 : added.v6).pools;
    pools.push_back({std::move(pool), read->subnet});
  }
}

AddressTable::Pool* AddressTable::find(OfNetwork& network, const IpAddress& address) {
  auto& pools = (address.is_v4() ? network.v4 : network.v6).pools;
  const auto at =
      std::ranges::find_if(pools, [&](const Pool& pool) { return pool.subnet.contains(address); });
  return at == pools.end() ? nullptr : &*at;
}

Result<std::string> AddressTable::take_one(OfNetwork& network, const IpAddress& address) {
  Pool* pool = find(network, address);
  if (!pool) {
    return invalid_argument(
        "Invalid address {}: It does not belong to any of this network's subnets", address.str());
  }
  RETURN_IF_ERROR(pool->addresses.take(address));
  return Subnet{address, pool->subnet.length}.str();
}

Result<std::vector<std::string>> AddressTable::take(const model::Network& network,
                                                    std::span<const std::string> wanted) {
  const auto at = networks_.find(network.id);
  if (at == networks_.end()) return unavailable("network {} has no addresses", network.id);
  std::vector<std::string> taken;
  const auto refuse = [&](Error why) {
    give_back(network.id, taken);
    return std::unexpected(std::move(why));
  };
  std::vector<Pool*> from;  // null in the place of one that is taken already
  for (const bool v4 : {true, false}) {
    Family& family = v4 ? at->second.v4 : at->second.v6;
    if (const auto address = wanted_of(wanted, v4)) {
      auto one = take_one(at->second, *address);
      if (!one) return refuse(std::move(one).error());
      taken.push_back(*std::move(one));
      from.push_back(nullptr);
    } else if (Pool* pool = family.with_room()) {
      from.push_back(pool);
    } else if (!family.pools.empty()) {
      return refuse(
          {ErrorCode::Unavailable,
           fmt::format("no available {} addresses on this network's address pools: {} ({})",
                       v4 ? "IPv4" : "IPv6", network.name(), network.id)});
    }
  }
  if (from.empty()) return unavailable("network {} has no addresses", network.id);
  std::vector<std::string> addresses;
  auto next_taken = taken.begin();
  for (Pool* pool : from) {
    if (!pool) {
      addresses.push_back(*next_taken++);
      continue;
    }
    ASSIGN_OR_RETURN(const IpAddress address, pool->addresses.take());
    addresses.push_back(Subnet{address, pool->subnet.length}.str());
  }
  return addresses;
}

void AddressTable::hold(const NetworkId& id, std::span<const std::string> addresses) {
  const auto at = networks_.find(id);
  if (at == networks_.end()) return;
  for (const std::string& text : addresses) {
    const auto address = address_in(text);
    if (Pool* pool = address ? find(at->second, *address) : nullptr) {
      (void)pool->addresses.take(*address);
    }
  }
}

void AddressTable::give_back(const NetworkId& id, std::span<const std::string> addresses) {
  const auto at = networks_.find(id);
  if (at == networks_.end()) return;
  for (const std::string& text : addresses) {
    const auto address = address_in(text);
    Pool* pool = address ? find(at->second, *address) : nullptr;
    if (pool && pool->addresses.is_taken(*address)) pool->addresses.give_back(*address);
  }
}

void AddressTable::go_on_after_held() {
  for (auto& [id, network] : networks_) {
    for (Family* family : {&network.v4, &network.v6}) {
      for (Pool& pool : family->pools) pool.addresses.go_on_after_taken();
    }
  }
}

uint64_t AddressTable::free_count(const NetworkId& id) const {
  const auto at = networks_.find(id);
  if (at == networks_.end()) return 0;
  uint64_t least = uint64_t(-1);
  for (const Family* family : {&at->second.v4, &at->second.v6}) {
    if (!family->pools.empty()) least = std::min(least, family->free_count());
  }
  return at->second.v4.pools.empty() && at->second.v6.pools.empty() ? 0 : least;
}

}  // namespace shoal::allocator

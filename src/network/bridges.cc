#include "network/bridges.h"

#include "base/check.h"

namespace shoal::network {
namespace {

constexpr uint8_t kLengthMin = 8;
constexpr uint8_t kLengthMax = 30;

Result<void> check_subnet(const Bridge& bridge) {
  const Subnet& subnet = bridge.config.subnet;
  const bool fits =
      subnet.address.is_v4() && subnet.length >= kLengthMin && subnet.length <= kLengthMax;
  if (!fits) return invalid_argument("invalid bridge network {}", subnet.str());
  if (subnet.address == subnet.first() || subnet.address == subnet.last()) {
    return invalid_argument("failed to allocate gateway ({}): Address already in use",
                            subnet.address.str());
  }
  const auto& range = bridge.range;
  if (range && !(subnet.contains(range->first()) && subnet.contains(range->last()))) {
    return invalid_argument("invalid range {}: it is not within the subnet {}", range->str(),
                            Subnet{subnet.first(), subnet.length}.str());
  }
  return {};
}

}  // namespace

Result<void> Bridges::add(Bridge bridge) {
  RETURN_IF_ERROR(check_subnet(bridge));
  if (entries_.size() >= kBridgesMax) {
    return unavailable("this node has {} bridge networks, the most that are possible", kBridgesMax);
  }
  for (const auto& [network, other] : entries_) {
    const BridgeConfig& theirs = other.bridge.config;
    if (theirs.subnet.overlaps(bridge.config.subnet)) {
      return permission_denied("Pool overlaps with other one on this address space");
    }
    if (theirs.name == bridge.config.name) {
      return conflict("the link {} is that of network {}", theirs.name, other.bridge.name);
    }
  }
  const Subnet& subnet = bridge.config.subnet;
  AddressPool pool = bridge.range ? AddressPool(subnet, *bridge.range) : AddressPool(subnet);
  for (const IpAddress& address : bridge.reserved) {
    // The gateway's own may be named once more.
    if (address != subnet.address) RETURN_IF_ERROR(pool.take(address));
  }
  const std::string network = bridge.network;
  const bool is_new = entries_.emplace(network, Entry{std::move(bridge), std::move(pool)}).second;
  CHECK(is_new, "bridge {} twice", network);
  return {};
}

void Bridges::remove(std::string_view network) {
  const auto at = entries_.find(network);
  if (at != entries_.end()) entries_.erase(at);
}

const Bridge* Bridges::find(std::string_view network) const {
  const auto at = entries_.find(network);
  return at == entries_.end() ? nullptr : &at->second.bridge;
}

Result<IpAddress> Bridges::take(std::string_view network, const std::optional<IpAddress>& asked) {
  const auto at = entries_.find(network);
  if (at == entries_.end()) return not_found("network {} not found", network);
  auto& [bridge, pool] = at->second;
  if (asked) {
    RETURN_IF_ERROR(pool.take(*asked));
    return *asked;
  }
  auto free = pool.take();
  if (free) return *free;
  return unavailable("no available IPv4 addresses on this network's address pools: {} ({})",
                     bridge.name, bridge.network);
}

void Bridges::give_back(std::string_view network, const IpAddress& address) {
  const auto at = entries_.find(network);
  if (at != entries_.end()) at->second.pool.give_back(address);
}

Plan Bridges::frame() const {
  const auto own = entries_.find(kOwnBridge);
  CHECK(own != entries_.end());
  std::vector<BridgeConfig> others;
  for (const auto& [network, entry] : entries_) {
    if (network != kOwnBridge) others.push_back(entry.bridge.config);
  }
  return plan_frame(own->second.bridge.config, others);
}

}  // namespace shoal::network

#include "network/address_pool.h"

#include <algorithm>

#include "base/check.h"

namespace shoal::network {

AddressPool::AddressPool(const Subnet& subnet) : subnet_(subnet), next_(subnet.first().plus(1)) {
  CHECK(subnet.length + 2u <= subnet.address.size() * 8, "{} is too small", subnet.str());
}

bool AddressPool::is_reserved(const IpAddress& address) const {
  return address == subnet_.address || address == subnet_.first() || address == subnet_.last();
}

Result<IpAddress> AddressPool::take() {
  while (next_ < subnet_.last()) {
    const auto address = next_;
    next_ = next_.plus(1);
    if (!is_reserved(address) && taken_.insert(address).second) return address;
  }
  while (!freed_.empty()) {
    const auto address = freed_.front();
    freed_.pop_front();
    if (taken_.insert(address).second) return address;
  }
  return unavailable("no available IPv4 addresses on this network's address pools: bridge ({})",
                     subnet_.str());
}

Result<void> AddressPool::take(const IpAddress& address) {
  if (!subnet_.contains(address) || is_reserved(address)) {
    return invalid_argument(
        "Invalid address {}: It does not belong to any of this network's subnets", address.str());
  }
  if (!taken_.insert(address).second) return conflict("Address already in use");
  return {};
}

void AddressPool::give_back(const IpAddress& address) {
  CHECK(taken_.erase(address) == 1, "{} was not taken", address.str());
  if (address < next_) freed_.push_back(address);  // Later ones are still to come in their turn.
}

Result<Subnet> choose_bridge_subnet(const std::vector<Subnet>& used) {
  const auto is_free = [&](const Subnet& pool) {
    return std::ranges::none_of(used, [&](const Subnet& other) { return pool.overlaps(other); });
  };
  const auto with_gateway = [](Subnet pool) {
    pool.address = pool.address.plus(1);
    return pool;
  };
  for (unsigned second = 17; second <= 31; ++second) {
    const Subnet pool{IpAddress::v4(172, uint8_t(second), 0, 0), 16};
    if (is_free(pool)) return with_gateway(pool);
  }
  for (unsigned third = 0; third < 256; third += 16) {
    const Subnet pool{IpAddress::v4(192, 168, uint8_t(third), 0), 20};
    if (is_free(pool)) return with_gateway(pool);
  }
  return conflict(
      "could not find an available, non-overlapping IPv4 address pool among the "
      "defaults to assign to the network");
}

}  // namespace shoal::network

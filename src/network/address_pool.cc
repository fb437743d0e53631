#include "network/address_pool.h"

#include <algorithm>

#include "base/check.h"

namespace shoal::network {
namespace {

constexpr uint64_t kMany = uint64_t(-1);

// From `from` to `to`, at most kMany.
uint64_t distance(const IpAddress& from, const IpAddress& to) {
  uint64_t high = 0, low = 0;
  bool borrow = false;
  for (size_t i = to.size(); i-- > 0;) {
    const int digit = to.bytes()[i] - from.bytes()[i] - (borrow ? 1 : 0);
    borrow = digit < 0;
    const size_t place = to.size() - 1 - i;
    (place < 8 ? low : high) |= uint64_t(uint8_t(digit)) << (place % 8 * 8);
  }
  return high == 0 ? low : kMany;
}

IpAddress before_last(const Subnet& subnet) {
  std::array<uint8_t, 16> bytes{};
  const IpAddress last = subnet.last();
  std::ranges::copy(last.bytes(), bytes.begin());
  --bytes[last.size() - 1];  // The last address has host bits: this one does not underflow.
  return IpAddress::of({bytes.data(), last.size()});
}

}  // namespace

AddressPool::AddressPool(const Subnet& subnet) : AddressPool(subnet, subnet) {}

AddressPool::AddressPool(const Subnet& subnet, const Subnet& range)
    : subnet_(subnet),
      first_(std::max(range.first(), subnet.first().plus(1))),
      last_(range.last() < subnet.last() ? range.last() : before_last(subnet)),
      start_(first_),
      next_(first_),
      over_(last_ < first_) {
  CHECK(subnet.length + 2u <= subnet.address.size() * 8, "{} is too small", subnet.str());
  if (over_) return;
  usable_ = distance(first_, last_);
  if (usable_ < kMany) ++usable_;
  if (in_range(subnet_.address)) --usable_;
}

bool AddressPool::is_reserved(const IpAddress& address) const {
  return address == subnet_.address || address == subnet_.first() || address == subnet_.last();
}

// In the turn, which has not got there yet.
bool AddressPool::is_still_to_come(const IpAddress& address) const {
  if (over_) return false;
  return wrapped_ ? next_ <= address && address < start_ : next_ <= address || address < start_;
}

void AddressPool::step() {
  if (next_ == last_) {
    wrapped_ = true;
    next_ = first_;
  } else {
    next_ = next_.plus(1);
  }
  over_ = wrapped_ && next_ == start_;
}

void AddressPool::mark(const IpAddress& address) {
  taken_.insert(address);
  freed_.erase(address);
  if (in_range(address)) ++taken_in_range_;
}

Result<IpAddress> AddressPool::take() {
  while (!over_) {
    const auto address = next_;
    step();
    if (is_reserved(address) || taken_.contains(address)) continue;
    mark(address);
    return address;
  }
  if (const auto address = freed_.pop()) {
    mark(*address);
    return *address;
  }
  return unavailable("no available IPv4 addresses on this network's address pools: bridge ({})",
                     subnet_.str());
}

Result<void> AddressPool::take(const IpAddress& address) {
  if (!subnet_.contains(address) || is_reserved(address)) {
    return invalid_argument(
        "Invalid address {}: It does not belong to any of this network's subnets", address.str());
  }
  if (taken_.contains(address)) return conflict("Address already in use");
  mark(address);
  return {};
}

void AddressPool::give_back(const IpAddress& address) {
  CHECK(taken_.erase(address) == 1, "{} was not taken", address.str());
  if (!in_range(address)) return;
  --taken_in_range_;
  if (!is_still_to_come(address)) freed_.push(address);
}

void AddressPool::go_on_after_taken() {
  if (last_ < first_) return;
  // The highest one in the range.
  auto after = taken_.upper_bound(last_);
  if (after == taken_.begin() || *std::prev(after) < first_) return;
  const IpAddress highest = *std::prev(after);
  start_ = next_ = highest == last_ ? first_ : highest.plus(1);
  wrapped_ = over_ = false;
  freed_ = {};
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

// Which addresses of the node's bridge are taken.
//
// An address that was freed is handed out again only when no unused one is left, the longest free
// first: whoever still talks to the old container must not reach a new one. Deterministic.
#pragma once

#include <deque>
#include <set>
#include <vector>

#include "network/address.h"

namespace shoal::network {

class AddressPool {
 public:
  // `subnet` holds the gateway's address, which is never handed out, nor are the first and the last
  // address of the network. Needs at least 4 addresses.
  explicit AddressPool(const Subnet& subnet);

  // Unavailable when none is left.
  Result<IpAddress> take();
  // A certain one: InvalidArgument outside the network, Conflict when taken. Docker's wording.
  Result<void> take(const IpAddress& address);
  // It must be taken.
  void give_back(const IpAddress& address);

  size_t taken_count() const { return taken_.size(); }

 private:
  bool is_reserved(const IpAddress& address) const;

  Subnet subnet_;
  IpAddress next_;  // Addresses from here on were never handed out by take() without an argument.
  std::set<IpAddress> taken_;
  std::deque<IpAddress> freed_;  // Oldest first; may hold ones that were taken by name since.
};

// The bridge's network with its gateway (the first address): the first of Docker's default pools,
// 172.17.0.0/16 … 172.31.0.0/16 and then 192.168.0.0/20 …, that overlaps none of `used`, the routes
// and addresses of the host. Conflict when all do.
Result<Subnet> choose_bridge_subnet(const std::vector<Subnet>& used);

}  // namespace shoal::network

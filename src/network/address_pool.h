// Which addresses of a network are taken: the node's bridge, or an overlay's subnet.
//
// An address that was freed is handed out again only when no unused one is left, the longest free
// first: whoever still talks to the old container must not reach a new one. Deterministic; every
// call costs O(log n).
#pragma once

#include <set>
#include <vector>

#include "network/address.h"
#include "network/turn_queue.h"

namespace shoal::network {

class AddressPool {
 public:
  // `subnet` holds the gateway's address, which is never handed out, nor are the first and the last
  // address of the network. Needs at least 4 addresses.
  explicit AddressPool(const Subnet& subnet);
  // take() stays within `range`, a part of the subnet.
  AddressPool(const Subnet& subnet, const Subnet& range);

  // The next in turn. Unavailable when none is left.
  Result<IpAddress> take();
  // A certain one, of the whole network: InvalidArgument outside it, Conflict when taken. Docker's
  // wording.
  Result<void> take(const IpAddress& address);
  // It must be taken.
  void give_back(const IpAddress& address);
  // After a restart, when all that is in use was taken by name: the turn goes on after the highest
  // of them, and those below that are free come before those that are freed from now on.
  void go_on_after_taken();

  bool is_taken(const IpAddress& address) const { return taken_.contains(address); }
  size_t taken_count() const { return taken_.size(); }
  // What take() can still hand out.
  uint64_t free_count() const { return usable_ - taken_in_range_; }

 private:
  bool is_reserved(const IpAddress& address) const;
  bool in_range(const IpAddress& address) const { return first_ <= address && address <= last_; }
  bool is_still_to_come(const IpAddress& address) const;
  void step();
  void mark(const IpAddress& address);

  Subnet subnet_;
  // Of what take() hands out. The turn goes from start_ to last_ and then from first_ to start_;
  // from next_ on, nothing was handed out by it. No turn (empty range): over_ from the beginning.
  IpAddress first_, last_, start_, next_;
  bool over_ = false;
  bool wrapped_ = false;
  uint64_t usable_ = 0;  // addresses in the range that are not reserved
  uint64_t taken_in_range_ = 0;
  std::set<IpAddress> taken_;
  TurnQueue<IpAddress> freed_;
};

// The bridge's network with its gateway (the first address): the first of Docker's default pools,
// 172.17.0.0/16 … 172.31.0.0/16 and then 192.168.0.0/20 …, that overlaps none of `used`, the routes
// and addresses of the host. Conflict when all do.
Result<Subnet> choose_bridge_subnet(const std::vector<Subnet>& used);

}  // namespace shoal::network

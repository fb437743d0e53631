// Bridges: the bridge networks of this node, as a book: the one that every node has and those that
// users made, their subnets, and which addresses are taken.
//
// Pure. Invariant: no two subnets overlap, and no two bridges have the same link.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "network/address_pool.h"
#include "network/plan.h"

namespace shoal::network {

// Each has four rules that a packet between networks meets one after the other.
inline constexpr size_t kBridgesMax = 256;

// The network that every node has.
inline constexpr std::string_view kOwnBridge = "bridge";

struct Bridge {
  std::string network;  // its id; kOwnBridge: the node's own
  std::string name;     // the network's, for error messages
  BridgeConfig config;
  std::optional<Subnet> range;      // free addresses are chosen in here
  std::vector<IpAddress> reserved;  // never given to a container
};

class Bridges {
 public:
  // InvalidArgument for a subnet that cannot be one, or a gateway, range or reserved address that
  // is not in it; PermissionDenied when it overlaps with another one (both in Docker's words);
  // Conflict when the link is another bridge's; Unavailable beyond kBridgesMax.
  Result<void> add(Bridge bridge);
  void remove(std::string_view network);
  // Null when there is none. Valid until it is removed.
  const Bridge* find(std::string_view network) const;

  // A certain address, or a free one. Docker's errors.
  Result<IpAddress> take(std::string_view network, const std::optional<IpAddress>& asked);
  // Fine when the bridge is gone.
  void give_back(std::string_view network, const IpAddress& address);

  // kOwnBridge must be there.
  Plan frame() const;

 private:
  struct Entry {
    Bridge bridge;
    AddressPool pool;
  };
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace shoal::network

// Which addresses of the swarm's networks are taken. Every call costs O(log n).
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "model/network.h"
#include "network/address_pool.h"

namespace shoal::allocator {

class AddressTable {
 public:
  // A network that is allocated; what it says about its addresses never changes.
  void add(const model::Network& network);
  // With all addresses in it.
  void remove(const model::NetworkId& id) { networks_.erase(id); }

  // One address of each family that the network has, as CIDR text with the subnet's prefix length;
  // of a family that `wanted` names an address of, that one. In Docker's words: Unavailable when
  // there is none of one family, InvalidArgument for one that the network does not have, Conflict
  // for one that is taken; then none is taken.
  Result<std::vector<std::string>> take(const model::Network& network,
                                        std::span<const std::string> wanted = {});
  // What is stored: CIDR texts. What cannot be read or is taken already is left alone.
  void hold(const model::NetworkId& id, std::span<const std::string> addresses);
  void give_back(const model::NetworkId& id, std::span<const std::string> addresses);
  // After everything stored is held: the turn of each network goes on after the highest address.
  void go_on_after_held();

  // How often take() can succeed; 0 for a network that is not there.
  uint64_t free_count(const model::NetworkId& id) const;

 private:
  struct Pool {
    network::AddressPool addresses;
    network::Subnet subnet;
  };
  struct Family {
    std::vector<Pool> pools;  // in the order of the subnets

    Pool* with_room();
    uint64_t free_count() const;
  };
  struct OfNetwork {
    Family v4, v6;
  };
  Pool* find(OfNetwork& network, const network::IpAddress& address);
  Result<std::string> take_one(OfNetwork& network, const network::IpAddress& address);

  std::map<model::NetworkId, OfNetwork> networks_;
};

}  // namespace shoal::allocator

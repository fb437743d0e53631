// Which network has which subnets.
//
// Subnets that nobody asks for by name come from the swarm's default address pools, in order; one
// that was given back comes again only when no unused one is left, the longest free first. Held
// subnets never overlap. Every call costs O(log n), but when the pools are exhausted O(n).
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "allocator/networks.h"
#include "network/turn_queue.h"

namespace shoal::allocator {

class SubnetTable {
 public:
  // The pools that subnets are chosen from; O(1) when they are the same as before.
  void use_pools_of(const model::Cluster& cluster);

  // Takes over what a stored network has, as far as nobody else has it.
  void hold(const model::Network& network);
  // False when it held nothing.
  bool release(const model::NetworkId& id);

  // What the network gets for its spec, each subnet and gateway a value; held from now on. The
  // network must hold nothing. Errors: as of check_network_spec(), and Unavailable when the pools
  // are exhausted; then it holds nothing.
  Result<std::vector<model::IpamConfig>> allocate(const model::Network& network);

  // Who has a subnet that overlaps this one; empty: nobody.
  model::NetworkId owner_of_overlap(const network::Subnet& subnet) const;

 private:
  struct Held {
    network::Subnet subnet;
    model::NetworkId owner;
  };
  struct Pool {
    network::Subnet whole;
    uint8_t length;                          // of its subnets
    std::optional<network::IpAddress> next;  // empty: the turn has been through it
  };
  using Subnets = std::map<network::IpAddress, Held>;

  Subnets::const_iterator find_overlap(const network::Subnet& subnet) const;
  void put(const network::Subnet& subnet, const model::NetworkId& owner);
  Result<std::vector<model::IpamConfig>> choose(const model::Network& network);
  Result<model::IpamConfig> take_named(const model::IpamConfig& config, const model::NetworkId& id);
  Result<model::IpamConfig> take_any(network::Family family, const model::NetworkId& id);
  std::optional<network::Subnet> next_unused(Pool& pool) const;
  std::optional<network::Subnet> find_free(network::Family family);
  void pass(const network::Subnet& subnet);

  std::vector<std::string> pool_texts_;
  uint32_t mask_length_ = 0;
  std::vector<Pool> pools_;
  Subnets subnets_;  // by first address
  std::map<model::NetworkId, std::vector<network::Subnet>> by_network_;
  network::TurnQueue<network::Subnet> freed_v4_, freed_v6_;
};

}  // namespace shoal::allocator

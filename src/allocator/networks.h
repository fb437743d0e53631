// What a network's spec asks of the swarm's addresses, read and checked.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "network/ipam.h"
#include "store/tables.h"

namespace shoal::allocator {

using network::kAuxiliaryMax;
using network::read_config;
using network::SubnetConfig;

inline constexpr size_t kNetworksMax = 10'000;
inline constexpr size_t kSubnetsMax = 16;  // of one network
// Of an IPv6 subnet that the allocator chooses.
inline constexpr uint8_t kIpv6SubnetLength = 64;

// Refuses a network that the swarm cannot have, before the API writes it. InvalidArgument, with
// Docker's words and the field that is wrong: what is no subnet, a subnet with host bits, of fewer
// than 4 addresses or of addresses that are not for hosts; a gateway, range or auxiliary address
// outside of it or of the other family; IPv6 without spec.ipv6, or the other way round.
// PermissionDenied: a subnet overlaps that of another network. AlreadyExists: a second ingress
// network. Whether the default pools have a subnet left is the allocator's to find out. A walk over
// the networks; names and drivers are not looked at.
Result<void> check_network_spec(const store::Tables& tables, const model::NetworkSpec& spec);

// A network of a service that each node has by itself ("host", "bridge", "none"): nothing is
// allocated there.
bool is_node_local(std::string_view target);

// The subnets that a network has, or asks for by name while it has none.
std::vector<network::Subnet> subnets_of(const model::Network& network);
// The address pools of the swarm, as far as they can be read.
std::vector<network::Subnet> pools_of(const model::Cluster& cluster);

}  // namespace shoal::allocator

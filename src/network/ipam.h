// What a network's IPAM configuration asks for, read and checked.
#pragma once

#include <optional>
#include <vector>

#include "model/network.h"
#include "network/address.h"

namespace shoal::network {

inline constexpr size_t kAuxiliaryMax = 256;  // addresses of one subnet that nobody gets

// An IpamConfig with a subnet, read.
struct SubnetConfig {
  Subnet subnet;                // without host bits
  std::optional<Subnet> range;  // addresses are taken from here only
  IpAddress gateway;            // as given, else the subnet's first free address
  std::vector<IpAddress> auxiliary;
};

// InvalidArgument, with Docker's words and the field that is wrong: what is no subnet, a subnet
// with host bits, of fewer than 4 addresses or of addresses that are not for hosts; a gateway,
// range or auxiliary address outside of it or of the other family.
Result<SubnetConfig> read_config(const model::IpamConfig& config);

}  // namespace shoal::network

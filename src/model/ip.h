// Addresses and subnets as constraints name them. IPv4 and IPv6.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace shoal::model {

// 16 bytes as in IPv6; IPv4 is mapped (::ffff:a.b.c.d), so that both compare.
using IpAddress = std::array<uint8_t, 16>;

struct IpSubnet {
  IpAddress address{};
  int prefix_bits = 128;  // counted in the 128 bits
};

// Empty for anything that is no address; a port or a zone is not accepted.
std::optional<IpAddress> parse_address(std::string_view text);
// "10.0.0.0/8", "fd00::/8", or an address alone, which is a subnet of one.
std::optional<IpSubnet> parse_subnet(std::string_view text);
bool contains(const IpSubnet& subnet, const IpAddress& address);

}  // namespace shoal::model

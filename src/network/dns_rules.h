// How a container's questions to 127.0.0.11:53 reach its DNS responder: the responder listens there
// on other ports, so that the container may have a server of its own on port 53 of every address.
#pragma once

#include <cstdint>
#include <optional>

#include "network/ruleset.h"

namespace shoal::network {

inline constexpr auto kDnsTable = "shoal_dns";  // in the container's namespace
inline const IpAddress kDnsAddress = IpAddress::v4(127, 0, 0, 11);
inline constexpr uint16_t kDnsPort = 53;

struct DnsPorts {
  uint16_t udp = 0;
  uint16_t tcp = 0;
  bool operator==(const DnsPorts&) const = default;
};

// What is sent to kDnsAddress and kDnsPort in the namespace goes to these ports of it instead.
Ruleset plan_dns_rules(const DnsPorts& ports);
// The ports that an earlier daemon's rules lead to; 0 where there is none.
DnsPorts ports_in_dns_rules(const Ruleset& found);

}  // namespace shoal::network

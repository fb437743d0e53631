// What the messages of rtnetlink have in common. Used by links.cc and overlay_links.cc.
#pragma once

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <optional>

#include "netdriver/netlink.h"
#include "network/address.h"

namespace shoal::netdriver {

inline uint8_t family_of(const network::IpAddress& ip) {
  return ip.is_v4() ? AF_INET : AF_INET6;
}

inline void put_ip(nlmsghdr* message, uint16_t type, const network::IpAddress& ip) {
  mnl_attr_put(message, type, ip.size(), ip.bytes().data());
}

inline void put_mac(nlmsghdr* message, uint16_t type, const network::MacAddress& mac) {
  mnl_attr_put(message, type, mac.bytes.size(), mac.bytes.data());
}

// An address attribute, when it has the length of its family.
inline std::optional<network::IpAddress> parse_ip(const nlattr& attribute) {
  const size_t size = mnl_attr_get_payload_len(&attribute);
  if (size != 4 && size != 16) return std::nullopt;
  const auto* bytes = static_cast<const uint8_t*>(mnl_attr_get_payload(&attribute));
  return network::IpAddress::of({bytes, size});
}

inline void add_address(Messages& messages, int index, const network::Subnet& subnet) {
  const auto& ip = subnet.address;
  auto* message = messages.add(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK,
                               ifaddrmsg{.ifa_family = family_of(ip),
                                         .ifa_prefixlen = subnet.length,
                                         .ifa_flags = uint8_t(ip.is_v4() ? 0 : IFA_F_NODAD),
                                         .ifa_index = unsigned(index)});
  put_ip(message, IFA_LOCAL, ip);
  put_ip(message, IFA_ADDRESS, ip);
  // A network of one or two addresses has none for all: with /32 it would be the address itself.
  if (ip.is_v4() && subnet.length < 31) put_ip(message, IFA_BROADCAST, subnet.last());
}

}  // namespace shoal::netdriver

// The DNS responder of a container: what it answers to a query, from the names that this node
// knows.
//
//   name that is known here       its addresses; none of that family, or another type: no data
//   address that is known here    its name (PTR)
//   _port._protocol.name          who has that port (SRV), and their addresses
//   anything else                 is the business of the servers outside
// As in Docker, except that answers may not be kept (TTL 0; Docker's may, for ten minutes) and that
// a name which is known never goes outside, whatever is asked about it. There is no SOA in a
// negative answer: nobody shall keep those either.
//
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/rng.h"
#include "network/dns_packet.h"
#include "network/names.h"

namespace shoal::network {

inline constexpr size_t kDnsAddressesMax = 2048;  // of one answer
inline constexpr size_t kDnsTargetsMax = 64;      // of one answer to SRV

enum class DnsTransport { Udp, Tcp };

// The container that asks.
struct DnsAsker {
  NameClient names;
  // There are servers outside, and a way to them. Else an unknown name fails (SERVFAIL), as in
  // Docker: not even an answer that it does not exist may come out of an internal network.
  bool forwards = true;
  // The user set the option ndots to more than 0: a name without a dot does not exist as it is (the
  // resolver tries it with its search domains), and does not go outside.
  bool qualifies = false;

  bool operator==(const DnsAsker&) const = default;
};

struct DnsAnswer {
  std::string packet;
};
struct DnsForward {  // as it is, to the servers outside
};
struct DnsIgnore {  // what is no query: an answer could set two responders talking
};
using DnsOutcome = std::variant<DnsAnswer, DnsForward, DnsIgnore>;

DnsOutcome answer_dns(std::string_view packet, DnsTransport transport, const DnsAsker& asker,
                      const NameTable& table, Rng& rng);

// For a query that was to be forwarded and could not be.
std::string dns_failure(std::string_view query);

// "4.3.2.1.in-addr.arpa" and its like of IPv6, of a whole address.
std::optional<IpAddress> address_in_reverse_name(std::string_view name);

}  // namespace shoal::network

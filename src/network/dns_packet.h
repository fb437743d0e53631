// DNS messages as values: reads a query, writes the reply to it. ldns does the work and is named
// only in dns_packet.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "network/address.h"

struct ldns_struct_pkt;

namespace shoal::network {

inline constexpr size_t kDnsHeaderBytes = 12;
inline constexpr size_t kDnsMessageMax = 65535;       // over TCP
inline constexpr size_t kDnsDatagramMin = 512;        // what every client takes over UDP
inline constexpr size_t kDnsDatagramMax = 4096;       // what we send and take, if EDNS allows it
inline constexpr uint32_t kDnsTimeToLiveSeconds = 0;  // Answers change at once: nobody keeps them.

enum class DnsRcode : uint8_t {
  NoError = 0,
  FormatError = 1,
  ServerFailure = 2,
  NoSuchName = 3,
  NotImplemented = 4,
  Refused = 5,
  BadVersion = 16,  // of EDNS
};

// The types that we answer; others are numbers.
inline constexpr uint16_t kDnsTypeA = 1;
inline constexpr uint16_t kDnsTypePtr = 12;
inline constexpr uint16_t kDnsTypeAaaa = 28;
inline constexpr uint16_t kDnsTypeSrv = 33;
inline constexpr uint16_t kDnsTypeIxfr = 251;
inline constexpr uint16_t kDnsTypeAxfr = 252;
inline constexpr uint16_t kDnsTypeAny = 255;
inline constexpr uint16_t kDnsClassIn = 1;
inline constexpr uint16_t kDnsClassAny = 255;

// An address of `owner`; of the name in the question when that is empty.
struct DnsAddress {
  std::string owner;
  IpAddress address;
};
struct DnsPointer {
  std::string target;
};
struct DnsService {
  uint16_t port = 0;
  std::string target;
};

// What a reply says. In the message they stand in this order; `additional` behind them.
struct DnsReply {
  DnsRcode rcode = DnsRcode::NoError;
  std::vector<DnsAddress> addresses;
  std::vector<DnsPointer> pointers;
  std::vector<DnsService> services;
  std::vector<DnsAddress> additional;
};

class DnsQuery {
 public:
  // InvalidArgument with the reason when the bytes are no DNS message that can be answered: cut
  // off, with loops, or with any number of questions but one.
  static Result<DnsQuery> parse(std::string_view packet);

  // As text without a dot at its end. Empty when it is the root, or has labels with other than
  // printable characters or with dots.
  const std::string& name() const { return name_; }
  uint16_t type() const { return type_; }
  uint16_t of_class() const { return class_; }
  bool is_reply() const;
  bool is_standard() const;  // its opcode is QUERY
  // Of EDNS, when it has it: the version, and how many bytes its sender takes over UDP.
  std::optional<uint8_t> edns_version() const;
  size_t datagram_bytes_max() const;  // kDnsDatagramMin to kDnsDatagramMax

  // The reply's bytes, at most `bytes_max` of them: what does not fit is left out from the end, and
  // the reply says that it was cut (TC). Names in `reply` that are no host names are left out.
  std::string reply(const DnsReply& reply, size_t bytes_max) const;

 private:
  DnsQuery() = default;
  std::string encode(const DnsReply& reply, bool truncated) const;

  std::shared_ptr<ldns_struct_pkt> packet_;
  std::string name_;
  uint16_t type_ = 0;
  uint16_t class_ = 0;
};

// ---- On bytes that need not be a whole message.

uint16_t dns_id(std::string_view packet);  // 0 when it is too short
void set_dns_id(std::string& packet, uint16_t id);
// Of a message with a whole header.
DnsRcode dns_rcode(std::string_view packet);
// A reply without a question, for a packet that cannot be read; empty when it has no whole header
// or is itself a reply.
std::string dns_error_reply(std::string_view packet, DnsRcode rcode);
// `packet` is a reply and has the id and the question of `query`, in whatever case; an error may
// come without the question.
bool is_dns_reply_to(std::string_view packet, std::string_view query);

}  // namespace shoal::network

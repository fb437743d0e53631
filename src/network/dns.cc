#include "network/dns.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"

namespace shoal::network {
namespace {

constexpr std::string_view kReverseV4 = ".in-addr.arpa";
constexpr std::string_view kReverseV6 = ".ip6.arpa";
constexpr size_t kRecordBytesMin = 16;  // An address behind a compressed name.

// Takes the last label off; parts of a reverse name come in the wrong order.
std::string_view take_last(std::string_view& name) {
  const auto dot = name.rfind('.');
  const auto label = dot == std::string_view::npos ? name : name.substr(dot + 1);
  name.remove_suffix(dot == std::string_view::npos ? name.size() : name.size() - dot);
  return label;
}

std::optional<uint8_t> number_in(std::string_view text, int base) {
  uint8_t number = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number, base);
  if (error != std::errc{} || end != text.end()) return std::nullopt;
  return number;
}

std::optional<IpAddress> reversed_v4(std::string_view name) {
  std::array<uint8_t, 4> bytes{};
  for (auto& byte : bytes) {
    const auto number = number_in(take_last(name), 10);
    if (!number) return std::nullopt;
    byte = *number;
  }
  return name.empty() ? std::optional(IpAddress::of(bytes)) : std::nullopt;
}

std::optional<IpAddress> reversed_v6(std::string_view name) {
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < bytes.size() * 2; ++i) {
    const auto digit = take_last(name);
    const auto number = digit.size() == 1 ? number_in(digit, 16) : std::nullopt;
    if (!number) return std::nullopt;
    bytes[i / 2] = uint8_t(bytes[i / 2] << 4 | *number);
  }
  return name.empty() ? std::optional(IpAddress::of(bytes)) : std::nullopt;
}

// One query on its way to its answer.
struct Answering {
  const DnsQuery& query;
  const DnsAsker& asker;
  const NameTable& table;
  Rng& rng;
  size_t bytes_max;

  DnsOutcome say(const DnsReply& reply) const { return DnsAnswer{query.reply(reply, bytes_max)}; }
  DnsOutcome fail(DnsRcode rcode) const { return say({.rcode = rcode}); }

  DnsOutcome addresses(bool v4, bool v6) const {
    // One more than fits shows that it does not.
    const size_t count_max = std::min(kDnsAddressesMax, bytes_max / kRecordBytesMin + 1);
    bool known = false;
    DnsReply reply;
    const auto add = [&](Family family, size_t count) {
      const auto found = table.find(asker.names, query.name(), family, count, rng);
      known = known || found.known;
      for (const auto& ip : found.addresses) reply.addresses.push_back({{}, ip});
    };
    add(Family::V4, v4 ? count_max : 0);
    if (v6) add(Family::V6, count_max);
    return known ? say(reply) : outside();
  }

  DnsOutcome pointer() const {
    const auto ip = address_in_reverse_name(query.name());
    const auto name = ip ? table.name_of(asker.names, *ip) : std::string();
    if (name.empty()) return addresses(false, false);
    return say({.pointers = {{name}}});
  }

  DnsOutcome services() const {
    const auto found = table.find_port(asker.names, query.name(), kDnsTargetsMax, rng);
    if (!found.known) return addresses(false, false);
    if (found.targets.empty()) return fail(DnsRcode::NoSuchName);
    DnsReply reply;
    for (const auto& target : found.targets) {
      reply.services.push_back({target.port, target.name});
      for (const auto& ip : target.addresses) reply.additional.push_back({target.name, ip});
    }
    return say(reply);
  }

  DnsOutcome outside() const {
    const bool has_dot = query.name().find('.') != std::string::npos;
    const bool of_address = query.type() == kDnsTypeA || query.type() == kDnsTypeAaaa;
    if (asker.qualifies && of_address && !has_dot) return fail(DnsRcode::NoSuchName);
    if (!asker.forwards) return fail(DnsRcode::ServerFailure);
    return DnsForward{};
  }

  DnsOutcome run() const {
    if (!query.is_standard()) return fail(DnsRcode::NotImplemented);
    if (query.edns_version().value_or(0) != 0) return fail(DnsRcode::BadVersion);
    if (query.of_class() != kDnsClassIn && query.of_class() != kDnsClassAny) {
      return fail(DnsRcode::Refused);
    }
    switch (query.type()) {
      case kDnsTypeA:
        return addresses(true, false);
      case kDnsTypeAaaa:
        return addresses(false, true);
      case kDnsTypeAny:
        return addresses(true, true);
      case kDnsTypePtr:
        return pointer();
      case kDnsTypeSrv:
        return services();
      case kDnsTypeAxfr:  // Their answers are many messages.
      case kDnsTypeIxfr:
        return fail(DnsRcode::Refused);
      default:
        return addresses(false, false);
    }
  }
};

}  // namespace

std::optional<IpAddress> address_in_reverse_name(std::string_view text) {
  const auto whole = to_host_name(text);
  std::string_view name = whole;
  if (name.ends_with(kReverseV4)) {
    name.remove_suffix(kReverseV4.size());
    return reversed_v4(name);
  }
  if (name.ends_with(kReverseV6)) {
    name.remove_suffix(kReverseV6.size());
    return reversed_v6(name);
  }
  return std::nullopt;
}

DnsOutcome answer_dns(std::string_view packet, DnsTransport transport, const DnsAsker& asker,
                      const NameTable& table, Rng& rng) {
  const auto query = DnsQuery::parse(packet);
  if (!query) {
    auto reply = dns_error_reply(packet, DnsRcode::FormatError);
    if (reply.empty()) return DnsIgnore{};
    return DnsAnswer{std::move(reply)};
  }
  if (query->is_reply()) return DnsIgnore{};
  const size_t bytes_max =
      transport == DnsTransport::Tcp ? kDnsMessageMax : query->datagram_bytes_max();
  return Answering{*query, asker, table, rng, bytes_max}.run();
}

std::string dns_failure(std::string_view packet) {
  const auto query = DnsQuery::parse(packet);
  CHECK(query, "{}", query.error().message);
  return query->reply({.rcode = DnsRcode::ServerFailure}, kDnsMessageMax);
}

}  // namespace shoal::network

// Queries of containers, and what servers outside say to them.
#include "base/check.h"
#include "fuzz/fuzz.h"
#include "network/dns.h"

namespace shoal::fuzz {
namespace {

using namespace network;

struct World {
  NameTable table;
  DnsAsker asker;
};

World make_world() {
  World world;
  const auto network = model::NetworkId::of("n");
  const auto web = model::ServiceId::of("w");
  world.asker.names.networks = {network};
  world.table.put_network(network, "front");
  world.table.put_service(network, web,
                          {"web",
                           {},
                           model::ResolutionMode::Vip,
                           {IpAddress::v4(10, 0, 0, 2), *IpAddress::parse("fd::2")}});
  for (uint8_t i = 0; i < 200; ++i) {
    world.table.put_endpoint(
        network, model::TaskId::of(std::to_string(i)),
        {web, {"web." + std::to_string(i)}, {IpAddress::v4(10, 0, 1, i)}, true});
  }
  return world;
}

// Every answer is a message that can be read, to this query and not too long.
void check_answer(std::string_view query, const std::string& answer, DnsTransport transport) {
  CHECK(answer.size() >= kDnsHeaderBytes && answer[2] & 0x80);
  CHECK(dns_id(answer) == dns_id(query));
  const auto asked = DnsQuery::parse(query);
  if (!asked) return;
  const auto bytes_max =
      transport == DnsTransport::Tcp ? kDnsMessageMax : asked->datagram_bytes_max();
  CHECK(answer.size() <= bytes_max, "{} bytes, at most {}", answer.size(), bytes_max);
  CHECK(is_dns_reply_to(answer, query));
  const auto again = DnsQuery::parse(answer);
  CHECK(again && again->is_reply() && again->name() == asked->name());
}

std::string query(const std::string& wire_name, uint8_t type, const std::string& more = {}) {
  const char additional = more.empty() ? 0 : 1;
  return std::string("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00", 11) + additional + wire_name +
         std::string(1, '\0') + std::string(1, '\0') + char(type) + std::string("\x00\x01", 2) +
         more;
}

}  // namespace

void run(std::string_view input) {
  static const World world = make_world();
  Rng rng{1};
  for (const auto transport : {DnsTransport::Udp, DnsTransport::Tcp}) {
    const auto outcome = answer_dns(input, transport, world.asker, world.table, rng);
    if (const auto* answer = std::get_if<DnsAnswer>(&outcome)) {
      check_answer(input, answer->packet, transport);
    }
    if (std::holds_alternative<DnsForward>(outcome)) {
      check_answer(input, dns_failure(input), DnsTransport::Tcp);
    }
  }
  // The same bytes as an answer from outside, to a query and to themselves.
  static const auto asked = query(std::string("\3web\5front", 10), kDnsTypeA);
  (void)is_dns_reply_to(input, asked);
  (void)is_dns_reply_to(asked, input);
  (void)address_in_reverse_name(input);
}

std::vector<std::string> seeds() {
  const std::string web("\3web", 4);
  const std::string edns("\x00\x00\x29\x10\x00\x00\x00\x80\x00\x00\x00", 11);
  return {query(web, kDnsTypeA),
          query(web, kDnsTypeAaaa, edns),
          query(std::string("\5tasks") + web, kDnsTypeA),
          query(std::string("\5tasks") + web, kDnsTypeAny, edns),
          query(std::string("\3_80\4_tcp\5tasks") + web, kDnsTypeSrv),
          query(std::string("\0012\0010\0010\00210\7in-addr\4arpa"), kDnsTypePtr),
          query(std::string("\7example\3com"), 16, edns),
          "2.0.0.10.in-addr.arpa"};
}

}  // namespace shoal::fuzz

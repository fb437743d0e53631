#include "network/dns_rules.h"

#include <gtest/gtest.h>

namespace shoal::network {
namespace {

TEST(DnsRules, LeadFromPort53ToTheResponder) {
  EXPECT_EQ(to_text(plan_dns_rules({1053, 1054}), kDnsTable),
            R"(table inet shoal_dns {
  map responder {
    type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
    elements = { 127.0.0.11 . tcp . 53 : 127.0.0.11 . 1054,
                 127.0.0.11 . udp . 53 : 127.0.0.11 . 1053 }
  }
  chain ask {
    type nat hook output priority -100
    dnat ip to ip daddr . meta l4proto . th dport map @responder
  }
}
)");
}

TEST(DnsRules, AreReadBack) {
  EXPECT_EQ(ports_in_dns_rules(plan_dns_rules({1053, 1054})), (DnsPorts{1053, 1054}));
  EXPECT_EQ(ports_in_dns_rules({}), DnsPorts{});
  auto odd = plan_dns_rules({1053, 1054});
  for (auto& [key, target] : odd.elements.begin()->second) target = GoToChain{"elsewhere"};
  EXPECT_EQ(ports_in_dns_rules(odd), DnsPorts{});
}

}  // namespace
}  // namespace shoal::network

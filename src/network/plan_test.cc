#include "network/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::network {
namespace {

using ::testing::HasSubstr;
using enum PortProtocol;

const IpAddress kWeb = IpAddress::v4(172, 17, 0, 2);
const IpAddress kOther = IpAddress::v4(172, 17, 0, 3);

BridgeConfig bridge() {
  return {"shoal0", *Subnet::parse("172.17.0.1/16"), 1500};
}

Plan endpoint(std::vector<PublishedPort> ports) {
  return plan_endpoint(bridge(), {"shvweb", "eth0", kWeb, MacAddress::of(kWeb), std::move(ports)});
}

TEST(Plan, TheFrameReadsAsNftWouldPrintIt) {
  EXPECT_EQ(to_text(plan_frame(bridge())), R"(bridge shoal0 mtu 1500 address 172.17.0.1/16
sysctl net/ipv4/conf/shoal0/accept_redirects = 0
sysctl net/ipv4/conf/shoal0/forwarding = 1
sysctl net/ipv4/conf/shoal0/route_localnet = 1
sysctl net/ipv4/conf/shoal0/rp_filter = 1
sysctl net/ipv4/conf/shoal0/send_redirects = 0
sysctl net/ipv4/ip_forward = 1
table inet shoal_node {
  chain published {
    dnat ip to ip daddr . meta l4proto . th dport map @ports_at
    dnat ip to meta l4proto . th dport map @ports
    meta l4proto . th dport vmap @services
  }
  map ports {
    type inet_proto . inet_service : ipv4_addr . inet_service
  }
  map ports_at {
    type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service
  }
  map services {
    type inet_proto . inet_service : verdict
  }
  set services_busy {
    type inet_proto . inet_service
  }
  set services_idle {
    type inet_proto . inet_service
  }
  chain forward {
    type filter hook forward priority 0
    oifname "shoal0" ct state established,related accept
    oifname "shoal0" iifname "shoal0" accept
    oifname "shoal0" ct status dnat accept
    oifname "shoal0" drop
  }
  chain guard {
    type filter hook prerouting priority -300
    iifname "shoal0" ip daddr 127.0.0.0/8 drop
  }
  chain idle_in {
    type filter hook prerouting priority -150
    ct state new fib daddr type local meta l4proto tcp meta l4proto . th dport @services_idle reject with tcp reset
    ct state new fib daddr type local meta l4proto . th dport @services_idle reject with icmpx port-unreachable
    ct state new fib daddr type local meta l4proto tcp tcp flags & (fin | syn | rst | ack) != syn meta l4proto . th dport @services_busy reject with tcp reset
  }
  chain idle_out {
    type filter hook output priority -150
    ct state new fib daddr type local meta l4proto tcp meta l4proto . th dport @services_idle reject with tcp reset
    ct state new fib daddr type local meta l4proto . th dport @services_idle reject with icmpx port-unreachable
  }
  chain nat_in {
    type nat hook prerouting priority -100
    fib daddr type local jump published
  }
  chain nat_out {
    type nat hook output priority -100
    fib daddr type local jump published
  }
  chain nat_post {
    type nat hook postrouting priority 100
    ip saddr 172.17.0.0/16 oifname != "shoal0" masquerade
    ip saddr 172.17.0.0/16 oifname "shoal0" ct status dnat masquerade
    ip saddr 127.0.0.0/8 oifname "shoal0" masquerade
  }
}
)");
}

TEST(Plan, AnEndpointIsALinkAndOneElementAPort) {
  const auto part = endpoint({{Tcp, {}, 8081, 80}, {Udp, IpAddress::v4(127, 0, 0, 1), 5353, 53}});
  EXPECT_EQ(to_text(diff(Plan{}, part)),
            "add veth shvweb mtu 1500 master shoal0 peer eth0 02:42:ac:11:00:02 172.17.0.2/16 via "
            "172.17.0.1\n"
            "add element ports { tcp . 8081 : 172.17.0.2 . 80 }\n"
            "add element ports_at { 127.0.0.1 . udp . 5353 : 172.17.0.2 . 53 }\n");
  EXPECT_EQ(to_text(diff(part, Plan{})),
            "remove link shvweb\n"
            "remove element ports { tcp . 8081 }\n"
            "remove element ports_at { 127.0.0.1 . udp . 5353 }\n");
}

TEST(Plan, APortAtAnIpv6AddressIsLeftToTheRelay) {
  const auto part = endpoint({{Tcp, *IpAddress::parse("::1"), 8081, 80}});
  EXPECT_TRUE(diff(Plan{}, part).rules.empty());
}

TEST(Plan, AChangedBackendReplacesOneRule) {
  const auto one = plan_ingress({Tcp, 8080, {{kWeb, 80}}});
  const auto two = plan_ingress({Tcp, 8080, {{kWeb, 80}, {kOther, 80}}});
  EXPECT_EQ(to_text(diff(one, two)),
            "set rules of 5/service_tcp_8080\n"
            "    fib daddr type local meta l4proto tcp dnat ip to numgen inc mod 2 map "
            "{ 0 : 172.17.0.2 . 80, 1 : 172.17.0.3 . 80 }\n"
            "    fib daddr type local meta l4proto tcp dnat ip to 172.17.0.2 . 80\n");
  EXPECT_TRUE(diff(two, two).empty());
}

TEST(Plan, AServiceThatLosesItsLastBackendRefuses) {
  const auto served = plan_ingress({Udp, 53, {{kWeb, 53}}});
  const auto idle = plan_ingress({Udp, 53, {}});
  EXPECT_EQ(to_text(diff(served, idle)),
            "add element services_idle { udp . 53 }\n"
            "remove element 15/services { udp . 53 }\n"
            "remove element services_busy { udp . 53 }\n"
            "remove chain 15/service_udp_53\n");
  EXPECT_EQ(to_text(diff(idle, Plan{})), "remove element services_idle { udp . 53 }\n");
}

TEST(Plan, AServicePortAtOneAddressIsAskedThereAloneAndRefusesNowhereElse) {
  const IngressPort port{Tcp, 8080, {{kWeb, 80}}, IpAddress::v4(192, 0, 2, 7)};
  EXPECT_EQ(
      to_text(diff(Plan{}, plan_ingress(port))),
      "add chain 5/service_tcp_8080\n"
      "set rules of 5/service_tcp_8080\n"
      "    fib daddr type local meta l4proto tcp ip daddr 192.0.2.7/32 "
      "dnat ip to numgen inc mod 1 map { 0 : 172.17.0.2 . 80 }\n"
      "    fib daddr type local meta l4proto tcp ip daddr 192.0.2.7/32 dnat ip to 172.17.0.2 . "
      "80\n"
      "add element 5/services { tcp . 8080 : goto service_tcp_8080 }\n");
  EXPECT_TRUE(diff(Plan{}, plan_ingress({Tcp, 8080, {}, port.address})).rules.empty());
  const auto v6 = *IpAddress::parse("fd00::1");  // Left to the relay.
  EXPECT_TRUE(diff(Plan{}, plan_ingress({Tcp, 8080, {{kWeb, 80}}, v6})).rules.empty());
}

TEST(Plan, AMovedElementIsRemovedBeforeItIsAdded) {
  EXPECT_EQ(to_text(diff(endpoint({{Tcp, {}, 8081, 80}}), endpoint({{Tcp, {}, 8081, 81}}))),
            "remove element ports { tcp . 8081 }\n"
            "add element ports { tcp . 8081 : 172.17.0.2 . 81 }\n");
}

TEST(Plan, TheDifferenceOfSumsIsTheDifferenceOfTheParts) {
  auto before = plan_frame(bridge());
  auto after = before;
  const auto web = endpoint({{Tcp, {}, 8081, 80}});
  const auto service = plan_ingress({Tcp, 8080, {{kWeb, 80}}});
  add_part(before, web);
  add_part(after, web);
  add_part(after, service);
  EXPECT_EQ(diff(before, after), diff(Plan{}, service));
}

TEST(Plan, FindsTheServicesInWhatTheKernelHas) {
  auto plan = plan_frame(bridge());
  const auto served = plan_ingress({Tcp, 8080, {{kWeb, 80}}});
  const auto idle = plan_ingress({Tcp, 8082, {}});
  add_part(plan, served);
  add_part(plan, idle);
  const auto parts = ingress_parts(plan.rules);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].second, served);
  EXPECT_EQ(parts[1].first, (IngressPort{Tcp, 8082, {}}));
  EXPECT_EQ(parts[1].second, idle);
}

TEST(Plan, FindsTheServicesOfADaemonThatKnewNoShards) {
  auto plan = plan_frame(bridge());
  Plan old;
  old.rules.chains["service_tcp_8080"].rules = {{{}, SendTo{{kWeb, 80}}}};
  old.rules.elements["services"][PortKey{{}, Tcp, 8080}] = GoToChain{"service_tcp_8080"};
  old.rules.elements["services_busy"][PortKey{{}, Tcp, 8080}] = std::monostate{};
  add_part(plan, old);
  const auto parts = ingress_parts(plan.rules);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].second, old);
  // The port is served at both places, or at one of them, but never at none.
  EXPECT_EQ(to_text(diff(old, plan_ingress({Tcp, 8080, {{kWeb, 80}}}))),
            "add chain 5/service_tcp_8080\n"
            "set rules of 5/service_tcp_8080\n"
            "    fib daddr type local meta l4proto tcp dnat ip to numgen inc mod 1 map "
            "{ 0 : 172.17.0.2 . 80 }\n"
            "    fib daddr type local meta l4proto tcp dnat ip to 172.17.0.2 . 80\n"
            "add element 5/services { tcp . 8080 : goto service_tcp_8080 }\n"
            "remove element services { tcp . 8080 }\n"
            "remove chain service_tcp_8080\n");
}

TEST(Plan, AShardReadsAsNftWouldPrintIt) {
  EXPECT_EQ(to_text(plan_ingress_shard(3).rules, "shoal_node"), R"(table inet shoal_node {
}
table inet shoal_node_3 {
  map services {
    type inet_proto . inet_service : verdict
  }
  chain nat_in {
    type nat hook prerouting priority -100
    meta l4proto . th dport vmap @services
  }
  chain nat_out {
    type nat hook output priority -100
    meta l4proto . th dport vmap @services
  }
}
)");
}

TEST(Plan, ABaseChainThatIsPlannedNoMoreIsEmptiedAndNotRemoved) {
  const auto shard = plan_ingress_shard(3);
  std::string text;
  for (const auto& change : diff(shard.rules, Ruleset{})) text += to_text(change) + "\n";
  EXPECT_EQ(text, "set rules of 3/nat_in\nset rules of 3/nat_out\n");
  auto emptied = shard.rules;
  for (auto& [name, chain] : emptied.chains) chain.rules.clear();
  EXPECT_TRUE(diff(emptied, Ruleset{}).empty());
}

TEST(PlanDeathTest, ThePartsOfAPlanNeverOverlap) {
  auto plan = plan_frame(bridge());
  add_part(plan, endpoint({{Tcp, {}, 8081, 80}}));
  EXPECT_DEATH(add_part(plan, endpoint({})), "planned twice");
}

}  // namespace
}  // namespace shoal::network

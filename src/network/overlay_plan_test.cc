#include "network/overlay_plan.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::network {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}

OverlayNetwork network(const std::vector<std::string>& subnets) {
  OverlayNetwork network{.id = "net1", .vni = 4097};
  for (const auto& text : subnets) network.subnets.push_back(*Subnet::parse(text));
  return network;
}

std::string lines(const OverlayDiff& diff) {
  return fmt::format("{}\n", fmt::join(describe(diff), "\n"));
}

TEST(OverlayPlan, TheTunnelsRulesReadAsNftWouldPrintThem) {
  EXPECT_EQ(to_text(plan_tunnel_rules(4790), kTunnelTable), R"(table inet shoal_tunnel {
  chain tunnel_in {
    type filter hook prerouting priority -300
    meta l4proto udp th dport 4790 notrack
  }
  chain tunnel_out {
    type filter hook output priority -300
    meta l4proto udp th dport 4790 notrack
  }
}
)");
}

TEST(OverlayPlan, TheFrameReadsAsNftWouldPrintIt) {
  const auto plan = plan_overlay_frame(network({"10.0.1.1/24", "fd00:1::1/64"}), 1450, {0, 3});
  EXPECT_EQ(to_text(plan), R"(sysctl net/bridge/bridge-nf-call-arptables = 0
sysctl net/bridge/bridge-nf-call-ip6tables = 1
sysctl net/bridge/bridge-nf-call-iptables = 1
sysctl net/ipv4/conf/all/rp_filter = 0
sysctl net/ipv4/conf/all/send_redirects = 0
sysctl net/ipv4/conf/br0/rp_filter = 0
sysctl net/ipv4/conf/br0/send_redirects = 0
sysctl net/ipv4/ip_forward = 1
sysctl net/ipv6/conf/all/forwarding = 1
sysctl net/ipv6/conf/br0/accept_dad = 0
sysctl net/ipv6/conf/br0/accept_ra = 0
sysctl net/ipv6/conf/br0/disable_ipv6 = 0
sysctl net/ipv6/conf/vx0/accept_dad = 0
sysctl net/ipv6/conf/vx0/accept_ra = 0
sysctl net/ipv6/conf/vx0/disable_ipv6 = 0
sysctl net/netfilter/nf_conntrack_tcp_be_liberal = 1
sysctl net/netfilter/nf_conntrack_tcp_loose = 0
address 10.0.1.1/24
address fd00:1::1/64
port vx0 mtu 1450
table inet shoal_overlay {
  set datagrams {
    type ipv4_addr
    size 1048576
    flags dynamic
  }
  set datagrams6 {
    type ipv6_addr
    size 1048576
    flags dynamic
  }
  set self {
    type ipv4_addr . ipv4_addr
  }
  set self6 {
    type ipv6_addr . ipv6_addr
  }
  map services {
    type ipv4_addr : verdict
  }
  map services6 {
    type ipv6_addr : verdict
  }
  chain to_backends {
    type nat hook prerouting priority -100
    meta l4proto != icmp meta l4proto != ipv6-icmp ip daddr vmap @services
    meta l4proto != icmp meta l4proto != ipv6-icmp ip6 daddr vmap @services6
  }
  chain to_self {
    type nat hook postrouting priority 100
    meta l4proto udp ct status dnat add @datagrams { ct original ip daddr }
    ct status dnat ip saddr . ip daddr @self snat ip to ct original ip daddr
    meta l4proto udp ct status dnat add @datagrams6 { ct original ip6 daddr }
    ct status dnat ip6 saddr . ip6 daddr @self6 snat ip6 to ct original ip6 daddr
  }
}
table inet shoal_overlay_3 {
  map services {
    type ipv4_addr : verdict
  }
  map services6 {
    type ipv6_addr : verdict
  }
  chain to_backends {
    type nat hook prerouting priority -100
    meta l4proto != icmp meta l4proto != ipv6-icmp ip daddr vmap @services
    meta l4proto != icmp meta l4proto != ipv6-icmp ip6 daddr vmap @services6
  }
}
)");
}

TEST(OverlayPlan, WithoutVirtualAddressesBridgedPacketsMeetNoRules) {
  const auto plan = plan_overlay_frame(network({"10.0.1.1/24"}), 1450, {});
  EXPECT_EQ(plan.sysctls.at("net/bridge/bridge-nf-call-iptables"), "0");
  EXPECT_EQ(plan.sysctls.at("net/bridge/bridge-nf-call-ip6tables"), "0");
  EXPECT_FALSE(plan.sysctls.contains("net/netfilter/nf_conntrack_tcp_loose"));
  EXPECT_FALSE(plan.sysctls.contains("net/ipv6/conf/br0/disable_ipv6"));
}

TEST(OverlayPlan, AStationElsewhereIsAnEntryInEachTable) {
  const auto mac = MacAddress::of(ip("10.0.1.21"));
  const auto part = plan_overlay_station({mac, "", ip("192.0.2.7"), {ip("10.0.1.21")}}, 1450);
  EXPECT_EQ(lines(diff({}, part)),
            "set forward 02:42:0a:00:01:15 to vx0\n"
            "set tunnel 02:42:0a:00:01:15 to 192.0.2.7\n"
            "set neighbour 10.0.1.21 on br0 is 02:42:0a:00:01:15\n"
            "set neighbour 10.0.1.21 on vx0 is 02:42:0a:00:01:15\n");
  EXPECT_EQ(lines(diff(part, {})),
            "remove forward 02:42:0a:00:01:15 to vx0\n"
            "remove tunnel 02:42:0a:00:01:15 to 192.0.2.7\n"
            "remove neighbour 10.0.1.21 on br0 is 02:42:0a:00:01:15\n"
            "remove neighbour 10.0.1.21 on vx0 is 02:42:0a:00:01:15\n");
}

TEST(OverlayPlan, AContainerIsAPortAndItsOwnPair) {
  const auto mac = MacAddress::of(ip("10.0.1.11"));
  const auto port = overlay_port_name(mac);
  EXPECT_EQ(port, "c0a00010b");
  const auto part =
      plan_overlay_station({mac, port, {}, {ip("10.0.1.11"), ip("fd00:1::11")}}, 1450);
  EXPECT_EQ(lines(diff({}, part)),
            "set port c0a00010b mtu 1450 hairpin\n"
            "set forward 02:42:0a:00:01:0b to c0a00010b\n"
            "set neighbour 10.0.1.11 on br0 is 02:42:0a:00:01:0b\n"
            "set neighbour fd00:1::11 on br0 is 02:42:0a:00:01:0b\n"
            "add element self { 10.0.1.11 . 10.0.1.11 }\n"
            "add element self6 { fd00:1::11 . fd00:1::11 }\n");
}

TEST(OverlayPlan, AServiceIsAnAddressAChainAndAnElementOfEachFamily) {
  const OverlayService service{"web",
                               {ip("10.0.1.5"), ip("fd00:1::5")},
                               {ip("10.0.1.11"), ip("10.0.1.21"), ip("fd00:1::11")}};
  EXPECT_EQ(lines(diff({}, plan_overlay_service(service))),
            "add address 10.0.1.5/32\n"
            "add address fd00:1::5/128\n"
            "add chain 5/service_10_0_1_5\n"
            "add chain 7/service_fd00_1__5\n"
            "set rules of 5/service_10_0_1_5\n"
            "    dnat ip to numgen inc mod 2 map { 0 : 10.0.1.11, 1 : 10.0.1.21 }\n"
            "    dnat ip to 10.0.1.11\n"
            "set rules of 7/service_fd00_1__5\n"
            "    dnat ip6 to numgen inc mod 1 map { 0 : fd00:1::11 }\n"
            "    dnat ip6 to fd00:1::11\n"
            "add element 5/services { 10.0.1.5 : goto service_10_0_1_5 }\n"
            "add element 7/services6 { fd00:1::5 : goto service_fd00_1__5 }\n");
}

TEST(OverlayPlan, AServiceWithoutBackendsKeepsOnlyItsAddress) {
  OverlayService service{"web", {ip("10.0.1.5")}, {ip("10.0.1.11")}};
  const auto served = plan_overlay_service(service);
  service.backends.clear();
  EXPECT_EQ(lines(diff(served, plan_overlay_service(service))),
            "remove element 5/services { 10.0.1.5 }\n"
            "remove chain 5/service_10_0_1_5\n");
}

TEST(OverlayPlan, AnotherServiceThatTakesTheAddressChangesOneChain) {
  const auto before = plan_overlay_service({"old", {ip("10.0.1.5")}, {ip("10.0.1.11")}});
  const auto after = plan_overlay_service({"new", {ip("10.0.1.5")}, {ip("10.0.1.12")}});
  EXPECT_EQ(lines(diff(before, after)),
            "set rules of 5/service_10_0_1_5\n"
            "    dnat ip to numgen inc mod 1 map { 0 : 10.0.1.12 }\n"
            "    dnat ip to 10.0.1.12\n");
  EXPECT_TRUE(diff(after, after).empty());
}

TEST(OverlayPlan, RulesThatDifferHaveOtherFingerprints) {
  const Rule one{{IsNotIcmp{}}, FollowMap{"services"}};
  const Rule two{{IsNotIcmp{}}, FollowMap{"services6"}};
  EXPECT_EQ(fingerprint(one, overlay_maps()), fingerprint(one, overlay_maps()));
  EXPECT_NE(fingerprint(one, overlay_maps()), fingerprint(two, overlay_maps()));
}

TEST(OverlayPlanDeathTest, ThePartsOfAPlanNeverOverlap) {
  auto plan = plan_overlay_service({"old", {ip("10.0.1.5")}, {}});
  EXPECT_DEATH(add_part(plan, plan_overlay_service({"new", {ip("10.0.1.5")}, {}})),
               "planned twice");
}

}  // namespace
}  // namespace shoal::network

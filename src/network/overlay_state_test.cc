#include "network/overlay_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::network {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using enum PortProtocol;

IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}

const IpAddress kVirtual = ip("10.0.1.5");
const IpAddress kOne = ip("10.0.1.11");
const IpAddress kTwo = ip("10.0.1.12");
const IpAddress kClient = ip("10.0.1.9");
const IpAddress kHere = ip("192.0.2.1");
const IpAddress kThere = ip("192.0.2.2");

OverlayNetwork network() {
  return {.id = "net1", .vni = 4097, .subnets = {*Subnet::parse("10.0.1.1/24")}};
}
OverlayHost host() {
  return {.address = kHere, .port = 4789, .mtu = 1500};
}
OverlayState state() {
  return *OverlayState::make(network(), host());
}
OverlayLocal local(const std::string& id, const IpAddress& address) {
  return {id, {{address, 24}}};
}
Flow flow(const IpAddress& asked, const IpAddress& server, PortProtocol protocol) {
  return {.client = kClient,
          .asked = asked,
          .asked_port = 80,
          .server = server,
          .server_port = 80,
          .protocol = protocol};
}
std::vector<std::string> lines(OverlayState& state) {
  return describe(state.take_step().diff);
}

TEST(OverlayState, AChangeCostsWhatItTouches) {
  auto net = state();
  for (uint8_t i = 100; i < 200; ++i) {
    ASSERT_TRUE(net.put(OverlayPeer{IpAddress::v4(10, 0, 1, i), kThere, {}}));
  }
  ASSERT_TRUE(net.put(OverlayService{"web", {kVirtual}, {ip("10.0.1.100"), ip("10.0.1.101")}}));
  EXPECT_FALSE(net.take_step().diff.empty());
  EXPECT_TRUE(net.take_step().diff.empty());
  ASSERT_TRUE(net.put(OverlayService{"web", {kVirtual}, {ip("10.0.1.100")}}));
  EXPECT_THAT(lines(net), ElementsAre("set rules of 5/service_10_0_1_5\n    dnat ip to numgen inc "
                                      "mod 1 map { 0 : 10.0.1.100 }\n    dnat ip to 10.0.1.100"));
}

TEST(OverlayState, StepsAddUpToThePlan) {
  auto net = state();
  auto sum = net.plan();
  const auto follow = [&] {
    const auto before = sum;
    const auto step = net.take_step();
    sum = net.plan();
    EXPECT_EQ(step.diff, diff(before, sum));
  };
  ASSERT_TRUE(net.put(OverlayPeer{kOne, kThere, {}}));
  ASSERT_TRUE(net.put(OverlayService{"web", {kVirtual}, {kOne}}));
  follow();
  ASSERT_TRUE(net.add_local(local("c1", kOne)));  // It has come here.
  ASSERT_TRUE(net.put(OverlayService{"web", {}, {}}));
  ASSERT_TRUE(net.put(OverlayService{"other", {kVirtual}, {kOne, kTwo}}));
  follow();
  net.drop_peer(kOne);
  net.remove_local("c1");
  net.drop_service("other");
  net.drop_service("nobody");
  net.drop_peer(kTwo);
  follow();
}

TEST(OverlayState, WhoIsConnectedHereCountsMoreThanWhatIsSaidOfIt) {
  auto net = state();
  ASSERT_TRUE(net.put(OverlayPeer{kOne, kThere, {}}));
  (void)net.take_step();
  ASSERT_TRUE(net.add_local(local("c1", kOne)));
  EXPECT_THAT(lines(net), ElementsAre("set port c0a00010b mtu 1450 hairpin",
                                      "set forward 02:42:0a:00:01:0b to c0a00010b",
                                      "add element self { 10.0.1.11 . 10.0.1.11 }",
                                      "remove tunnel 02:42:0a:00:01:0b to 192.0.2.2",
                                      "remove neighbour 10.0.1.11 on vx0 is 02:42:0a:00:01:0b"));
  net.drop_peer(kOne);  // The old owner, elsewhere: the new one's flows go on.
  EXPECT_THAT(net.take_step().end_flows, IsEmpty());
}

TEST(OverlayState, APeerOnThisHostIsKnownByItsConnectionOnly) {
  auto net = state();
  ASSERT_TRUE(net.put(OverlayPeer{kOne, kHere, {}}));
  ASSERT_TRUE(net.put(OverlayPeer{kTwo, {}, {}}));
  EXPECT_THAT(lines(net), IsEmpty());
}

TEST(OverlayState, TwoAddressesOfOneLinkAreOneStation) {
  auto dual = network();
  dual.subnets.push_back(*Subnet::parse("fd00:1::1/64"));
  auto net = *OverlayState::make(dual, host());
  const auto mac = MacAddress::of(kOne);
  ASSERT_TRUE(net.put(OverlayPeer{kOne, kThere, {}}));
  ASSERT_TRUE(net.put(OverlayPeer{ip("fd00:1::b"), kThere, mac}));
  const auto plan = net.plan();
  EXPECT_EQ(plan.forwarding.size(), 1u);
  EXPECT_EQ(plan.neighbours.at({"vx0", ip("fd00:1::b")}), mac);
  (void)net.take_step();
  net.drop_peer(kOne);
  EXPECT_THAT(lines(net), ElementsAre("remove neighbour 10.0.1.11 on br0 is 02:42:0a:00:01:0b",
                                      "remove neighbour 10.0.1.11 on vx0 is 02:42:0a:00:01:0b"));
}

TEST(OverlayState, WithdrawalEndsDatagramsOfThatServiceOnly) {
  auto net = state();
  ASSERT_TRUE(net.put(OverlayService{"web", {kVirtual}, {kOne, kTwo}}));
  // Until then the address refused, and datagrams were known to get nowhere.
  EXPECT_THAT(net.take_step().end_flows,
              ElementsAre(FlowFilter{.server = kVirtual, .protocol = Udp}));
  ASSERT_TRUE(net.put(OverlayService{"web", {kVirtual}, {kTwo}}));
  EXPECT_THAT(net.take_step().end_flows,
              ElementsAre(FlowFilter{.server = kOne, .asked = kVirtual, .protocol = Udp}));
  net.drop_service("web");
  EXPECT_THAT(net.take_step().end_flows,
              ElementsAre(FlowFilter{.server = kTwo, .asked = kVirtual, .protocol = Udp}));
}

TEST(OverlayState, WhoIsGoneTakesAllFlowsAlong) {
  auto net = state();
  ASSERT_TRUE(net.put(OverlayPeer{kOne, kThere, {}}));
  ASSERT_TRUE(net.add_local(local("c2", kTwo)));
  (void)net.take_step();
  net.drop_peer(kOne);
  net.remove_local("c2");
  EXPECT_THAT(net.take_step().end_flows,
              UnorderedElementsAre(FlowFilter{.server = kOne}, FlowFilter{.client = kOne},
                                   FlowFilter{.server = kTwo}, FlowFilter{.client = kTwo}));
  ASSERT_TRUE(net.put(OverlayPeer{kOne, kThere, {}}));
  ASSERT_TRUE(net.put(OverlayPeer{kOne, ip("192.0.2.3"), {}}));  // Another task, on another host.
  EXPECT_THAT(net.take_step().end_flows,
              UnorderedElementsAre(FlowFilter{.server = kOne}, FlowFilter{.client = kOne}));
}

TEST(OverlayState, KnowsFlowsThatLeadToNobody) {
  auto net = state();
  ASSERT_TRUE(net.put(OverlayPeer{kClient, kThere, {}}));
  ASSERT_TRUE(net.put(OverlayPeer{kOne, kThere, {}}));
  ASSERT_TRUE(net.put(OverlayPeer{kTwo, kThere, {}}));
  ASSERT_TRUE(net.put(OverlayService{"web", {kVirtual}, {kOne}}));
  EXPECT_FALSE(net.is_over(flow(kVirtual, kOne, Tcp)));
  EXPECT_FALSE(net.is_over(flow(kVirtual, kTwo, Tcp)));  // Withdrawn: it may finish.
  EXPECT_TRUE(net.is_over(flow(kVirtual, kTwo, Udp)));
  EXPECT_TRUE(net.is_over(flow(kVirtual, kVirtual, Udp)));  // From when there was nobody.
  EXPECT_FALSE(net.is_over(flow(kTwo, kTwo, Udp)));
  EXPECT_FALSE(net.is_over(flow(ip("10.0.1.1"), ip("10.0.1.1"), Tcp)));  // The gateway.
  net.drop_peer(kTwo);
  EXPECT_TRUE(net.is_over(flow(kVirtual, kTwo, Tcp)));
  EXPECT_TRUE(net.is_over(flow(kTwo, kTwo, Tcp)));
  net.drop_peer(kClient);
  EXPECT_TRUE(net.is_over(flow(kVirtual, kOne, Tcp)));
}

TEST(OverlayState, TheIngressNetworkHasNoVirtualAddresses) {
  auto ingress = network();
  ingress.ingress = true;
  auto net = *OverlayState::make(ingress, host());
  ASSERT_TRUE(net.put(OverlayService{"web", {kVirtual}, {kOne}}));
  EXPECT_THAT(lines(net), IsEmpty());
  EXPECT_EQ(net.plan().sysctls.at("net/bridge/bridge-nf-call-iptables"), "0");
}

TEST(OverlayState, TheMtuFollowsFromTheHostsLink) {
  EXPECT_EQ(state().mtu(), 1450);
  EXPECT_EQ((*OverlayState::make(network(), {ip("2001:db8::1"), 4789, 1500})).mtu(), 1430);
  auto given = network();
  given.mtu = 1400;
  EXPECT_EQ((*OverlayState::make(given, host())).mtu(), 1400);
}

TEST(OverlayState, ALinkThatIsTooNarrowIsSaidSo) {
  const auto narrow = (*OverlayState::make(network(), {kHere, 4789, 600})).frame();
  ASSERT_FALSE(narrow);
  EXPECT_EQ(narrow.error().code, ErrorCode::FailedPrecondition);
  EXPECT_THAT(narrow.error().message,
              HasSubstr("an MTU of 600, which leaves 550 for the network; it needs 576"));
  auto dual = network();
  dual.subnets.push_back(*Subnet::parse("fd00:1::1/64"));
  EXPECT_FALSE((*OverlayState::make(dual, {kHere, 4789, 1300})).frame());
  auto given = network();
  given.mtu = 70'000;
  EXPECT_EQ((*OverlayState::make(given, host())).frame().error().code, ErrorCode::InvalidArgument);
}

TEST(OverlayState, RefusesNetworksThatMakeNoSense) {
  const auto refused = [](auto change) {
    auto bad = network();
    change(bad);
    const auto made = OverlayState::make(bad, host());
    return !made && made.error().code == ErrorCode::InvalidArgument;
  };
  EXPECT_TRUE(refused([](auto& n) { n.vni = 0; }));
  EXPECT_TRUE(refused([](auto& n) { n.vni = 1u << 24; }));
  EXPECT_TRUE(refused([](auto& n) { n.subnets.clear(); }));
  EXPECT_TRUE(refused([](auto& n) { n.subnets = {*Subnet::parse("10.0.1.0/24")}; }));
  EXPECT_TRUE(refused([](auto& n) { n.subnets = {*Subnet::parse("10.0.1.1/32")}; }));
}

TEST(OverlayState, RefusesWhatDoesNotFitAndChangesNothing) {
  auto net = state();
  ASSERT_TRUE(net.put(OverlayService{"web", {kVirtual}, {}}));
  ASSERT_TRUE(net.add_local(local("c1", kOne)));
  (void)net.take_step();
  const auto code = [](const Result<void>& result) {
    return result ? std::optional<ErrorCode>() : result.error().code;
  };
  const auto invalid = ErrorCode::InvalidArgument;
  EXPECT_EQ(code(net.put(OverlayPeer{ip("10.0.2.1"), kThere, {}})), invalid);
  EXPECT_EQ(code(net.put(OverlayPeer{kTwo, ip("2001:db8::2"), {}})), invalid);
  EXPECT_EQ(code(net.put(OverlayService{"b", {ip("10.0.2.5")}, {}})), invalid);
  EXPECT_EQ(code(net.put(OverlayService{"b", {kVirtual}, {}})), invalid);  // That of "web".
  EXPECT_EQ(code(net.put(OverlayService{"b", {ip("10.0.1.6"), ip("10.0.1.7")}, {}})), invalid);
  EXPECT_EQ(code(net.put(OverlayService{"b", {ip("10.0.1.6")}, {ip("10.0.2.1")}})), invalid);
  EXPECT_EQ(code(net.put(OverlayService{"b", {ip("10.0.1.6")}, {ip("10.0.1.6")}})), invalid);
  EXPECT_EQ(code(net.put(OverlayService{"b", {ip("10.0.1.6")}, {kTwo, kTwo}})), invalid);
  const std::vector<IpAddress> many(kOverlayBackendsMax + 1, kTwo);
  EXPECT_EQ(code(net.put(OverlayService{"b", {ip("10.0.1.6")}, many})), invalid);
  EXPECT_EQ(code(net.add_local({"c2", {}})), invalid);
  EXPECT_EQ(code(net.add_local(local("c2", ip("10.0.2.1")))), invalid);
  EXPECT_EQ(code(net.add_local({"c2", {{kTwo, 24}, {ip("10.0.1.13"), 24}}})), invalid);
  EXPECT_EQ(code(net.add_local(local("c1", kTwo))), ErrorCode::AlreadyExists);
  EXPECT_EQ(code(net.add_local(local("c2", kOne))), ErrorCode::Conflict);
  EXPECT_THAT(lines(net), IsEmpty());
}

TEST(OverlayState, IsRemadeForAnotherHostWithEverybodyInIt) {
  auto net = state();
  ASSERT_TRUE(net.put(OverlayPeer{kOne, kThere, {}}));
  ASSERT_TRUE(net.put(OverlayService{"web", {kVirtual}, {kOne}}));
  ASSERT_TRUE(net.add_local(local("c2", kTwo)));
  const auto moved = net.remade(network(), {ip("192.0.2.9"), 4790, 9000});
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->frame()->host, ip("192.0.2.9"));
  EXPECT_EQ(moved->mtu(), 8950);
  EXPECT_EQ(moved->plan().tunnels.size(), 1u);
  EXPECT_EQ(moved->plan().ports.size(), 2u);
  EXPECT_EQ(moved->plan().rules.chains.size(), net.plan().rules.chains.size());
}

}  // namespace
}  // namespace shoal::network

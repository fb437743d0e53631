#include "allocator/subnets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/testing.h"

namespace shoal::allocator {
namespace {

using model::IpamConfig;
using model::Network;
using model::NetworkId;
using testing::ElementsAre;

IpamConfig named(std::string subnet) {
  return {.subnet = std::move(subnet), .range = "", .gateway = "", .auxiliary = {}};
}

class SubnetTableTest : public testing::Test {
 protected:
  SubnetTableTest() { use({"10.0.0.0/8"}); }

  void use(std::vector<std::string> pools, uint32_t length = 24) {
    model::Cluster cluster;
    cluster.default_address_pools = std::move(pools);
    cluster.subnet_mask_length = length;
    table.use_pools_of(cluster);
  }

  static Network network(std::string_view id, std::vector<IpamConfig> ipam = {},
                         bool ipv6 = false) {
    Network one;
    one.id = NetworkId::of(id);
    one.spec.ipam = std::move(ipam);
    one.spec.ipv6 = ipv6;
    return one;
  }

  // "subnet gateway", or the error.
  std::vector<std::string> allocate(const Network& one) {
    const auto allocated = table.allocate(one);
    if (!allocated) return {allocated.error().message};
    std::vector<std::string> texts;
    for (const auto& config : *allocated) texts.push_back(config.subnet + " " + config.gateway);
    return texts;
  }
  std::string first(std::string_view id) { return allocate(network(id)).front(); }

  // A network as it is stored.
  void hold(std::string_view id, std::string subnet) {
    Network one = network(id);
    one.allocation.emplace().ipam = {named(std::move(subnet))};
    table.hold(one);
  }
  void release(std::string_view id) { EXPECT_TRUE(table.release(NetworkId::of(id))); }

  SubnetTable table;
};

constexpr auto kExhausted =
    "could not find an available, non-overlapping IPv4 address pool among the defaults to assign "
    "to the network";

TEST_F(SubnetTableTest, SubnetsComeInOrderAndFreedOnesLast) {
  use({"10.0.0.0/22"});
  EXPECT_EQ(first("a"), "10.0.0.0/24 10.0.0.1");
  EXPECT_EQ(first("b"), "10.0.1.0/24 10.0.1.1");
  EXPECT_EQ(first("c"), "10.0.2.0/24 10.0.2.1");
  release("b");
  release("a");
  EXPECT_EQ(first("d"), "10.0.3.0/24 10.0.3.1");
  EXPECT_EQ(first("e"), "10.0.1.0/24 10.0.1.1") << "the longest free first";
  EXPECT_EQ(first("f"), "10.0.0.0/24 10.0.0.1");
  EXPECT_EQ(first("g"), kExhausted);
  release("c");
  EXPECT_EQ(first("g"), "10.0.2.0/24 10.0.2.1");
}

TEST_F(SubnetTableTest, TheNextPoolFollows) {
  use({"10.20.0.0/24", "10.30.0.0/16"}, 25);
  EXPECT_EQ(first("a"), "10.20.0.0/25 10.20.0.1");
  EXPECT_EQ(first("b"), "10.20.0.128/25 10.20.0.129");
  EXPECT_EQ(first("c"), "10.30.0.0/25 10.30.0.1");
}

TEST_F(SubnetTableTest, APoolSmallerThanItsSubnetsIsOne) {
  use({"10.20.0.0/28"}, 24);
  EXPECT_EQ(first("a"), "10.20.0.0/28 10.20.0.1");
  EXPECT_EQ(first("b"), kExhausted);
}

TEST_F(SubnetTableTest, NamedSubnetsAreTakenAsTheyAreAndLeftOutOfTheTurn) {
  EXPECT_THAT(allocate(network("a", {named("10.0.1.0/24")})), ElementsAre("10.0.1.0/24 10.0.1.1"));
  EXPECT_THAT(allocate(network("b", {named("10.0.2.128/25")})),
              ElementsAre("10.0.2.128/25 10.0.2.129"));
  EXPECT_THAT(allocate(network("big", {named("10.0.4.0/22")})),
              ElementsAre("10.0.4.0/22 10.0.4.1"));
  EXPECT_EQ(first("c"), "10.0.0.0/24 10.0.0.1");
  EXPECT_EQ(first("d"), "10.0.3.0/24 10.0.3.1");
  EXPECT_EQ(first("e"), "10.0.8.0/24 10.0.8.1");
}

TEST_F(SubnetTableTest, TheLargestNamedSubnetIsPassedInOneStep) {
  EXPECT_THAT(allocate(network("half", {named("10.0.0.0/9")})), ElementsAre("10.0.0.0/9 10.0.0.1"));
  EXPECT_EQ(first("a"), "10.128.0.0/24 10.128.0.1");
}

TEST_F(SubnetTableTest, WhatANamedSubnetHadCoveredIsFoundInTheEnd) {
  use({"10.0.0.0/23"});
  EXPECT_THAT(allocate(network("big", {named("10.0.0.0/16")})),
              ElementsAre("10.0.0.0/16 10.0.0.1"));
  EXPECT_EQ(first("a"), kExhausted);
  release("big");
  EXPECT_EQ(first("a"), "10.0.0.0/24 10.0.0.1");
  EXPECT_EQ(first("b"), "10.0.1.0/24 10.0.1.1");
}

TEST_F(SubnetTableTest, AnOverlapIsRefusedAndNothingIsKept) {
  EXPECT_THAT(allocate(network("a", {named("10.5.0.0/24")})), ElementsAre("10.5.0.0/24 10.5.0.1"));
  EXPECT_THAT(allocate(network("b", {named("10.6.0.0/24"), named("10.5.0.0/16")})),
              ElementsAre("invalid pool request: Pool overlaps with other one on this address "
                          "space: 10.5.0.0/16 with 10.5.0.0/24 of network a"));
  EXPECT_THAT(allocate(network("c", {named("10.6.0.0/24")})), ElementsAre("10.6.0.0/24 10.6.0.1"));
}

TEST_F(SubnetTableTest, ASpecThatCannotBeIsRefused) {
  EXPECT_THAT(allocate(network("a", {named("10.5.0.1/24")})),
              ElementsAre("invalid subnet 10.5.0.1/24: it should be 10.5.0.0/24"));
}

TEST_F(SubnetTableTest, GatewayRangeAndAuxiliaryAddressesStay) {
  const IpamConfig config{.subnet = "10.5.0.0/24",
                          .range = "10.5.0.128/25",
                          .gateway = "10.5.0.7",
                          .auxiliary = {{"router", "10.5.0.1"}}};
  EXPECT_THAT(*table.allocate(network("a", {config})), ElementsAre(config));
}

TEST_F(SubnetTableTest, IPv6IsTakenAsGivenBesideAnIPv4SubnetOfThePools) {
  EXPECT_THAT(allocate(network("a", {named("fd00:5::/64")}, true)),
              ElementsAre("10.0.0.0/24 10.0.0.1", "fd00:5::/64 fd00:5::1"));
  EXPECT_THAT(
      allocate(network("b", {}, true)),
      ElementsAre("could not find an available, non-overlapping IPv6 address pool among the "
                  "defaults to assign to the network"));
}

TEST_F(SubnetTableTest, IPv6PoolsGiveSubnetsToo) {
  use({"10.0.0.0/8", "fd00::/48"});
  EXPECT_THAT(allocate(network("a", {}, true)),
              ElementsAre("10.0.0.0/24 10.0.0.1", "fd00::/64 fd00::1"));
  EXPECT_THAT(allocate(network("b", {named("10.7.0.0/16")}, true)),
              ElementsAre("10.7.0.0/16 10.7.0.1", "fd00:0:0:1::/64 fd00:0:0:1::1"));
}

TEST_F(SubnetTableTest, AfterARestartTheTurnGoesOnAndGapsComeBeforeNothing) {
  use({"10.0.0.0/22"});
  hold("a", "10.0.0.0/24");
  hold("c", "10.0.2.0/24");
  EXPECT_EQ(first("d"), "10.0.3.0/24 10.0.3.1");
  EXPECT_EQ(first("e"), "10.0.1.0/24 10.0.1.1");
  EXPECT_EQ(first("f"), kExhausted);
}

TEST_F(SubnetTableTest, WhatWasHeldBeforeThePoolsWereKnownCounts) {
  SubnetTable late;
  Network one = network("a");
  one.allocation.emplace().ipam = {named("10.0.0.0/24")};
  late.hold(one);
  model::Cluster cluster;
  late.use_pools_of(cluster);
  EXPECT_EQ(late.allocate(network("b"))->front().subnet, "10.0.1.0/24");
}

TEST_F(SubnetTableTest, OfTwoStoredNetworksThatOverlapTheFirstHasIt) {
  hold("a", "10.0.0.0/24");
  hold("b", "10.0.0.0/25");
  EXPECT_EQ(table.owner_of_overlap(*network::Subnet::parse("10.0.0.0/26")), NetworkId::of("a"));
  EXPECT_FALSE(table.release(NetworkId::of("b")));
  release("a");
  EXPECT_EQ(table.owner_of_overlap(*network::Subnet::parse("10.0.0.0/26")), NetworkId{});
}

TEST_F(SubnetTableTest, ThousandsOfNetworksHaveDistinctSubnets) {
  std::set<std::string> seen;
  for (int i = 0; i < 5000; ++i) {
    const auto got = first(fmt::format("n{}", i));
    ASSERT_TRUE(seen.insert(got).second) << got;
  }
  EXPECT_TRUE(seen.contains("10.19.135.0/24 10.19.135.1"));
}

}  // namespace
}  // namespace shoal::allocator

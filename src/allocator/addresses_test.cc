#include "allocator/addresses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::allocator {
namespace {

using model::IpamConfig;
using model::NetworkId;
using testing::ElementsAre;

model::Network network(std::vector<IpamConfig> ipam) {
  model::Network one;
  one.id = NetworkId::of("n");
  one.spec.annotations.name = "net";
  one.allocation.emplace().ipam = std::move(ipam);
  return one;
}

IpamConfig config(std::string subnet, std::string gateway) {
  return {.subnet = std::move(subnet), .range = "", .gateway = std::move(gateway), .auxiliary = {}};
}

class AddressTableTest : public testing::Test {
 protected:
  void have(std::vector<IpamConfig> ipam) {
    net = network(std::move(ipam));
    table.add(net);
  }
  // One address, or the error.
  std::vector<std::string> take() {
    const auto taken = table.take(net);
    return taken ? *taken : std::vector<std::string>{taken.error().message};
  }
  void give_back(std::vector<std::string> addresses) { table.give_back(net.id, addresses); }
  void hold(std::vector<std::string> addresses) { table.hold(net.id, addresses); }

  model::Network net;
  AddressTable table;
};

TEST_F(AddressTableTest, GatewayAndAuxiliaryAddressesAreNobodys) {
  have({{.subnet = "10.0.0.0/29",
         .range = "",
         .gateway = "10.0.0.2",
         .auxiliary = {{"a", "10.0.0.3"}, {"first", "10.0.0.0"}}}});
  EXPECT_EQ(table.free_count(net.id), 4u);
  for (const auto* text : {"10.0.0.1/29", "10.0.0.4/29", "10.0.0.5/29", "10.0.0.6/29"}) {
    EXPECT_THAT(take(), ElementsAre(text));
  }
  EXPECT_THAT(take(),
              ElementsAre("no available IPv4 addresses on this network's address pools: net (n)"));
}

TEST_F(AddressTableTest, OneThatIsWantedIsGivenWhenItIsFree) {
  have({config("10.0.0.0/29", "10.0.0.1"), config("fd00::/64", "fd00::1")});
  const auto take_wanted = [&](std::vector<std::string> wanted) {
    const auto taken = table.take(net, wanted);
    return taken ? *taken : std::vector<std::string>{taken.error().message};
  };
  EXPECT_THAT(take_wanted({"10.0.0.5"}), ElementsAre("10.0.0.5/29", "fd00::2/64"));
  EXPECT_THAT(take_wanted({"fd00::9"}), ElementsAre("10.0.0.2/29", "fd00::9/64"));
  EXPECT_THAT(take_wanted({"fd00::a", "10.0.0.3"}), ElementsAre("10.0.0.3/29", "fd00::a/64"));
  const uint64_t left = table.free_count(net.id);
  EXPECT_THAT(take_wanted({"10.0.0.5"}), ElementsAre("Address already in use"));
  EXPECT_THAT(take_wanted({"10.0.0.4", "fd00::9"}), ElementsAre("Address already in use"));
  for (const std::string text : {"10.0.0.1", "10.0.1.1", "fd01::1"}) {
    EXPECT_THAT(take_wanted({text}),
                ElementsAre("Invalid address " + text +
                            ": It does not belong to any of this network's subnets"));
  }
  EXPECT_EQ(table.free_count(net.id), left) << "a refusal takes nothing";
  give_back({"10.0.0.5/29"});
  EXPECT_THAT(take_wanted({"10.0.0.5"}), ElementsAre("10.0.0.5/29", "fd00::3/64"));
}

TEST_F(AddressTableTest, AddressesComeFromTheRangeOnly) {
  have({{.subnet = "10.0.0.0/16", .range = "10.0.5.0/30", .gateway = "10.0.0.1", .auxiliary = {}}});
  EXPECT_EQ(table.free_count(net.id), 4u);
  EXPECT_THAT(take(), ElementsAre("10.0.5.0/16"));
}

TEST_F(AddressTableTest, FreedOnesComeLast) {
  have({config("10.0.0.0/29", "10.0.0.1")});
  EXPECT_THAT(take(), ElementsAre("10.0.0.2/29"));
  give_back({"10.0.0.2/29"});
  give_back({"10.0.0.2/29"});  // Once more changes nothing.
  EXPECT_EQ(table.free_count(net.id), 5u);
  EXPECT_THAT(take(), ElementsAre("10.0.0.3/29"));
}

TEST_F(AddressTableTest, TheNextSubnetFollowsWhenOneIsFull) {
  have({config("10.0.0.0/30", "10.0.0.1"), config("10.9.0.0/24", "10.9.0.1")});
  EXPECT_THAT(take(), ElementsAre("10.0.0.2/30"));
  EXPECT_THAT(take(), ElementsAre("10.9.0.2/24"));
}

TEST_F(AddressTableTest, BothFamiliesOrNone) {
  have({config("10.0.0.0/24", "10.0.0.1"), config("fd00::/126", "fd00::1")});
  EXPECT_EQ(table.free_count(net.id), 1u);
  EXPECT_THAT(take(), ElementsAre("10.0.0.2/24", "fd00::2/126"));
  EXPECT_THAT(take(),
              ElementsAre("no available IPv6 addresses on this network's address pools: net (n)"));
  give_back({"10.0.0.2/24", "fd00::2/126"});
  EXPECT_THAT(take(), ElementsAre("10.0.0.3/24", "fd00::2/126")) << "no IPv4 address was lost";
}

TEST_F(AddressTableTest, WhatIsStoredIsHeldAndNonsenseLeftAlone) {
  have({config("10.0.0.0/29", "10.0.0.1")});
  hold({"10.0.0.3/29", "10.9.9.9/24", "nonsense"});
  hold({"10.0.0.3/29"});
  table.go_on_after_held();
  EXPECT_EQ(table.free_count(net.id), 4u);
  EXPECT_THAT(take(), ElementsAre("10.0.0.4/29"));
  give_back({"10.9.9.9/24", "nonsense", "10.0.0.6/29"});
  EXPECT_EQ(table.free_count(net.id), 3u);
}

TEST_F(AddressTableTest, ANetworkThatIsNotThereHasNone) {
  net = network({});
  hold({"10.0.0.3/29"});
  give_back({"10.0.0.3/29"});
  EXPECT_EQ(table.free_count(net.id), 0u);
  EXPECT_THAT(take(), ElementsAre("network n has no addresses"));
  have({config("10.0.0.0/29", "10.0.0.1")});
  table.remove(net.id);
  EXPECT_THAT(take(), ElementsAre("network n has no addresses"));
}

}  // namespace
}  // namespace shoal::allocator

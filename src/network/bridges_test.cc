#include "network/bridges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::network {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Bridge bridge(std::string network, std::string_view subnet) {
  Bridge made{.network = network, .name = network, .config = {}, .range = {}, .reserved = {}};
  made.config.name = "sb-" + network;
  made.config.subnet = *Subnet::parse(subnet);
  return made;
}

class BridgesTest : public ::testing::Test {
 protected:
  BridgesTest() {
    EXPECT_TRUE(bridges_.add(bridge(std::string(kOwnBridge), "172.17.0.1/16")));
    EXPECT_TRUE(bridges_.add(bridge("a", "10.1.0.1/24")));
  }
  std::string refused(Bridge bridge) {
    const auto added = bridges_.add(std::move(bridge));
    return added ? "added" : added.error().message;
  }
  Bridges bridges_;
};

TEST_F(BridgesTest, EachHasItsOwnAddresses) {
  EXPECT_TRUE(bridges_.add(bridge("b", "10.2.0.1/24")));
  EXPECT_EQ(bridges_.take("a", {})->str(), "10.1.0.2");
  EXPECT_EQ(bridges_.take("b", {})->str(), "10.2.0.2");
  EXPECT_EQ(bridges_.take("a", {})->str(), "10.1.0.3");
  EXPECT_EQ(bridges_.take("c", {}).error().code, ErrorCode::NotFound);
}

TEST_F(BridgesTest, AnAddressIsTakenOnce) {
  const auto wanted = *IpAddress::parse("10.1.0.77");
  EXPECT_EQ(bridges_.take("a", wanted)->str(), "10.1.0.77");
  EXPECT_EQ(bridges_.take("a", wanted).error().message, "Address already in use");
  bridges_.give_back("a", wanted);
  EXPECT_TRUE(bridges_.take("a", wanted));
  EXPECT_EQ(bridges_.take("a", *IpAddress::parse("10.2.0.1")).error().message,
            "Invalid address 10.2.0.1: It does not belong to any of this network's subnets");
}

TEST_F(BridgesTest, FreeAddressesComeFromTheRangeAndNotFromWhatIsReserved) {
  Bridge ranged = bridge("r", "10.9.0.1/24");
  ranged.range = *Subnet::parse("10.9.0.128/30");
  ranged.reserved = {*IpAddress::parse("10.9.0.129")};
  EXPECT_TRUE(bridges_.add(std::move(ranged)));
  EXPECT_EQ(bridges_.take("r", {})->str(), "10.9.0.128");
  EXPECT_EQ(bridges_.take("r", {})->str(), "10.9.0.130");
  EXPECT_EQ(bridges_.take("r", {})->str(), "10.9.0.131");
  EXPECT_EQ(bridges_.take("r", {}).error().message,
            "no available IPv4 addresses on this network's address pools: r (r)");
  EXPECT_EQ(bridges_.take("r", *IpAddress::parse("10.9.0.7"))->str(), "10.9.0.7");
}

TEST_F(BridgesTest, WhatOverlapsIsRefused) {
  const std::string overlaps = "Pool overlaps with other one on this address space";
  EXPECT_EQ(refused(bridge("b", "172.17.5.1/24")), overlaps);
  EXPECT_EQ(refused(bridge("b", "10.0.0.1/8")), overlaps);
  Bridge same_link = bridge("b", "10.2.0.1/24");
  same_link.config.name = "sb-a";
  EXPECT_EQ(refused(same_link), "the link sb-a is that of network a");
  bridges_.remove("a");
  EXPECT_EQ(refused(bridge("b", "10.1.0.129/25")), "added");
}

TEST_F(BridgesTest, WhatCannotBeANetworkIsRefused) {
  EXPECT_EQ(refused(bridge("b", "10.2.0.1/31")), "invalid bridge network 10.2.0.1/31");
  EXPECT_EQ(refused(bridge("b", "10.2.0.1/4")), "invalid bridge network 10.2.0.1/4");
  EXPECT_EQ(refused(bridge("b", "fd00::1/64")), "invalid bridge network fd00::1/64");
  EXPECT_THAT(refused(bridge("b", "10.2.0.0/24")), HasSubstr("gateway (10.2.0.0)"));
  Bridge outside = bridge("b", "10.2.0.1/24");
  outside.range = *Subnet::parse("10.3.0.0/25");
  EXPECT_EQ(refused(outside), "invalid range 10.3.0.0/25: it is not within the subnet 10.2.0.0/24");
  Bridge foreign = bridge("b", "10.2.0.1/24");
  foreign.reserved = {*IpAddress::parse("10.3.0.5")};
  EXPECT_THAT(refused(foreign), HasSubstr("Invalid address 10.3.0.5"));
}

TEST_F(BridgesTest, ThereIsAMost) {
  for (size_t i = 2; i < kBridgesMax; ++i) {
    ASSERT_TRUE(bridges_.add(bridge(fmt::format("n{}", i), fmt::format("10.2.{}.1/24", i))));
  }
  EXPECT_THAT(refused(bridge("more", "10.3.0.1/24")), HasSubstr("256 bridge networks"));
}

TEST_F(BridgesTest, TheFrameKeepsBridgesApartAndInternalOnesWithoutAWayOut) {
  Bridge inside = bridge("i", "10.2.0.1/24");
  inside.config.internal = true;
  EXPECT_TRUE(bridges_.add(std::move(inside)));
  const std::string text = to_text(bridges_.frame());
  EXPECT_THAT(text, HasSubstr("bridge sb-a mtu 1500 address 10.1.0.1/24\n"));
  EXPECT_THAT(text, HasSubstr(R"(
    type filter hook forward priority 0
    iifname "sb-i" oifname != "sb-i" drop
    oifname "sb-i" iifname != "sb-i" drop
    oifname "sb-bridge" ct state established,related accept
    oifname "sb-bridge" iifname "sb-bridge" accept
    oifname "sb-bridge" ct status dnat accept
    oifname "sb-bridge" drop
    oifname "sb-a" ct state established,related accept
    oifname "sb-a" iifname "sb-a" accept
    oifname "sb-a" ct status dnat accept
    oifname "sb-a" drop
)"));
  EXPECT_THAT(text, HasSubstr("ip saddr 10.1.0.0/24 oifname != \"sb-a\" masquerade"));
  EXPECT_THAT(text, Not(HasSubstr("ip saddr 10.2.0.0/24")));
}

TEST_F(BridgesTest, ABridgeThatCameOrWentIsTheDifferenceOfTheFrames) {
  const Plan before = bridges_.frame();
  EXPECT_TRUE(bridges_.add(bridge("b", "10.2.0.1/24")));
  const Changes changes = diff(before, bridges_.frame());
  EXPECT_EQ(changes.add_links.size(), 1u);
  EXPECT_EQ(changes.rules.size(), 3u);  // guard, forward, nat_post: each in one step
  bridges_.remove("b");
  EXPECT_EQ(bridges_.frame(), before);
}

}  // namespace
}  // namespace shoal::network

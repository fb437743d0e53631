#include "network/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "network/address_pool.h"

namespace shoal::network {
namespace {

TEST(IpAddress, ReadsAndPrintsBothFamilies) {
  for (const auto* text : {"0.0.0.0", "10.0.0.1", "255.255.255.255", "::", "::1", "fd00::1:2"}) {
    const auto ip = IpAddress::parse(text);
    ASSERT_TRUE(ip) << text;
    EXPECT_EQ(ip->str(), text);
  }
}

TEST(IpAddress, RefusesWhatIsNone) {
  using namespace std::string_view_literals;
  for (const auto text : {""sv, "1"sv, "1.2.3"sv, "1.2.3.4.5"sv, "1.2.3.256"sv, "1.2.3.4 "sv, ":"sv,
                          "fe80::1%eth0"sv, "1.2.3.4/8"sv, "1.2.3.4\0"sv, "host"sv}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
}

TEST(IpAddress, CountsOnAcrossBytes) {
  EXPECT_EQ(IpAddress::v4(10, 0, 0, 255).plus(1).str(), "10.0.1.0");
  EXPECT_EQ(IpAddress::v4(10, 0, 0, 1).plus(65535).str(), "10.1.0.0");
  EXPECT_EQ(IpAddress::parse("fd00::ffff:ffff")->plus(1).str(), "fd00::1:0:0");
}

TEST(Subnet, KnowsItsBoundsAndWhatIsIn) {
  const auto subnet = *Subnet::parse("172.17.9.1/20");
  EXPECT_EQ(subnet.first().str(), "172.17.0.0");
  EXPECT_EQ(subnet.last().str(), "172.17.15.255");
  EXPECT_TRUE(subnet.contains(IpAddress::v4(172, 17, 15, 255)));
  EXPECT_FALSE(subnet.contains(IpAddress::v4(172, 17, 16, 0)));
  EXPECT_FALSE(subnet.contains(*IpAddress::parse("::1")));
  EXPECT_TRUE(subnet.overlaps(*Subnet::parse("172.0.0.0/8")));
  EXPECT_TRUE(subnet.overlaps(*Subnet::parse("172.17.3.0/24")));
  EXPECT_FALSE(subnet.overlaps(*Subnet::parse("172.17.16.0/20")));
  EXPECT_TRUE(Subnet::parse("fd00::/64")->contains(*IpAddress::parse("fd00::ffff")));
}

TEST(Subnet, RefusesWhatIsNone) {
  for (const auto* text : {"", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x",
                           "fd00::/129", "x/8"}) {
    EXPECT_FALSE(Subnet::parse(text)) << text;
  }
}

TEST(MacAddress, ComesFromTheAddress) {
  EXPECT_EQ(MacAddress::of(IpAddress::v4(172, 17, 0, 2)).str(), "02:42:ac:11:00:02");
  EXPECT_EQ(MacAddress::parse("02:42:ac:11:00:02"), MacAddress::of(IpAddress::v4(172, 17, 0, 2)));
  for (const auto* text : {"", "02:42:ac:11:00", "02-42-ac-11-00-02", "0g:42:ac:11:00:02",
                           "01:00:5e:00:00:01"}) {  // The last is a group's.
    EXPECT_FALSE(MacAddress::parse(text)) << text;
  }
}

TEST(AddressPool, HandsOutInOrderAndFreedOnesLast) {
  AddressPool pool(*Subnet::parse("10.0.0.1/29"));  // .2 to .6 are free.
  const auto first = *pool.take();
  EXPECT_EQ(first.str(), "10.0.0.2");
  EXPECT_EQ(pool.take()->str(), "10.0.0.3");
  pool.give_back(IpAddress::v4(10, 0, 0, 3));
  pool.give_back(first);
  EXPECT_EQ(pool.take()->str(), "10.0.0.4");
  EXPECT_EQ(pool.take()->str(), "10.0.0.5");
  EXPECT_EQ(pool.take()->str(), "10.0.0.6");
  EXPECT_EQ(pool.take()->str(), "10.0.0.3");
  EXPECT_EQ(pool.take()->str(), "10.0.0.2");
  EXPECT_EQ(pool.take().error().code, ErrorCode::Unavailable);
  EXPECT_EQ(pool.taken_count(), 5u);
}

TEST(AddressPool, GivesACertainAddressOnce) {
  AddressPool pool(*Subnet::parse("10.0.0.1/29"));
  EXPECT_TRUE(pool.take(IpAddress::v4(10, 0, 0, 2)));
  EXPECT_EQ(pool.take(IpAddress::v4(10, 0, 0, 2)).error().code, ErrorCode::Conflict);
  EXPECT_EQ(pool.take()->str(), "10.0.0.3");
  for (const auto last : {0, 1, 7, 8}) {  // Network, gateway, broadcast, another network.
    const auto refused = pool.take(IpAddress::v4(10, 0, 0, uint8_t(last)));
    EXPECT_EQ(refused.error().code, ErrorCode::InvalidArgument) << last;
  }
  pool.give_back(IpAddress::v4(10, 0, 0, 2));
  EXPECT_TRUE(pool.take(IpAddress::v4(10, 0, 0, 2)));
}

TEST(AddressPool, StaysWithinItsRange) {
  AddressPool pool(*Subnet::parse("10.0.0.1/24"), *Subnet::parse("10.0.0.8/30"));
  EXPECT_EQ(pool.free_count(), 4u);
  EXPECT_TRUE(pool.take(IpAddress::v4(10, 0, 0, 9)));
  EXPECT_TRUE(pool.take(IpAddress::v4(10, 0, 0, 99))) << "by name: anywhere in the network";
  EXPECT_EQ(pool.free_count(), 3u);
  for (const auto* text : {"10.0.0.8", "10.0.0.10", "10.0.0.11"}) {
    EXPECT_EQ(pool.take()->str(), text);
  }
  EXPECT_FALSE(pool.take());
  EXPECT_EQ(pool.free_count(), 0u);
  pool.give_back(IpAddress::v4(10, 0, 0, 99));
  EXPECT_FALSE(pool.take());
}

TEST(AddressPool, ARangeAtTheEdgesLeavesOutWhatIsReserved) {
  AddressPool low(*Subnet::parse("10.0.0.1/24"), *Subnet::parse("10.0.0.0/30"));
  EXPECT_EQ(low.free_count(), 2u);
  EXPECT_EQ(low.take()->str(), "10.0.0.2");
  AddressPool high(*Subnet::parse("10.0.0.1/24"), *Subnet::parse("10.0.0.254/31"));
  EXPECT_EQ(high.free_count(), 1u);
  EXPECT_EQ(high.take()->str(), "10.0.0.254");
  EXPECT_FALSE(high.take());
  AddressPool none(*Subnet::parse("10.0.0.1/24"), *Subnet::parse("10.0.0.255/32"));
  EXPECT_EQ(none.free_count(), 0u);
  EXPECT_FALSE(none.take());
}

TEST(AddressPool, GoesOnAfterARestartWhereItWas) {
  AddressPool pool(*Subnet::parse("10.0.0.1/29"));  // .2 to .6 are free.
  EXPECT_TRUE(pool.take(IpAddress::v4(10, 0, 0, 3)));
  EXPECT_TRUE(pool.take(IpAddress::v4(10, 0, 0, 5)));
  pool.go_on_after_taken();
  EXPECT_EQ(pool.take()->str(), "10.0.0.6");
  pool.give_back(IpAddress::v4(10, 0, 0, 6));
  EXPECT_EQ(pool.take()->str(), "10.0.0.2");
  EXPECT_EQ(pool.take()->str(), "10.0.0.4");
  EXPECT_EQ(pool.take()->str(), "10.0.0.6") << "freed since: last";
  EXPECT_FALSE(pool.take());
}

TEST(AddressPool, TheHighestTakenOneLetsItBeginAnew) {
  AddressPool pool(*Subnet::parse("10.0.0.1/29"));
  EXPECT_TRUE(pool.take(IpAddress::v4(10, 0, 0, 6)));
  pool.go_on_after_taken();
  for (const auto* text : {"10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"}) {
    EXPECT_EQ(pool.take()->str(), text);
  }
  EXPECT_FALSE(pool.take());
}

TEST(AddressPool, TheLongestFreeAddressGoesFirstHoweverOftenItWasFreed) {
  AddressPool pool(*Subnet::parse("10.0.0.1/29"));
  while (pool.take()) {
  }
  const auto two = IpAddress::v4(10, 0, 0, 2), three = IpAddress::v4(10, 0, 0, 3);
  pool.give_back(two);
  EXPECT_TRUE(pool.take(two));
  pool.give_back(three);
  pool.give_back(two);
  EXPECT_EQ(pool.free_count(), 2u);
  EXPECT_EQ(pool.take(), three);
  EXPECT_EQ(pool.take(), two);
  EXPECT_FALSE(pool.take());
}

TEST(AddressPool, OfIPv6HasMoreThanAnyoneCounts) {
  AddressPool pool(*Subnet::parse("fd00::1/32"));
  EXPECT_EQ(pool.take()->str(), "fd00::2");
  EXPECT_GT(pool.free_count(), uint64_t(1) << 62);
}

TEST(BridgeSubnet, IsTheFirstThatNothingUses) {
  EXPECT_EQ(choose_bridge_subnet({})->str(), "172.17.0.1/16");
  EXPECT_EQ(choose_bridge_subnet({*Subnet::parse("172.17.200.0/24")})->str(), "172.18.0.1/16");
  EXPECT_EQ(choose_bridge_subnet({*Subnet::parse("172.16.0.0/12")})->str(), "192.168.0.1/20");
  const auto all = {*Subnet::parse("172.16.0.0/12"), *Subnet::parse("192.168.0.0/16")};
  EXPECT_EQ(choose_bridge_subnet(all).error().code, ErrorCode::Conflict);
}

}  // namespace
}  // namespace shoal::network

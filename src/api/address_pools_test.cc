#include "api/address_pools.h"

#include <gtest/gtest.h>

namespace shoal::api {
namespace {

std::string refusal(const InitRequest& init) {
  const auto sound = check_addresses(init);
  if (sound) return "accepted";
  EXPECT_EQ(sound.error().code, ErrorCode::InvalidArgument);
  return sound.error().message;
}

InitRequest with(std::vector<std::string> pools, uint32_t mask_length = 0) {
  InitRequest init;
  init.default_address_pools = std::move(pools);
  init.subnet_mask_length = mask_length;
  return init;
}

InitRequest with_port(uint32_t port) {
  InitRequest init;
  init.data_path_port = port;
  return init;
}

TEST(AddressPools, WhatCanBeDividedIsTaken) {
  EXPECT_EQ(refusal(with({})), "accepted");
  EXPECT_EQ(refusal(with({}, 8)), "accepted");
  EXPECT_EQ(refusal(with({"10.0.0.0/8"}, 29)), "accepted");
  EXPECT_EQ(refusal(with({"10.1.0.5/16", "192.168.0.0/24"})), "accepted");
  EXPECT_EQ(refusal(with({"10.0.0.0/8", "fd00::/48"})), "accepted");
}

TEST(AddressPools, WhatCannotBeIsRefusedInDockersWords) {
  EXPECT_EQ(refusal(with({"garbage"})), "invalid base pool garbage: invalid CIDR address: garbage");
  EXPECT_EQ(refusal(with({""})), "invalid base pool : invalid CIDR address: ");
  EXPECT_EQ(refusal(with({"10.0.0.0"})),
            "invalid base pool 10.0.0.0: invalid CIDR address: 10.0.0.0");
  EXPECT_EQ(refusal(with({"10.0.0.0/8"}, 30)), "subnet size is out of range: 30");
  EXPECT_EQ(refusal(with({}, 30)), "subnet size is out of range: 30");
  EXPECT_EQ(refusal(with({}, 7)),
            "invalid CIDR: \"10.0.0.0/8\". Subnet size is too small for pool: 7");
  EXPECT_EQ(refusal(with({"10.0.0.0/28"}, 24)),
            "invalid CIDR: \"10.0.0.0/28\". Subnet size is too small for pool: 24");
  EXPECT_EQ(refusal(with({"fd00::/65"})),
            "invalid CIDR: \"fd00::/65\". Subnet size is too small for pool: 64");
}

TEST(AddressPools, PoolsThatOverlapOrAreNotForHostsAreRefused) {
  EXPECT_EQ(refusal(with({"10.0.0.0/8", "10.1.0.0/16"})),
            "invalid base pool 10.1.0.0/16: it overlaps 10.0.0.0/8");
  EXPECT_EQ(refusal(with({"224.0.0.0/8"})),
            "invalid base pool 224.0.0.0/8: addresses in 224.0.0.0/3 are not for containers");
  EXPECT_NE(refusal(with({"127.0.0.0/8"})), "accepted");
  EXPECT_NE(refusal(with({"0.0.0.0/0"}, 24)), "accepted");
  EXPECT_NE(refusal(with({"ff00::/16"})), "accepted");
  EXPECT_NE(refusal(with(std::vector<std::string>(kAddressPoolsMax + 1, "10.0.0.0/8"))),
            "accepted");
}

TEST(AddressPools, ThePortOfTheOverlaysIsARegisteredOne) {
  for (const uint32_t port : {0, 1024, 4789, 49'151}) {
    EXPECT_EQ(refusal(with_port(port)), "accepted") << port;
  }
  for (const uint32_t port : {1, 1023, 49'152, 70'000}) {
    EXPECT_EQ(refusal(with_port(port)),
              fmt::format("Datapath port number is not in valid range (1024-49151) : {}", port));
  }
}

}  // namespace
}  // namespace shoal::api

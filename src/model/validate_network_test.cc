#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/validate.h"

namespace shoal::model {
namespace {

using testing::HasSubstr;

NetworkSpec overlay(Labels options = {}) {
  NetworkSpec spec;
  spec.annotations.name = "front";
  spec.driver = {"overlay", std::move(options)};
  return spec;
}

std::string refusal(const NetworkSpec& spec) {
  const auto sound = validate(spec);
  return sound ? "accepted" : sound.error().message;
}
std::string refusal(const std::vector<NetworkAttachmentConfig>& networks) {
  const auto sound = validate(networks);
  return sound ? "accepted" : sound.error().message;
}
std::string refusal_of_alias(std::string alias) {
  return refusal({{.target = "front", .aliases = {std::move(alias)}, .driver_options = {}}});
}

TEST(ValidateNetwork, NamesAreLabelsOfDns) {
  NetworkSpec spec = overlay();
  EXPECT_EQ(refusal(spec), "accepted");
  spec.annotations.name = "";
  EXPECT_EQ(refusal(spec), "meta: name must be provided");
  for (const char* name : {"a b", "a/b", "-ab", "a.b"}) {
    spec.annotations.name = name;
    EXPECT_EQ(refusal(spec), "name must be valid as a DNS name component") << name;
  }
  spec.annotations.name = std::string(64, 'x');
  EXPECT_EQ(refusal(spec), "name must be 63 characters or fewer");
  spec.annotations.name = std::string(63, 'x');
  EXPECT_EQ(refusal(spec), "accepted");
}

TEST(ValidateNetwork, TheIngressNetworkIsNotAttachable) {
  NetworkSpec spec = overlay();
  spec.ingress = true;
  EXPECT_EQ(refusal(spec), "accepted");
  spec.attachable = true;
  EXPECT_EQ(refusal(spec), "ingress network cannot be attachable");
}

TEST(ValidateNetwork, OnlyTheDefaultDriverOfAddressesIsThere) {
  NetworkSpec spec = overlay();
  spec.ipam_driver.name = "default";
  EXPECT_EQ(refusal(spec), "accepted");
  spec.ipam_driver.name = "foo";
  EXPECT_EQ(refusal(spec), "error during lookup of plugin foo");
}

TEST(ValidateNetwork, AnMtuIsANumberThatAPacketCanHave) {
  const std::string mtu = "com.docker.network.driver.mtu";
  for (const char* value : {"68", "1450", "65535"}) {
    EXPECT_EQ(refusal(overlay({{mtu, value}})), "accepted") << value;
  }
  for (const char* value : {"", "abc", "67", "65536", "1450x", "-1"}) {
    EXPECT_THAT(refusal(overlay({{mtu, value}})), HasSubstr("must be a number from 68 to 65535"))
        << value;
  }
  NetworkSpec both = overlay({{mtu, "1279"}});
  both.ipv6 = true;
  EXPECT_EQ(refusal(both),
            "invalid value \"1279\" of option com.docker.network.driver.mtu: must be a number from "
            "1280 to 65535");
}

TEST(ValidateNetwork, WhatThisVersionDoesNotHaveIsNamed) {
  const auto encrypted = validate(overlay({{"encrypted", ""}}));
  EXPECT_EQ(encrypted.error().code, ErrorCode::Unimplemented);
  EXPECT_THAT(encrypted.error().message, HasSubstr("cannot be encrypted"));
  const auto vni = validate(overlay({{"com.docker.network.driver.overlay.vxlanid_list", "5000"}}));
  EXPECT_EQ(vni.error().code, ErrorCode::Unimplemented);
  EXPECT_THAT(vni.error().message, HasSubstr("chooses a network's VXLAN id itself"));
  EXPECT_EQ(refusal(overlay({{"foo", "bar"}})), "accepted") << "as Docker does";
}

TEST(ValidateNetworksOfAService, AreNamedAndNamedOnce) {
  EXPECT_EQ(refusal({{.target = "a", .aliases = {}, .driver_options = {}},
                     {.target = "b", .aliases = {"x", "x_1", "a.b.C", "1"}, .driver_options = {}}}),
            "accepted");
  EXPECT_EQ(refusal({{.target = "", .aliases = {}, .driver_options = {}}}),
            "a network is attached without its name");
  EXPECT_EQ(refusal({{.target = "a", .aliases = {}, .driver_options = {}},
                     {.target = "a", .aliases = {}, .driver_options = {}}}),
            "network a is attached twice");
}

TEST(ValidateNetworksOfAService, AliasesAreHostNames) {
  for (const std::string& alias :
       {std::string(), std::string("a b"), std::string("-a"), std::string("a-"),
        std::string("a..b"), std::string(".a"), std::string("a."), std::string("ä"),
        std::string("a\n"), std::string(64, 'x'),
        std::string(127, 'a') + "." + std::string(127, 'a')}) {
    EXPECT_EQ(refusal_of_alias(alias),
              fmt::format("network front: alias \"{}\" is no valid host name", alias));
  }
  std::string longest;
  for (int i = 0; i < 126; ++i) longest += "a.";
  EXPECT_EQ(refusal_of_alias(longest + "a"), "accepted");
  EXPECT_NE(refusal_of_alias(longest + "aa"), "accepted") << "254 characters";
  EXPECT_EQ(refusal({{.target = "front",
                      .aliases = std::vector<std::string>(kAliasesMax + 1, "a"),
                      .driver_options = {}}}),
            "network front: more than 64 aliases");
}

}  // namespace
}  // namespace shoal::model

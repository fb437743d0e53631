#include "allocator/networks.h"

#include <gtest/gtest.h>

#include "store/testing.h"

namespace shoal::allocator {
namespace {

using model::IpamConfig;

IpamConfig subnet(std::string text) {
  return {.subnet = std::move(text), .range = "", .gateway = "", .auxiliary = {}};
}
IpamConfig range(std::string of, std::string text) {
  return {.subnet = std::move(of), .range = std::move(text), .gateway = "", .auxiliary = {}};
}
IpamConfig gateway(std::string of, std::string text) {
  return {.subnet = std::move(of), .range = "", .gateway = std::move(text), .auxiliary = {}};
}
IpamConfig auxiliary(std::string of, model::Labels addresses, std::string gateway = "") {
  return {.subnet = std::move(of),
          .range = "",
          .gateway = std::move(gateway),
          .auxiliary = std::move(addresses)};
}

model::NetworkSpec network(std::vector<IpamConfig> ipam, bool ipv6 = false) {
  model::NetworkSpec spec;
  spec.annotations.name = "net";
  spec.ipv6 = ipv6;
  spec.ipam = std::move(ipam);
  return spec;
}

struct SpecCase {
  const char* name;
  model::NetworkSpec spec;
  std::string error;  // empty: it is taken
};

class CheckNetwork : public testing::TestWithParam<SpecCase> {};

TEST_P(CheckNetwork, NamesTheFieldThatIsWrong) {
  store::Swarm swarm;
  const auto result = check_network_spec(swarm.read(), GetParam().spec);
  if (GetParam().error.empty()) {
    EXPECT_TRUE(result) << result.error().message;
    return;
  }
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(result.error().message, "invalid network config:\n" + GetParam().error);
}

INSTANTIATE_TEST_SUITE_P(
    , CheckNetwork,
    testing::Values(
        SpecCase{"NothingGiven", network({}), ""}, SpecCase{"ToChoose", network({{}}), ""},
        SpecCase{"ASubnet", network({subnet("10.9.0.0/24")}), ""},
        SpecCase{"TheSmallest", network({subnet("10.9.0.0/30")}), ""},
        SpecCase{"BothFamilies", network({subnet("10.9.0.0/24"), subnet("fd09::/64")}, true), ""},
        SpecCase{"Everything",
                 network({{.subnet = "10.9.0.0/16",
                           .range = "10.9.8.0/24",
                           .gateway = "10.9.0.77",
                           .auxiliary = {{"router", "10.9.0.1"}}}}),
                 ""},
        SpecCase{"NoSubnetAtAll", network({subnet("ten")}),
                 "invalid subnet ten: invalid CIDR block notation"},
        SpecCase{"NoLength", network({subnet("10.9.0.0")}),
                 "invalid subnet 10.9.0.0: invalid CIDR block notation"},
        SpecCase{"GatewayAlone", network({gateway("", "10.9.0.1")}),
                 "invalid subnet : invalid CIDR block notation"},
        SpecCase{"HostBits", network({subnet("10.9.0.1/24")}),
                 "invalid subnet 10.9.0.1/24: it should be 10.9.0.0/24"},
        SpecCase{"TwoAddresses", network({subnet("10.9.0.0/31")}),
                 "invalid subnet 10.9.0.0/31: it has fewer than 4 addresses"},
        SpecCase{"OneAddress", network({subnet("10.9.0.0/32")}),
                 "invalid subnet 10.9.0.0/32: it has fewer than 4 addresses"},
        SpecCase{"OneAddressOfIPv6", network({subnet("fd09::/128")}, true),
                 "invalid subnet fd09::/128: it has fewer than 4 addresses"},
        SpecCase{"Loopback", network({subnet("127.0.0.0/24")}),
                 "invalid subnet 127.0.0.0/24: addresses in 127.0.0.0/8 are not for containers"},
        SpecCase{"Multicast", network({subnet("224.0.0.0/24")}),
                 "invalid subnet 224.0.0.0/24: addresses in 224.0.0.0/3 are not for containers"},
        SpecCase{"TheWholeInternet", network({subnet("0.0.0.0/0")}),
                 "invalid subnet 0.0.0.0/0: addresses in 0.0.0.0/8 are not for containers"},
        SpecCase{"LinkLocal", network({subnet("fe80::/64")}, true),
                 "invalid subnet fe80::/64: addresses in fe80::/10 are not for containers"},
        SpecCase{"MappedIPv4", network({subnet("::ffff:10.9.0.0/120")}, true),
                 "invalid subnet ::ffff:10.9.0.0/120: addresses in ::ffff:0:0/96 are not for "
                 "containers"},
        SpecCase{"IPv6NotEnabled", network({subnet("fd09::/64")}),
                 "invalid subnet fd09::/64: IPv6 is not enabled for this network"},
        SpecCase{"IPv6WithoutASubnet", network({subnet("10.9.0.0/24")}, true),
                 "IPv6 needs a subnet, because none of the swarm's default address pools is one of "
                 "IPv6"},
        SpecCase{"OverlapOfItsOwn", network({subnet("10.9.0.0/16"), subnet("10.9.3.0/24")}),
                 "invalid subnet 10.9.3.0/24: it overlaps 10.9.0.0/16"},
        SpecCase{"TooMany", network(std::vector<IpamConfig>(kSubnetsMax + 1)),
                 "17 subnets are given: at most 16 can be"},
        SpecCase{
            "RangeOutside", network({range("10.9.0.0/24", "10.9.1.0/28")}),
            "invalid ip-range 10.9.1.0/28: parent subnet 10.9.0.0/24 doesn't contain ip-range"},
        SpecCase{"RangeBigger", network({range("10.9.0.0/24", "10.9.0.0/16")}),
                 "invalid ip-range 10.9.0.0/16: CIDR block is bigger than its parent subnet "
                 "10.9.0.0/24"},
        SpecCase{"RangeHostBits", network({range("10.9.0.0/24", "10.9.0.9/28")}),
                 "invalid ip-range 10.9.0.9/28: it should be 10.9.0.0/28"},
        SpecCase{"RangeOfTheOtherFamily", network({range("10.9.0.0/24", "fd09::/80")}),
                 "invalid ip-range fd09::/80: parent subnet is an IPv4 block"},
        SpecCase{"RangeNonsense", network({range("10.9.0.0/24", "all")}),
                 "invalid ip-range all: invalid CIDR block notation"},
        SpecCase{"GatewayOutside", network({gateway("10.9.0.0/24", "10.9.1.1")}),
                 "invalid gateway 10.9.1.1: parent subnet 10.9.0.0/24 doesn't contain this "
                 "address"},
        SpecCase{"GatewayOfTheOtherFamily", network({gateway("fd09::/64", "10.9.0.1")}, true),
                 "invalid gateway 10.9.0.1: parent subnet is an IPv6 block"},
        SpecCase{"GatewayIsTheNetwork", network({gateway("10.9.0.0/24", "10.9.0.0")}),
                 "invalid gateway 10.9.0.0: it is the first address of 10.9.0.0/24"},
        SpecCase{"GatewayIsBroadcast", network({gateway("10.9.0.0/24", "10.9.0.255")}),
                 "invalid gateway 10.9.0.255: it is the last address of 10.9.0.0/24"},
        SpecCase{"GatewayNonsense", network({gateway("10.9.0.0/24", "gw")}),
                 "invalid gateway gw: invalid address"},
        SpecCase{"AuxiliaryOutside", network({auxiliary("10.9.0.0/24", {{"r", "10.8.0.1"}})}),
                 "invalid auxiliary address r: parent subnet 10.9.0.0/24 doesn't contain this "
                 "address"},
        SpecCase{"AuxiliaryNonsense", network({auxiliary("10.9.0.0/24", {{"r", ""}})}),
                 "invalid auxiliary address r: invalid address"},
        SpecCase{"AuxiliaryTwice",
                 network({auxiliary("10.9.0.0/24", {{"r", "10.9.0.7"}, {"s", "10.9.0.7"}})}),
                 "invalid auxiliary address s: 10.9.0.7 is named twice"},
        SpecCase{"AuxiliaryIsTheGateway",
                 network({auxiliary("10.9.0.0/24", {{"r", "10.9.0.7"}}, "10.9.0.7")}),
                 "invalid gateway 10.9.0.7: it is an auxiliary address as well"},
        SpecCase{"AuxiliaryTakesEverything",
                 network({auxiliary("10.9.0.0/30", {{"r", "10.9.0.1"}, {"s", "10.9.0.2"}})}),
                 "invalid subnet 10.9.0.0/30: no address is left for the gateway"}),
    [](const auto& test) { return test.param.name; });

TEST(CheckNetworkSpec, TooManyAuxiliaryAddressesAreRefused) {
  IpamConfig config = subnet("10.9.0.0/16");
  for (int i = 0; i <= int(kAuxiliaryMax); ++i) {
    config.auxiliary[fmt::format("a{}", i)] = fmt::format("10.9.{}.{}", 1 + i / 250, i % 250);
  }
  const auto result = check_network_spec(store::Swarm().read(), network({config}));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            "invalid network config:\ninvalid subnet 10.9.0.0/16: more than 256 auxiliary "
            "addresses");
}

class CheckAgainstOthers : public testing::Test {
 protected:
  void create(std::string_view name, model::NetworkSpec spec,
              std::vector<IpamConfig> allocated = {}) {
    model::Network one;
    one.id = model::NetworkId::of(name);
    spec.annotations.name = std::string(name);
    one.spec = std::move(spec);
    if (!allocated.empty()) one.allocation.emplace().ipam = std::move(allocated);
    swarm.create(std::move(one));
  }

  store::Swarm swarm;
};

TEST_F(CheckAgainstOthers, AnOverlapIsRefusedInDockersWords) {
  create("blue", network({}), {subnet("10.0.1.0/24")});
  const auto result = check_network_spec(swarm.read(), network({subnet("10.0.0.0/16")}));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::PermissionDenied);
  EXPECT_EQ(result.error().message,
            "invalid pool request: Pool overlaps with other one on this address space: 10.0.0.0/16 "
            "with 10.0.1.0/24 of network 'blue' (blue)");
  EXPECT_TRUE(check_network_spec(swarm.read(), network({subnet("10.0.2.0/24")})));
}

TEST_F(CheckAgainstOthers, ANetworkThatIsNotAllocatedYetHasWhatItAsksFor) {
  create("blue", network({subnet("10.7.0.0/24")}));
  EXPECT_FALSE(check_network_spec(swarm.read(), network({subnet("10.7.0.128/25")})));
}

TEST_F(CheckAgainstOthers, ThereIsOneIngressNetwork) {
  auto ingress = network({});
  ingress.ingress = true;
  EXPECT_TRUE(check_network_spec(swarm.read(), ingress));
  create("ingress", ingress);
  const auto result = check_network_spec(swarm.read(), ingress);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::AlreadyExists);
  EXPECT_EQ(result.error().message, "ingress network (ingress) is already present");
}

TEST_F(CheckAgainstOthers, IPv6IsChosenWhereAPoolHasIt) {
  model::Cluster cluster;
  cluster.id = model::ClusterId::of("c");
  cluster.default_address_pools = {"10.0.0.0/8", "fd00::/48"};
  swarm.create(cluster);
  EXPECT_TRUE(check_network_spec(swarm.read(), network({}, true)));
}

}  // namespace
}  // namespace shoal::allocator

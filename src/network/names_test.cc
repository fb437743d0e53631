#include "network/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::network {
namespace {

using model::NetworkId;
using model::ResolutionMode;
using model::ServiceId;
using model::TaskId;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

const auto kFront = NetworkId::of("net-front");
const auto kBack = NetworkId::of("net-back");
const auto kMesh = NetworkId::of("network-ingress");
const auto kWeb = ServiceId::of("service-web");
const auto kDb = ServiceId::of("service-db");

std::vector<IpAddress> addresses(const std::vector<std::string>& texts) {
  std::vector<IpAddress> all;
  for (const auto& text : texts) all.push_back(IpAddress::parse(text).value());
  return all;
}

EndpointNames task(const ServiceId& service, const std::string& name, const std::string& address,
                   bool serving = true) {
  return {service, {name}, addresses({address}), serving};
}

// web has a virtual address and two tasks in "front"; db is dnsrr, with three in "back".
class NameTableTest : public ::testing::Test {
 protected:
  NameTableTest() {
    table_.put_network(kFront, "front");
    table_.put_network(kBack, "Back.End");
    table_.put_service(kFront, kWeb,
                       {"web", {"www"}, ResolutionMode::Vip, addresses({"10.0.1.2"})});
    table_.put_service(kBack, kDb, {"db", {}, ResolutionMode::Dnsrr, {}});
    put(kFront, "w1", task(kWeb, "web.1.w1", "10.0.1.11"));
    put(kFront, "w2", task(kWeb, "web.2.w2", "10.0.1.12"));
    put(kBack, "d1", task(kDb, "db.1.d1", "10.0.2.11"));
    put(kBack, "d2", task(kDb, "db.2.d2", "10.0.2.12"));
    put(kBack, "d3", task(kDb, "db.3.d3", "10.0.2.13", false));
  }

  void put(const NetworkId& network, const std::string& id, const EndpointNames& names) {
    table_.put_endpoint(network, TaskId::of(id), names);
  }
  std::vector<std::string> find(const std::string& name, Family family = Family::V4,
                                size_t count_max = 100) {
    std::vector<std::string> texts;
    const auto found = table_.find(client_, name, family, count_max, rng_);
    for (const auto& ip : found.addresses) texts.push_back(ip.str());
    return texts;
  }
  bool knows(const std::string& name) {
    return table_.find(client_, name, Family::V4, 1, rng_).known;
  }
  std::string name_of(const std::string& address) {
    return table_.name_of(client_, IpAddress::parse(address).value());
  }
  // "target:port" of each.
  std::vector<std::string> find_port(const std::string& name) {
    std::vector<std::string> texts;
    for (const auto& target : table_.find_port(client_, name, 100, rng_).targets) {
      texts.push_back(fmt::format("{}:{}", target.name, target.port));
    }
    return texts;
  }

  NameTable table_;
  NameClient client_{{kFront, kBack}, {}};
  Rng rng_{1};
};

TEST_F(NameTableTest, AServiceIsItsVirtualAddressUnderNameAndAlias) {
  for (const auto* name : {"web", "WEB", "web.", "www", "web.front", "Web.Front.", "www.front"}) {
    EXPECT_THAT(find(name), ElementsAre("10.0.1.2")) << name;
  }
}

TEST_F(NameTableTest, WithoutVirtualAddressItIsWhoServes) {
  for (const auto* name : {"db", "tasks.db", "db.back.end", "TASKS.DB.Back.End"}) {
    EXPECT_THAT(find(name), UnorderedElementsAre("10.0.2.11", "10.0.2.12")) << name;
  }
  EXPECT_THAT(find("tasks.www"), UnorderedElementsAre("10.0.1.11", "10.0.1.12"));
}

TEST_F(NameTableTest, AnEndpointHasItsOwnNameWhileItServes) {
  EXPECT_THAT(find("web.1.w1"), ElementsAre("10.0.1.11"));
  EXPECT_THAT(find("web.1.w1.front"), ElementsAre("10.0.1.11"));
  EXPECT_THAT(find("db.3.d3"), IsEmpty());
  EXPECT_TRUE(knows("db.3.d3"));
  put(kBack, "d3", task(kDb, "db.3.d3", "10.0.2.13"));
  EXPECT_THAT(find("db.3.d3"), ElementsAre("10.0.2.13"));
}

TEST_F(NameTableTest, OnlyTheClientsNetworksAreAsked) {
  client_.networks = {kFront};
  EXPECT_FALSE(knows("db"));
  EXPECT_FALSE(knows("db.back.end"));
  EXPECT_EQ(name_of("10.0.2.11"), "");
  client_.networks = {NetworkId::of("nowhere")};
  EXPECT_FALSE(knows("web"));
}

TEST_F(NameTableTest, TheFirstNetworkThatHasAddressesAnswers) {
  const auto twin = ServiceId::of("service-twin");
  table_.put_service(kBack, twin, {"web", {}, ResolutionMode::Vip, addresses({"10.0.2.2"})});
  EXPECT_THAT(find("web"), ElementsAre("10.0.1.2"));
  EXPECT_THAT(find("web.back.end"), ElementsAre("10.0.2.2"));
  client_.networks = {kBack, kFront};
  EXPECT_THAT(find("web"), ElementsAre("10.0.2.2"));
  table_.put_service(kBack, twin, {"web", {}, ResolutionMode::Dnsrr, {}});
  EXPECT_THAT(find("web"), ElementsAre("10.0.1.2"));
}

TEST_F(NameTableTest, FamiliesAreAskedOneByOne) {
  table_.put_service(kFront, kWeb,
                     {"web", {}, ResolutionMode::Vip, addresses({"10.0.1.2", "fd00::2"})});
  EXPECT_THAT(find("web"), ElementsAre("10.0.1.2"));
  EXPECT_THAT(find("web", Family::V6), ElementsAre("fd00::2"));
  EXPECT_THAT(find("db", Family::V6), IsEmpty());
  EXPECT_TRUE(knows("db"));
}

TEST_F(NameTableTest, ChangesCountAtOnce) {
  table_.put_service(kFront, kWeb, {"shop", {}, ResolutionMode::Vip, addresses({"10.0.1.3"})});
  EXPECT_FALSE(knows("web"));
  EXPECT_FALSE(knows("www"));
  EXPECT_THAT(find("shop"), ElementsAre("10.0.1.3"));
  EXPECT_THAT(find("tasks.shop"), SizeIs(2));
  EXPECT_EQ(name_of("10.0.1.2"), "");

  table_.drop_endpoint(kBack, TaskId::of("d1"));
  EXPECT_THAT(find("db"), ElementsAre("10.0.2.12"));
  put(kBack, "d2", task(kDb, "db.2.d2", "10.0.2.12", false));
  EXPECT_THAT(find("db"), IsEmpty());
  EXPECT_TRUE(knows("db"));
  table_.drop_service(kBack, kDb);
  EXPECT_FALSE(knows("db"));
  EXPECT_TRUE(knows("db.2.d2"));

  table_.drop_network(kFront);
  EXPECT_FALSE(knows("shop"));
}

TEST_F(NameTableTest, OrderOfArrivalDoesNotMatter) {
  NameTable other;
  other.put_endpoint(kBack, TaskId::of("d1"), task(kDb, "db.1.d1", "10.0.2.11"));
  EXPECT_FALSE(other.find(client_, "db", Family::V4, 1, rng_).known);
  other.put_service(kBack, kDb, {"db", {}, ResolutionMode::Dnsrr, {}});
  other.put_network(kBack, "back");
  EXPECT_THAT(other.find(client_, "db.back", Family::V4, 9, rng_).addresses, SizeIs(1));
  // What is not there is dropped without harm.
  other.drop_service(kFront, kWeb);
  other.drop_endpoint(kFront, TaskId::of("w1"));
  other.drop_endpoint(kBack, TaskId::of("w1"));
  other.drop_service(kBack, kWeb);
  other.drop_network(kFront);
}

TEST_F(NameTableTest, ASharedAliasIsAllOfItsServices) {
  const auto blue = ServiceId::of("service-blue");
  table_.put_service(kFront, blue, {"blue", {"www"}, ResolutionMode::Vip, addresses({"10.0.1.4"})});
  EXPECT_THAT(find("www"), UnorderedElementsAre("10.0.1.2", "10.0.1.4"));
  table_.drop_service(kFront, blue);
  EXPECT_THAT(find("www"), ElementsAre("10.0.1.2"));
}

TEST_F(NameTableTest, AServiceHidesAnEndpointOfItsName) {
  put(kFront, "c1", {ServiceId{}, {"web", "c1"}, addresses({"10.0.1.50"}), true});
  EXPECT_THAT(find("web"), ElementsAre("10.0.1.2"));
  EXPECT_THAT(find("c1"), ElementsAre("10.0.1.50"));
  EXPECT_FALSE(knows("tasks.c1"));
}

TEST_F(NameTableTest, EveryBackendComesFirstInItsTurn) {
  std::map<std::string, int> first;
  for (int i = 0; i < 300; ++i) ++first[find("tasks.web")[0]];
  EXPECT_THAT(first, SizeIs(2));
  for (const auto& [address, count] : first) EXPECT_GT(count, 50) << address;
}

TEST_F(NameTableTest, NoMoreThanAskedFor) {
  for (int i = 0; i < 200; ++i) {
    const auto id = fmt::format("e{}", i);
    put(kBack, id, task(kDb, id, fmt::format("10.0.3.{}", i)));
  }
  std::set<std::string> seen;
  for (int i = 0; i < 2000; ++i) {
    const auto found = find("db", Family::V4, 10);
    EXPECT_THAT(found, SizeIs(10));
    seen.insert(found.begin(), found.end());
  }
  EXPECT_THAT(seen, SizeIs(202));  // Nobody is left out for ever.
}

TEST_F(NameTableTest, OwnNamesComeFirst) {
  client_.own = {{"Web", addresses({"10.0.9.9"})}};
  EXPECT_THAT(find("web"), ElementsAre("10.0.9.9"));
  EXPECT_THAT(find("web.front"), ElementsAre("10.0.1.2"));
}

TEST_F(NameTableTest, WhatIsNoHostNameIsNotFound) {
  const std::string label64(64, 'a');
  const std::string label63(63, 'a');
  const auto name255 = label63 + "." + label63 + "." + label63 + "." + label63;
  for (const auto& name : std::vector<std::string>{"", ".", "..", ".web", "web..", "we b",
                                                   "w\xc3\xb6"
                                                   "b",
                                                   label64, name255}) {
    const auto id = ServiceId::of("service-odd");
    table_.put_service(kFront, id, {name, {}, ResolutionMode::Vip, addresses({"10.0.1.9"})});
    EXPECT_FALSE(knows(name)) << name;
    EXPECT_EQ(name_of("10.0.1.9"), "") << name;
  }
  EXPECT_EQ(to_host_name(label63 + ".A_b-9."), label63 + ".a_b-9");
  EXPECT_FALSE(knows("tasks."));
  EXPECT_FALSE(knows("tasks.web.1.w1"));
  EXPECT_FALSE(knows(".front"));
}

TEST_F(NameTableTest, AddressesHaveNames) {
  EXPECT_EQ(name_of("10.0.1.11"), "web.1.w1.front");
  EXPECT_EQ(name_of("10.0.1.2"), "web.front");
  EXPECT_EQ(name_of("10.0.2.13"), "db.3.d3.back.end");  // Also while it does not serve.
  EXPECT_EQ(name_of("10.0.1.99"), "");
}

TEST_F(NameTableTest, PortsAreFoundByNumberAndByName) {
  EXPECT_THAT(find_port("_80._tcp.web"), ElementsAre("web.front:80"));
  EXPECT_THAT(find_port("_80._tcp.tasks.web.front."),
              UnorderedElementsAre("web.1.w1.front:80", "web.2.w2.front:80"));
  EXPECT_THAT(find_port("_5432._udp.db"),
              UnorderedElementsAre("db.1.d1.back.end:5432", "db.2.d2.back.end:5432"));
  EXPECT_THAT(find_port("_http._tcp.web"), IsEmpty());
  table_.put_ports(
      kMesh, kWeb,
      {{.name = "HTTP", .target_port = 8080, .published_port = 80}, {.target_port = 9090}});
  EXPECT_THAT(find_port("_http._tcp.web"), ElementsAre("web.front:8080"));
  EXPECT_THAT(find_port("_http._udp.web"), IsEmpty());
  EXPECT_THAT(find_port("_http._tcp.db"), IsEmpty());
  table_.put_ports(kFront, kWeb, {});  // Another network's word.
  EXPECT_THAT(find_port("_http._tcp.web"), ElementsAre("web.front:8080"));
  table_.put_ports(kMesh, kWeb, {});
  EXPECT_THAT(find_port("_http._tcp.web"), IsEmpty());
}

TEST_F(NameTableTest, NamesOfPortsGoWithTheServicesPlaceInTheirNetwork) {
  const auto publish = [this] {
    table_.put_service(kMesh, kWeb, {});
    table_.put_ports(kMesh, kWeb, {{.name = "http", .target_port = 8080}});
    EXPECT_THAT(find_port("_http._tcp.web"), ElementsAre("web.front:8080"));
  };
  publish();
  table_.drop_service(kMesh, kWeb);
  EXPECT_THAT(find_port("_http._tcp.web"), IsEmpty());
  publish();
  table_.drop_network(kMesh);
  EXPECT_THAT(find_port("_http._tcp.web"), IsEmpty());
  static_assert(!std::is_copy_constructible_v<NameTable>);
}

TEST_F(NameTableTest, WhatAsksForNoPortIsNotKnown) {
  for (const auto* name : {"web", "_80.web", "80._tcp.web", "_80._icmp.web", "_80._tcp.nobody",
                           "_80._tcp", "_80._tcp.", "__tcp.web"}) {
    EXPECT_FALSE(table_.find_port(client_, name, 10, rng_).known) << name;
  }
  for (const auto* name : {"_0._tcp.web", "_65536._tcp.web", "_8x._tcp.web"}) {
    EXPECT_TRUE(table_.find_port(client_, name, 10, rng_).known) << name;
    EXPECT_THAT(find_port(name), IsEmpty()) << name;
  }
}

TEST_F(NameTableTest, TenThousandServices) {
  for (int i = 0; i < 10'000; ++i) {
    const auto id = ServiceId::of(fmt::format("s{}", i));
    const auto ip = IpAddress::v4(10, 1, 0, 0).plus(uint64_t(i));
    table_.put_service(kFront, id, {fmt::format("app{}", i), {}, ResolutionMode::Vip, {ip}});
  }
  EXPECT_THAT(find("app9999"), ElementsAre("10.1.39.15"));
  EXPECT_EQ(name_of("10.1.39.15"), "app9999.front");
}

}  // namespace
}  // namespace shoal::network

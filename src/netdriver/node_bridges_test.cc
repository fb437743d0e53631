// Bridges that users make, and containers on several of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "netdriver/links.h"
#include "netdriver/nft_table.h"
#include "netdriver/node_network.h"
#include "netdriver/testing.h"

namespace shoal::netdriver {
namespace {

using network::Bridge;
using network::IpAddress;
using network::PublishedPort;
using network::Subnet;
using testing::Client;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::in_namespace;
using testing::kHostAddress;
using testing::kOutsideAddress;
using ::testing::Not;
using testing::Server;
using ::testing::UnorderedElementsAre;
using enum network::PortProtocol;

Bridge bridge(std::string network, std::string_view subnet) {
  Bridge made{.network = network, .name = network, .config = {}, .range = {}, .reserved = {}};
  made.config.name = "sb-" + network;
  made.config.subnet = *Subnet::parse(subnet);
  return made;
}

// A host with the networks "a" (10.1.0.0/24) and "b" (10.2.0.0/24).
class NodeBridgesTest : public ::testing::Test {
 protected:
  NodeBridgesTest() {
    begin();
    add(bridge("a", "10.1.0.1/24"));
    add(bridge("b", "10.2.0.1/24"));
  }
  ~NodeBridgesTest() override { control_.reset(); }

  void begin(KnownNetworks known = {}) {
    control_.emplace(host_);
    network_ = &control_->network;
    const auto started = control_->run(network_->start(std::move(known)));
    ASSERT_TRUE(started) << started.error().message;
  }
  Result<void> try_add(Bridge added) {
    return control_->run(network_->add_bridge(std::move(added)));
  }
  void add(Bridge added) {
    const auto made = try_add(std::move(added));
    EXPECT_TRUE(made) << made.error().message;
  }
  Result<void> remove(const std::string& network) {
    return control_->run(network_->remove_bridge(network));
  }
  Endpoint connect(EndpointRequest request) {
    request.container_name = request.container_id;
    const auto endpoint = control_->run(network_->connect(std::move(request)));
    EXPECT_TRUE(endpoint) << endpoint.error().message;
    return endpoint ? *endpoint : Endpoint{};
  }
  Endpoint connect(const std::string& id, const std::string& network,
                   std::vector<PublishedPort> ports = {}) {
    return connect({.container_id = id, .network = network, .ports = std::move(ports)});
  }
  // One more network for a container that is on one.
  Endpoint join(const std::string& id, const std::string& network, const std::string& link) {
    return connect({.container_id = id, .network = network, .link = link, .default_route = false});
  }

  testing::Host host_;
  std::optional<testing::Control> control_;
  NodeNetwork* network_ = nullptr;
};

TEST_F(NodeBridgesTest, ContainersOfOneNetworkReachEachOtherAndOutside) {
  const auto one = connect("one", "a");
  const auto two = connect("two", "a");
  EXPECT_EQ(one.address.str(), "10.1.0.2/24");
  EXPECT_EQ(one.gateway.str(), "10.1.0.1");
  const Server server(one.netns_path, Server::Kind::Tcp, 80, "one");
  EXPECT_EQ(Client::tcp(two.netns_path, "10.1.0.2", 80).ask(), "one 10.1.0.3");
  const Server outside(host_.outside(), Server::Kind::Tcp, 80, "outside");
  EXPECT_EQ(Client::tcp(two.netns_path, kOutsideAddress, 80).ask(),
            std::string("outside ") + kHostAddress);
}

TEST_F(NodeBridgesTest, NetworksAreApart) {
  const auto one = connect("one", "a");
  const auto own = connect("own", std::string(network::kOwnBridge));
  const auto other = connect("other", "b");
  const Server server(one.netns_path, Server::Kind::Tcp, 80, "one");
  for (const auto* from : {&own, &other}) {
    const os::Fd space = open_namespace(from->netns_path).value();
    const auto client = Client::tcp(space, "10.1.0.2", 80, Client::kSilenceMilliseconds);
    EXPECT_EQ(client.error(), ETIMEDOUT) << from->network;
  }
}

TEST_F(NodeBridgesTest, APublishedPortAnswersFromEverywhere) {
  const auto web = connect("web", "a", {{Tcp, {}, 8081, 80}});
  const auto other = connect("other", "b");
  const Server server(web.netns_path, Server::Kind::Tcp, 80, "web");
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8081).ask(), "web 192.0.2.2");
  EXPECT_EQ(Client::tcp(host_.inside(), "127.0.0.1", 8081).ask(), "web 10.1.0.1");
  EXPECT_EQ(Client::tcp(web.netns_path, kHostAddress, 8081).ask(), "web 10.1.0.1");  // Hairpin.
  EXPECT_NE(Client::tcp(other.netns_path, kHostAddress, 8081).ask(), "");
}

TEST_F(NodeBridgesTest, AnInternalNetworkHasNoWayOutOrIn) {
  Bridge inside = bridge("i", "10.3.0.1/24");
  inside.config.internal = true;
  add(std::move(inside));
  const auto one = connect("one", "i");
  const auto two = connect("two", "i");
  const auto web = connect("web", "a", {{Tcp, {}, 8081, 80}});
  const Server server(one.netns_path, Server::Kind::Tcp, 80, "one");
  const Server published(web.netns_path, Server::Kind::Tcp, 80, "web");
  EXPECT_EQ(Client::tcp(two.netns_path, "10.3.0.2", 80).ask(), "one 10.3.0.3");
  EXPECT_EQ(Client::tcp(two.netns_path, kOutsideAddress, 80).error(), ENETUNREACH);
  const os::Fd space = open_namespace(two.netns_path).value();
  EXPECT_EQ(Client::tcp(space, "10.3.0.1", 8081, Client::kSilenceMilliseconds).error(), ETIMEDOUT);
}

TEST_F(NodeBridgesTest, AContainerOnSeveralNetworksLeadsOutThroughOne) {
  const auto first = connect("web", "a", {{Tcp, {}, 8081, 80}});
  const auto second = join("web", "b", "eth1");
  const auto peer = connect("peer", "b");
  EXPECT_EQ(second.address.str(), "10.2.0.2/24");
  const Server server(first.netns_path, Server::Kind::Tcp, 80, "web");
  EXPECT_EQ(Client::tcp(peer.netns_path, "10.2.0.2", 80).ask(), "web 10.2.0.3");
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8081).ask(), "web 192.0.2.2");

  ASSERT_TRUE(control_->run(network_->leave("web", "a")));
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8081).error(), ECONNREFUSED);
  const auto led = control_->run(network_->lead_out("web", "b", {{Tcp, {}, 8081, 80}}));
  ASSERT_TRUE(led) << led.error().message;
  EXPECT_EQ(led->ports.size(), 1u);
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8081).ask(), "web 192.0.2.2");
  const Server outside(host_.outside(), Server::Kind::Tcp, 80, "outside");
  EXPECT_EQ(Client::tcp(first.netns_path, kOutsideAddress, 80).ask(),
            std::string("outside ") + kHostAddress);
}

TEST_F(NodeBridgesTest, AnAddressIsFreeAsSoonAsItsOwnerIsGone) {
  for (int i = 0; i < 5; ++i) {
    connect({.container_id = "web", .network = "a", .address = IpAddress::v4(10, 1, 0, 9)});
    ASSERT_TRUE(control_->run(network_->disconnect("web")));
  }
}

TEST_F(NodeBridgesTest, WhoLeavesItsLastNetworkKeepsItsNamespace) {
  const auto web = connect("web", "a");
  ASSERT_TRUE(control_->run(network_->leave("web", "a")));
  in_namespace(web.netns_path,
               [this] { EXPECT_THAT(testing::link_names(), UnorderedElementsAre("lo")); });
  EXPECT_EQ(network_->endpoints(), std::vector<Endpoint>{});
  const auto back = connect("web", "b");
  EXPECT_EQ(back.netns_path, web.netns_path);
  in_namespace(web.netns_path, [this] { EXPECT_THAT(testing::link_names(), Contains("eth0")); });
  EXPECT_EQ(control_->run(network_->leave("web", "a")).error().code, ErrorCode::NotFound);
  EXPECT_EQ(control_->run(network_->lead_out("web", "a", {})).error().code, ErrorCode::NotFound);
}

TEST_F(NodeBridgesTest, ANetworkInUseStays) {
  connect("web", "a");
  const auto removed = remove("a");
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, ErrorCode::PermissionDenied);
  EXPECT_EQ(removed.error().message, "network a id a has active endpoints");
  ASSERT_TRUE(control_->run(network_->disconnect("web")));
  ASSERT_TRUE(remove("a"));
  ASSERT_TRUE(remove("a"));  // Again.
  EXPECT_THAT(testing::link_names(), Not(Contains("sb-a")));
  const auto refused = control_->run(network_->connect({.container_id = "c", .network = "a"}));
  EXPECT_EQ(refused.error().code, ErrorCode::NotFound);
}

TEST_F(NodeBridgesTest, WhatCannotBeMadeLeavesNothing) {
  const auto before = testing::link_names();
  EXPECT_THAT(try_add(bridge("c", "10.2.0.129/25")).error().message, HasSubstr("Pool overlaps"));
  Bridge taken = bridge("c", "10.3.0.1/24");
  taken.config.name = "eth0";
  EXPECT_EQ(try_add(taken).error().message, "the link eth0 exists on this host");
  EXPECT_EQ(testing::link_names(), before);
  add(bridge("c", "10.3.0.1/24"));
}

TEST_F(NodeBridgesTest, AFreeSubnetOverlapsNothingOnThisHost) {
  EXPECT_EQ(network_->subnet().str(), "172.17.0.1/16");
  const auto first = control_->run(network_->choose_subnet()).value();
  EXPECT_EQ(first.str(), "172.18.0.1/16");
  Bridge next = bridge("c", first.str());
  add(std::move(next));
  EXPECT_EQ(control_->run(network_->choose_subnet())->str(), "172.19.0.1/16");
}

TEST_F(NodeBridgesTest, ARestartedDaemonFindsEverythingAndRemovesWhatNobodyKnows) {
  const auto first = connect("web", "a", {{Tcp, {}, 8081, 80}});
  const auto second = join("web", "b", "eth1");
  add(bridge("stray", "10.3.0.1/24"));
  const Server server(first.netns_path, Server::Kind::Tcp, 80, "web");
  auto open = Client::tcp(host_.outside(), kHostAddress, 8081);
  EXPECT_EQ(open.ask(), "web 192.0.2.2");
  const auto before = network_->endpoints();

  control_.reset();
  begin({.endpoints = before,
         .containers = {"web"},
         .bridges = {bridge("a", "10.1.0.1/24"), bridge("b", "10.2.0.1/24")}});
  EXPECT_EQ(network_->endpoints(), before);
  EXPECT_EQ(open.ask(), "web 192.0.2.2");
  EXPECT_THAT(testing::link_names(), Not(Contains("sb-stray")));
  EXPECT_EQ(connect("next", "b").address.str(), "10.2.0.3/24");
  ASSERT_TRUE(control_->run(network_->disconnect("web")));
}

TEST_F(NodeBridgesTest, ALostBridgeIsMadeAgain) {
  control_.reset();
  auto route = NetlinkSocket::open(NETLINK_ROUTE);
  ASSERT_TRUE(remove_link(*route, "sb-a"));
  begin({.bridges = {bridge("a", "10.1.0.1/24")}});
  EXPECT_THAT(testing::link_names(), UnorderedElementsAre("lo", "eth0", "shoal0", "sb-a"));
  const auto one = connect("one", "a");
  const Server server(one.netns_path, Server::Kind::Tcp, 80, "one");
  EXPECT_EQ(Client::tcp(host_.inside(), "10.1.0.2", 80).ask(), "one 10.1.0.1");
}

TEST_F(NodeBridgesTest, AfterARebootTheNodesOwnBridgeLeavesUsersSubnetsAlone) {
  ASSERT_TRUE(control_->run(network_->remove_all()));
  control_.reset();
  begin({.bridges = {bridge("a", "172.17.0.1/16")}});
  EXPECT_EQ(network_->subnet().str(), "172.18.0.1/16");
  EXPECT_THAT(testing::link_names(), Contains("sb-a"));
}

TEST_F(NodeBridgesTest, ACheckMendsWhatSomebodyRemoved) {
  const auto one = connect("one", "b");
  EXPECT_EQ(control_->run(network_->check()), NetworkCheck{.networks = 1});
  auto route = NetlinkSocket::open(NETLINK_ROUTE);
  ASSERT_TRUE(remove_link(*route, "sb-b"));
  auto table = NftTable::open("shoal_node");
  ASSERT_TRUE(table->remove());
  const auto found = control_->run(network_->check());
  EXPECT_EQ(found.failure, "");
  EXPECT_THAT(found.descriptions, Contains("network bridge: add bridge sb-b"));
  EXPECT_EQ(control_->run(network_->check()), NetworkCheck{.networks = 1});
  const Server server(one.netns_path, Server::Kind::Tcp, 80, "one");
  EXPECT_EQ(Client::tcp(host_.inside(), "10.2.0.2", 80).ask(), "one 10.2.0.1");
  ASSERT_TRUE(control_->run(network_->disconnect("one")));
  ASSERT_TRUE(remove("b"));
  EXPECT_EQ(control_->run(network_->check()), NetworkCheck{.networks = 1});
}

TEST_F(NodeBridgesTest, RemoveAllTakesThemToo) {
  connect("web", "a");
  ASSERT_TRUE(control_->run(network_->remove_all()));
  EXPECT_THAT(testing::link_names(), UnorderedElementsAre("lo", "eth0"));
}

}  // namespace
}  // namespace shoal::netdriver

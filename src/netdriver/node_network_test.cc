#include "netdriver/node_network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "netdriver/links.h"
#include "netdriver/nft_table.h"
#include "netdriver/sysctl.h"
#include "netdriver/testing.h"

namespace shoal::netdriver {
namespace {

using network::IngressPort;
using network::IpAddress;
using network::PortProtocol;
using network::PublishedPort;
using testing::Client;
using ::testing::HasSubstr;
using testing::in_namespace;
using testing::kHostAddress;
using testing::kOutsideAddress;
using testing::Server;
using ::testing::UnorderedElementsAre;
using enum PortProtocol;

// A host with the network started; the loop runs on a thread of its own, as the daemon's does.
class NodeNetworkTest : public ::testing::Test {
 protected:
  NodeNetworkTest() { begin(); }
  ~NodeNetworkTest() override { end(); }

  void begin(std::vector<Endpoint> endpoints = {}) {
    control_.emplace(host_);
    network_ = &control_->network;
    const auto started = control_->run(network_->start(std::move(endpoints)));
    ASSERT_TRUE(started) << started.error().message;
  }
  void end() { control_.reset(); }

  Endpoint connect(const std::string& id, std::vector<PublishedPort> ports = {}) {
    auto endpoint = try_connect(id, std::move(ports));
    EXPECT_TRUE(endpoint) << endpoint.error().message;
    return endpoint ? *endpoint : Endpoint{};
  }
  Result<Endpoint> try_connect(const std::string& id, std::vector<PublishedPort> ports) {
    return control_->run(
        network_->connect({.container_id = id, .container_name = id, .ports = std::move(ports)}));
  }
  void disconnect(const std::string& id) {
    const auto gone = control_->run(network_->disconnect(id));
    EXPECT_TRUE(gone) << gone.error().message;
  }
  void serve(std::vector<IngressPort> ports) {
    const auto served = control_->run(network_->set_ports(std::move(ports)));
    EXPECT_TRUE(served) << served.error().message;
  }

  // The links of the host, by name.
  std::vector<std::string> links() {
    std::vector<std::string> names;
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    const auto all = list_links(*route).value();
    for (const auto& link : all) names.push_back(link.name);
    return names;
  }

  testing::Host host_;
  std::optional<testing::Control> control_;
  NodeNetwork* network_ = nullptr;
};

TEST_F(NodeNetworkTest, GivesAContainerAnAddressAndAWayOut) {
  const auto web = connect("web");
  EXPECT_EQ(web.address->str(), "172.17.0.2/16");
  EXPECT_EQ(web.gateway->str(), "172.17.0.1");
  EXPECT_EQ(web.mac.str(), "02:42:ac:11:00:02");
  EXPECT_EQ(web.endpoint_id.size(), 64u);

  const Server outside(host_.outside(), Server::Kind::Tcp, 80, "outside");
  auto client = Client::tcp(web.netns_path, kOutsideAddress, 80);
  EXPECT_EQ(client.ask(), std::string("outside ") + kHostAddress);  // Masqueraded.
}

TEST_F(NodeNetworkTest, ContainersReachEachOtherDirectly) {
  const auto web = connect("web");
  const auto other = connect("other");
  const Server server(web.netns_path, Server::Kind::Tcp, 80, "web");
  EXPECT_EQ(Client::tcp(other.netns_path, "172.17.0.2", 80).ask(), "web 172.17.0.3");
}

TEST_F(NodeNetworkTest, AContainerWithoutNetworkHasOnlyLoopback) {
  auto alone =
      control_->run(network_->connect({.container_id = "alone", .mode = NetworkMode::None}));
  ASSERT_TRUE(alone);
  EXPECT_FALSE(alone->address);
  in_namespace(alone->netns_path, [this] { EXPECT_THAT(links(), UnorderedElementsAre("lo")); });
  const Server server(alone->netns_path, Server::Kind::Tcp, 80, "self");
  EXPECT_EQ(Client::tcp(alone->netns_path, "127.0.0.1", 80).ask(), "self 127.0.0.1");
  disconnect("alone");
}

TEST_F(NodeNetworkTest, APublishedPortAnswersFromEverywhere) {
  const auto web = connect("web", {{Tcp, {}, 8081, 80}});
  const auto other = connect("other");
  const Server server(web.netns_path, Server::Kind::Tcp, 80, "web");

  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8081).ask(), "web 192.0.2.2");
  EXPECT_EQ(Client::tcp(host_.inside(), kHostAddress, 8081).ask(), "web 192.0.2.1");
  EXPECT_EQ(Client::tcp(host_.inside(), "127.0.0.1", 8081).ask(), "web 172.17.0.1");
  EXPECT_EQ(Client::tcp(host_.inside(), "172.17.0.1", 8081).ask(), "web 172.17.0.1");
  EXPECT_EQ(Client::tcp(host_.inside(), "::1", 8081).ask(), "web 172.17.0.1");
  EXPECT_EQ(Client::tcp(other.netns_path, kHostAddress, 8081).ask(), "web 172.17.0.1");
  EXPECT_EQ(Client::tcp(other.netns_path, "172.17.0.1", 8081).ask(), "web 172.17.0.1");
  EXPECT_EQ(Client::tcp(web.netns_path, kHostAddress, 8081).ask(), "web 172.17.0.1");  // Hairpin.

  disconnect("web");
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8081).error(), ECONNREFUSED);
}

}  // namespace
}  // namespace shoal::netdriver

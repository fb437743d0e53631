// The published ports of services on a node: NodeNetwork as the mesh's Ingress.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>

#include "netdriver/nft_table.h"
#include "netdriver/node_network_fixture.h"
#include "netdriver/socket_address.h"
#include "network/shards.h"

namespace shoal::netdriver {
namespace {

using network::IngressPort;
using network::IpAddress;
using network::PortProtocol;
using testing::Client;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::in_namespace;
using testing::kHostAddress;
using testing::kOutsideAddress;
using testing::Server;
using ::testing::UnorderedElementsAre;
using enum PortProtocol;

// Three containers that answer on port 80 with their names, behind the service's port 8080.
class ServiceTest : public NodeNetworkTest {
 protected:
  ServiceTest() {
    for (const auto* name : {"a", "b", "c"}) {
      const auto endpoint = connect(name);
      backends_.push_back({endpoint.address.address, 80});
      servers_.push_back(
          std::make_unique<Server>(endpoint.netns_path, Server::Kind::Tcp, 80, name));
      datagrams_.push_back(
          std::make_unique<Server>(endpoint.netns_path, Server::Kind::Udp, 80, name));
    }
    serve({{Tcp, 8080, backends_}, {Udp, 8080, backends_}});
  }

  // Who answers `count` new connections to the address, each from its own socket.
  std::vector<std::string> ask(const os::Fd& from, const std::string& address, int count) {
    std::vector<std::string> answers;
    for (int i = 0; i < count; ++i) answers.push_back(Client::tcp(from, address, 8080).ask());
    return answers;
  }

  std::vector<network::Backend> backends_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<std::unique_ptr<Server>> datagrams_;
};

TEST_F(ServiceTest, EachTakesItsTurnAndSeesTheClientsOwnAddress) {
  EXPECT_THAT(ask(host_.outside(), kHostAddress, 6),
              UnorderedElementsAre("a 192.0.2.2", "b 192.0.2.2", "c 192.0.2.2", "a 192.0.2.2",
                                   "b 192.0.2.2", "c 192.0.2.2"));
  EXPECT_THAT(ask(host_.inside(), kHostAddress, 3),
              UnorderedElementsAre("a 192.0.2.1", "b 192.0.2.1", "c 192.0.2.1"));
}

TEST_F(ServiceTest, AnswersOnLoopbackOfBothFamiliesAndFromContainers) {
  const auto all = UnorderedElementsAre("a 172.17.0.1", "b 172.17.0.1", "c 172.17.0.1");
  EXPECT_THAT(ask(host_.inside(), "127.0.0.1", 3), all);
  EXPECT_THAT(ask(host_.inside(), "::1", 3), all);
  std::vector<std::string> own;
  const auto path = network_->endpoints()[0].netns_path;
  for (int i = 0; i < 3; ++i) own.push_back(Client::tcp(path, kHostAddress, 8080).ask());
  EXPECT_THAT(own, all);  // Its own turn comes by hairpin.
}

TEST_F(ServiceTest, ARemovedBackendGetsNothingNewAndFinishesWhatIsOpen) {
  std::map<std::string, Client> open;
  for (int i = 0; i < 3; ++i) {
    auto client = Client::tcp(host_.outside(), kHostAddress, 8080);
    const auto name = client.ask().substr(0, 1);
    open.emplace(name, std::move(client));
  }
  ASSERT_EQ(open.size(), 3u);
  serve({{Tcp, 8080, {backends_[0], backends_[1]}}});
  for (const auto& answer : ask(host_.outside(), kHostAddress, 8)) {
    EXPECT_THAT(answer, ::testing::Not(HasSubstr("c")));
  }
  EXPECT_EQ(open.at("c").ask(), "c 192.0.2.2");
  ASSERT_TRUE(control_->run(network_->end_flows("c")));
  EXPECT_EQ(open.at("c").ask(), "");  // Reset.
  EXPECT_EQ(open.at("a").ask(), "a 192.0.2.2");
}

TEST_F(ServiceTest, WhatIsOpenToABackendThatIsGoneIsReset) {
  serve({{Tcp, 8080, {backends_[0]}}});
  auto open = Client::tcp(host_.outside(), kHostAddress, 8080);
  EXPECT_EQ(open.ask(), "a 192.0.2.2");
  serve({{Tcp, 8080, {backends_[1]}}});
  EXPECT_EQ(open.ask(), "a 192.0.2.2");
  ASSERT_TRUE(control_->run(network_->end_flows_to({backends_[0].address})));
  EXPECT_EQ(open.ask(), "");
  auto other = Client::tcp(host_.outside(), kHostAddress, 8080);
  EXPECT_EQ(other.ask(), "b 192.0.2.2");
  ASSERT_TRUE(control_->run(network_->end_flows_to({})));
  EXPECT_EQ(other.ask(), "b 192.0.2.2");
}

TEST_F(ServiceTest, DatagramsLeaveARemovedBackendAtOnce) {
  auto client = Client::udp(host_.outside(), kHostAddress, 8080);
  const auto first = client.ask();
  EXPECT_EQ(client.ask(), first);  // A flow stays with its backend.
  const size_t at = size_t(first[0] - 'a');
  auto rest = backends_;
  rest.erase(rest.begin() + long(at));
  serve({{Udp, 8080, rest}});
  EXPECT_NE(client.ask(), first);
}

TEST_F(ServiceTest, APortAtOneAddressAnswersThereAlone) {
  serve({{Tcp, 8080, backends_, IpAddress::v4(127, 0, 0, 1)},
         {Tcp, 9090, backends_, *IpAddress::parse(kHostAddress)}});
  EXPECT_THAT(ask(host_.inside(), "127.0.0.1", 1), ElementsAre(HasSubstr(" 172.17.0.1")));
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8080).error(), ECONNREFUSED);
  EXPECT_NE(Client::tcp(host_.outside(), kHostAddress, 9090).ask(), "");
  EXPECT_EQ(Client::tcp(host_.inside(), "127.0.0.1", 9090).error(), ECONNREFUSED);

  serve({{Tcp, 8080, backends_}});  // At every address again.
  EXPECT_NE(Client::tcp(host_.outside(), kHostAddress, 8080).ask(), "");
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 9090).error(), ECONNREFUSED);
}

TEST_F(ServiceTest, APortAtAnAddressThatComesLaterIsServedThen) {
  const IngressPort port{Tcp, 9090, backends_, IpAddress::v4(192, 0, 2, 7)};
  serve({port});  // This host does not have it, which is no error.
  EXPECT_EQ(*control_->run(network_->retry_ports()), std::vector<IngressPort>{});
  in_namespace(host_.inside(), [] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    ASSERT_TRUE(configure_link(*route, "eth0", {*network::Subnet::parse("192.0.2.7/24")}));
  });
  EXPECT_EQ(*control_->run(network_->retry_ports()), std::vector{port});
  EXPECT_NE(Client::tcp(host_.outside(), "192.0.2.7", 9090).ask(), "");
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 9090).error(), ECONNREFUSED);
}

TEST_F(ServiceTest, WithoutBackendsAPortAtOneAddressLeavesTheOthersAlone) {
  const os::Fd process(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto loopback = SocketAddress::of(IpAddress::v4(127, 0, 0, 1), 8082);
  ASSERT_EQ(::bind(process.get(), loopback.get(), loopback.size()), 0);
  ASSERT_EQ(::listen(process.get(), 1), 0);
  serve({{Tcp, 8082, {}, *IpAddress::parse(kHostAddress)}});
  EXPECT_TRUE(Client::tcp(host_.inside(), "127.0.0.1", 8082).ok());
}

TEST_F(ServiceTest, WithoutBackendsThePortRefuses) {
  serve({{Tcp, 8080, {}}});
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8080).error(), ECONNREFUSED);
  EXPECT_EQ(Client::tcp(host_.inside(), "127.0.0.1", 8080).error(), ECONNREFUSED);
  serve({{Tcp, 8080, backends_}});
  EXPECT_NE(Client::tcp(host_.outside(), kHostAddress, 8080).ask(), "");
  serve({});
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8080).error(), ECONNREFUSED);
}

TEST_F(ServiceTest, ChangesSomePortsAndLeavesTheOthers) {
  ASSERT_TRUE(control_->run(network_->change_ports({{Tcp, 9090, backends_}}, {})));
  EXPECT_NE(Client::tcp(host_.outside(), kHostAddress, 9090).ask(), "");
  EXPECT_NE(Client::tcp(host_.outside(), kHostAddress, 8080).ask(), "");
  ASSERT_TRUE(control_->run(network_->change_ports({}, {{Tcp, 8080, {}}})));
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8080).error(), ECONNREFUSED);
  EXPECT_NE(Client::tcp(host_.outside(), kHostAddress, 9090).ask(), "");
}

TEST_F(ServiceTest, ATableThatSomebodyFlushedIsMadeAnewByTheNextChange) {
  auto table = NftTable::open("shoal_node");
  ASSERT_TRUE(table->remove());
  serve({{Tcp, 8080, {backends_[0]}}, {Tcp, 9090, {backends_[1]}}});
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8080).ask(), "a 192.0.2.2");
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 9090).ask(), "b 192.0.2.2");
}

TEST_F(ServiceTest, ACheckMendsWhatSomebodyFlushedDeletedOrTurnedOff) {
  const auto web = connect("web", {{Tcp, {}, 8081, 80}});
  const Server server(web.netns_path, Server::Kind::Tcp, 80, "web");
  const auto link = "shv" + web.endpoint_id.substr(0, 12);
  const auto check = [&] {
    auto found = control_->run(network_->check());
    EXPECT_EQ(found.failure, "");
    EXPECT_EQ(found.networks, 1u);
    return found;
  };
  const auto shell = [](const char* command) { EXPECT_EQ(std::system(command), 0) << command; };
  EXPECT_EQ(check(), NetworkCheck{.networks = 1});
  const auto chain = network::in_shard(network::ingress_shard({Tcp, 8080, {}}), "service_tcp_8080");
  const auto shard = network::table_of("shoal_node", chain);

  const struct {
    std::string damage;
    std::string found;  // in the descriptions
  } kCases[] = {
      {"nft flush ruleset", "add chain nat_in"},
      {"nft flush chain inet shoal_node published", "published"},
      {"nft delete element inet " + shard + " services '{ tcp . 8080 }'", "8080"},
      {"nft delete table inet " + shard, "add chain " + network::in_shard_of(chain, "nat_in")},
      {"nft add element inet shoal_node ports '{ tcp . 99 : 172.17.0.2 . 80 }'", "99"},
      {"ip address flush dev shoal0", "set bridge shoal0"},
      {"ip link set shoal0 down", "set bridge shoal0"},
      {"ip link delete shoal0", "add bridge shoal0"},
      {"ip link set " + link + " nomaster", "attach link " + link},
      {"bridge link set dev " + link + " hairpin off", "attach link " + link},
      {"echo 0 > /proc/sys/net/ipv4/ip_forward", "set net/ipv4/ip_forward to 1"},
      {"echo 0 > /proc/sys/net/ipv4/conf/shoal0/route_localnet", "route_localnet to 1"},
  };
  for (const auto& [damage, expected] : kCases) {
    shell(damage.c_str());
    const auto found = check();
    EXPECT_THAT(found.descriptions, ::testing::Contains(HasSubstr(expected))) << damage;
    EXPECT_GE(found.differences, found.descriptions.size());
    EXPECT_EQ(check().differences, 0u) << damage;
    EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8081).ask(), "web 192.0.2.2") << damage;
    EXPECT_EQ(ask(host_.outside(), kHostAddress, 3).size(), 3u);
    EXPECT_NE(Client::tcp(host_.inside(), "127.0.0.1", 8080).ask(), "") << damage;
  }
  // A link that somebody took away is not made again; nor does that keep the rest from being well.
  shell(("ip link delete " + link).c_str());
  EXPECT_EQ(check().differences, 0u);
  EXPECT_NE(Client::tcp(host_.outside(), kHostAddress, 8080).ask(), "");
}

TEST_F(ServiceTest, ACheckLeavesWhatAnEarlierDaemonServedUntilItIsToldAnew) {
  const auto before = network_->endpoints();
  end();
  begin({.endpoints = before});
  EXPECT_EQ(control_->run(network_->check()).differences, 0u);
  EXPECT_NE(Client::tcp(host_.outside(), kHostAddress, 8080).ask(), "");
  auto table = NftTable::open("shoal_node");
  ASSERT_TRUE(table->remove());
  EXPECT_GT(control_->run(network_->check()).differences, 0u);
  serve({{Tcp, 8080, {backends_[1]}}});
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8080).ask(), "b 192.0.2.2");
}

TEST_F(ServiceTest, ARestartedDaemonFindsEverythingAndNoConnectionNotices) {
  const auto web = connect("web", {{Tcp, {}, 8081, 80}});
  const Server server(web.netns_path, Server::Kind::Tcp, 80, "web");
  auto published = Client::tcp(host_.outside(), kHostAddress, 8081);
  auto service = Client::tcp(host_.outside(), kHostAddress, 8080);
  const auto served_by = service.ask();
  EXPECT_EQ(published.ask(), "web 192.0.2.2");
  const auto before = network_->endpoints();

  end();
  EXPECT_EQ(published.ask(), "web 192.0.2.2");
  begin({.endpoints = before});

  EXPECT_EQ(network_->endpoints(), before);
  EXPECT_EQ(published.ask(), "web 192.0.2.2");
  EXPECT_EQ(service.ask(), served_by);
  // Services go on by the old rules until the new daemon knows them.
  EXPECT_NE(Client::tcp(host_.outside(), kHostAddress, 8080).ask(), "");
  serve({{Tcp, 8080, {backends_[1]}}});
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8080).ask(), "b 192.0.2.2");
  EXPECT_EQ(service.ask(), served_by);
  EXPECT_EQ(connect("next").address.address, IpAddress::v4(172, 17, 0, 6));
  disconnect("web");
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8081).error(), ECONNREFUSED);
}

TEST_F(ServiceTest, TakesOverServicesOfADaemonThatKnewNoShards) {
  const auto before = network_->endpoints();
  auto open = Client::tcp(host_.outside(), kHostAddress, 8080);
  const auto served_by = open.ask();
  end();
  auto old = network::plan_frame({"shoal0", *network::Subnet::parse("172.17.0.1/16")}).rules;
  const network::PortKey port{{}, Tcp, 8080};
  old.chains["service_tcp_8080"].rules =
      network::balance_rules({network::IsProtocol{Tcp}}, backends_);
  old.elements["services"][port] = network::GoToChain{"service_tcp_8080"};
  old.elements["services_busy"][port] = std::monostate{};
  auto table = NftTable::open("shoal_node");
  ASSERT_TRUE(table->replace(old));

  begin({.endpoints = before});
  EXPECT_NE(Client::tcp(host_.outside(), kHostAddress, 8080).ask(), "");
  serve({{Tcp, 8080, {backends_[1]}}});
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8080).ask(), "b 192.0.2.2");
  EXPECT_EQ(open.ask(), served_by);
  const auto found = table->read();
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_FALSE(found->chains.contains("service_tcp_8080"));
  EXPECT_FALSE(found->elements.at("services").contains(port));
}

TEST_F(ServiceTest, RemoveAllLeavesNothing) {
  connect("web", {{Tcp, {}, 8081, 80}, {Udp, {}, 0, 53}});
  ASSERT_TRUE(control_->run(network_->remove_all()));
  EXPECT_THAT(testing::link_names(), UnorderedElementsAre("lo", "eth0"));
  EXPECT_FALSE(std::filesystem::exists(host_.folder() + "/netns"));
  auto table = NftTable::open("shoal_node");
  EXPECT_EQ(*table->read(), network::Ruleset{});
  const os::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = SocketAddress::of(IpAddress{}, 8081);
  EXPECT_EQ(::bind(fd.get(), address.get(), address.size()), 0);
}

}  // namespace
}  // namespace shoal::netdriver

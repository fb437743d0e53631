#include "netdriver/node_network.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "netdriver/nft_table.h"
#include "netdriver/node_network_fixture.h"
#include "netdriver/socket_address.h"
#include "netdriver/sysctl.h"

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

TEST_F(NodeNetworkTest, GivesAContainerAnAddressAndAWayOut) {
  const auto web = connect("web");
  EXPECT_EQ(web.address.str(), "172.17.0.2/16");
  EXPECT_EQ(web.gateway.str(), "172.17.0.1");
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
  const auto alone = control_->run(network_->open("alone"));
  ASSERT_TRUE(alone);
  EXPECT_EQ(*alone, network_->namespace_of("alone"));
  in_namespace(*alone, [this] { EXPECT_THAT(testing::link_names(), UnorderedElementsAre("lo")); });
  const Server server(*alone, Server::Kind::Tcp, 80, "self");
  EXPECT_EQ(Client::tcp(*alone, "127.0.0.1", 80).ask(), "self 127.0.0.1");
  EXPECT_EQ(control_->run(network_->open("alone")).error().code, ErrorCode::AlreadyExists);
  end();
  begin({.containers = {"alone", "gone"}});
  EXPECT_EQ(list_held(host_.folder() + "/netns"), std::vector<std::string>{"alone"});
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

TEST_F(NodeNetworkTest, PublishedPortsWorkWithBridgeNetfilterOnAndOff) {
  const auto web = connect("web", {{Tcp, {}, 8081, 80}});
  const auto other = connect("other");
  const Server server(web.netns_path, Server::Kind::Tcp, 80, "web");
  for (const auto* value : {"0", "1"}) {
    const auto set = write_sysctl("net/bridge/bridge-nf-call-iptables", value);
    EXPECT_TRUE(set || set.error().code == ErrorCode::NotFound);  // A kernel without it: as "0".
    EXPECT_EQ(Client::tcp(other.netns_path, kHostAddress, 8081).ask(), "web 172.17.0.1") << value;
    EXPECT_EQ(Client::tcp(web.netns_path, "172.17.0.1", 8081).ask(), "web 172.17.0.1") << value;
    EXPECT_EQ(Client::tcp(other.netns_path, "172.17.0.2", 80).ask(), "web 172.17.0.3") << value;
    EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8081).ask(), "web 192.0.2.2") << value;
  }
}

TEST_F(NodeNetworkTest, APortAtOneAddressAnswersOnlyThere) {
  const auto loopback = IpAddress::v4(127, 0, 0, 1);
  const auto web = connect("web", {{Tcp, loopback, 8081, 80}});
  const Server server(web.netns_path, Server::Kind::Tcp, 80, "web");
  EXPECT_EQ(Client::tcp(host_.inside(), "127.0.0.1", 8081).ask(), "web 172.17.0.1");
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8081).error(), ECONNREFUSED);
}

TEST_F(NodeNetworkTest, PublishesDatagramPortsAndForgetsWhoWasPinnedElsewhere) {
  auto early = Client::udp(host_.outside(), kHostAddress, 5353);
  EXPECT_EQ(early.ask(), "");  // The flow past the port that is not there yet is known now.
  const auto dns = connect("dns", {{Udp, {}, 5353, 53}});
  const Server server(dns.netns_path, Server::Kind::Udp, 53, "dns");
  EXPECT_EQ(Client::udp(host_.outside(), kHostAddress, 5353).ask(), "dns 192.0.2.2");
  early.ask();  // Takes the error that the first datagram left.
  EXPECT_EQ(early.ask(), "dns 192.0.2.2");
}

TEST_F(NodeNetworkTest, NobodyReachesAContainerThatPublishesNothing) {
  const auto web = connect("web");
  const Server server(web.netns_path, Server::Kind::Tcp, 80, "web");
  in_namespace(host_.outside(), [] {  // A neighbour that routes to the bridge through this host.
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    const auto gateway = *IpAddress::parse(kHostAddress);
    const network::PeerPlan way{"eth0", {}, {*IpAddress::parse(kOutsideAddress), 24}, gateway};
    ASSERT_TRUE(configure_peer(*route, way));
  });
  const auto neighbour =
      Client::tcp(host_.outside(), "172.17.0.2", 80, Client::kSilenceMilliseconds);
  EXPECT_EQ(neighbour.error(), ETIMEDOUT);
}

TEST_F(NodeNetworkTest, ChoosesFreeHostPorts) {
  const auto web = connect("web", {{Tcp, {}, 0, 80}, {Tcp, {}, 0, 81}});
  EXPECT_GE(web.ports[0].host_port, 1024);
  EXPECT_NE(web.ports[0].host_port, web.ports[1].host_port);
}

TEST_F(NodeNetworkTest, RefusesAPortThatAnotherContainerHas) {
  connect("web", {{Tcp, {}, 8081, 80}});
  const auto second = try_connect("second", {{Tcp, {}, 8081, 80}});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::Conflict);
  EXPECT_THAT(second.error().message,
              HasSubstr("driver failed programming external connectivity on endpoint second ("));
  EXPECT_THAT(second.error().message,
              HasSubstr("Bind for 0.0.0.0:8081 failed: port is already allocated"));
  disconnect("web");
  connect("second", {{Tcp, {}, 8081, 80}});
}

TEST_F(NodeNetworkTest, RefusesAPortThatAProcessOfTheHostHas) {
  const Server process(host_.inside(), Server::Kind::Tcp, 8081, "process");
  const auto web = try_connect("web", {{Tcp, {}, 8081, 80}});
  ASSERT_FALSE(web);
  EXPECT_EQ(web.error().code, ErrorCode::Conflict);
  EXPECT_THAT(web.error().message,
              HasSubstr("failed to bind host port 0.0.0.0:8081/tcp: address already in use"));

  const auto served = control_->run(network_->set_ports({{Tcp, 8081, {}}, {Tcp, 8082, {}}}));
  ASSERT_FALSE(served);
  EXPECT_THAT(served.error().message, HasSubstr("published port 8081/tcp: "));
  EXPECT_EQ(Client::tcp(host_.inside(), "127.0.0.1", 8081).ask(), "process 127.0.0.1");
}

TEST_F(NodeNetworkTest, AServicePortIsServedOnceTheProcessThatHasItIsGone) {
  const auto web = connect("web");
  const Server task(web.netns_path, Server::Kind::Tcp, 80, "task");
  std::optional<Server> process(std::in_place, host_.inside(), Server::Kind::Tcp, 8081, "process");
  const IngressPort port{Tcp, 8081, {{web.address.address, 80}}};
  const IngressPort other{Tcp, 8082, {{web.address.address, 80}}};
  ASSERT_FALSE(control_->run(network_->set_ports({port, other})));
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8082).ask(), "task 192.0.2.2");

  EXPECT_EQ(*control_->run(network_->retry_ports()), std::vector<IngressPort>{});
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8081).ask(), "process 192.0.2.2");
  process.reset();
  EXPECT_EQ(*control_->run(network_->retry_ports()), std::vector{port});
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8081).ask(), "task 192.0.2.2");
  EXPECT_EQ(*control_->run(network_->retry_ports()), std::vector<IngressPort>{});
}

TEST_F(NodeNetworkTest, AServicePortThatIsWantedNoMoreIsNotTriedAgain) {
  std::optional<Server> process(std::in_place, host_.inside(), Server::Kind::Tcp, 8081, "process");
  ASSERT_FALSE(control_->run(network_->set_ports({{Tcp, 8081, {}}, {Tcp, 8082, {}}})));
  ASSERT_TRUE(control_->run(network_->change_ports({}, {{Tcp, 8081, {}}})));
  process.reset();
  EXPECT_EQ(*control_->run(network_->retry_ports()), std::vector<IngressPort>{});
  process.emplace(host_.inside(), Server::Kind::Tcp, 8083, "process");
  ASSERT_FALSE(control_->run(network_->change_ports({{Tcp, 8083, {}}}, {})));
  ASSERT_TRUE(control_->run(network_->set_ports({})));
  process.reset();
  EXPECT_EQ(*control_->run(network_->retry_ports()), std::vector<IngressPort>{});
}

TEST_F(NodeNetworkTest, ManyServicePortsThatAreHeldAreTriedInTurns) {
  constexpr uint16_t kFirst = 9000, kCount = 300;
  std::vector<os::Fd> held;
  std::vector<IngressPort> ports;
  for (uint16_t port = kFirst; port < kFirst + kCount; ++port) {
    held.emplace_back(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto address = SocketAddress::of(IpAddress{}, port);
    ASSERT_EQ(::bind(held.back().get(), address.get(), address.size()), 0);
    ports.push_back({Udp, port, {}});
  }
  ASSERT_FALSE(control_->run(network_->set_ports(ports)));
  held.clear();
  std::vector<IngressPort> regained = *control_->run(network_->retry_ports());
  EXPECT_LT(regained.size(), ports.size());
  const auto rest = *control_->run(network_->retry_ports());
  regained.insert(regained.end(), rest.begin(), rest.end());
  EXPECT_EQ(regained, ports);
}

TEST_F(NodeNetworkTest, AHostPortIsTakenForProcessesOfTheHostToo) {
  connect("web", {{Tcp, {}, 8081, 80}});
  const os::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = SocketAddress::of(IpAddress{}, 8081);
  EXPECT_EQ(::bind(fd.get(), address.get(), address.size()), -1);
  EXPECT_EQ(errno, EADDRINUSE);
}

TEST_F(NodeNetworkTest, RefusesRequestsThatMakeNoSense) {
  const auto code = [this](EndpointRequest request) {
    const auto answer = control_->run(network_->connect(std::move(request)));
    return answer ? std::optional<ErrorCode>() : answer.error().code;
  };
  const auto invalid = ErrorCode::InvalidArgument;
  EXPECT_EQ(code({.container_id = ""}), invalid);
  EXPECT_EQ(code({.container_id = "../up"}), invalid);
  EXPECT_EQ(code({.container_id = std::string(65, 'a')}), invalid);
  EXPECT_EQ(code({.container_id = "a", .ports = {{Tcp, {}, 80, 0}}}), invalid);
  EXPECT_EQ(code({.container_id = "a", .default_route = false, .ports = {{Tcp, {}, 80, 80}}}),
            invalid);
  EXPECT_EQ(code({.container_id = "a", .address = IpAddress::v4(10, 0, 0, 1)}), invalid);
  EXPECT_EQ(code({.container_id = "a", .address = IpAddress::v4(172, 17, 0, 1)}), invalid);
  EXPECT_EQ(code({.container_id = "a", .address = IpAddress::any(network::Family::V6)}), invalid);
  const auto elsewhere = IpAddress::v4(203, 0, 113, 1);  // No address of this host.
  EXPECT_EQ(code({.container_id = "a", .ports = {{Tcp, elsewhere, 80, 80}}}), invalid);
  EXPECT_EQ(code({.container_id = "a", .address = IpAddress::v4(172, 17, 0, 9)}), std::nullopt);
  EXPECT_EQ(code({.container_id = "a"}), ErrorCode::AlreadyExists);
  EXPECT_EQ(code({.container_id = "b", .address = IpAddress::v4(172, 17, 0, 9)}),
            ErrorCode::Conflict);
  EXPECT_EQ(control_->run(network_->disconnect("none")).error().code, ErrorCode::NotFound);
  EXPECT_EQ(network_->endpoints().size(), 1u);
  EXPECT_EQ(list_held(host_.folder() + "/netns"), std::vector<std::string>{"a"});
}

TEST_F(NodeNetworkTest, RefusesServicePortsThatMakeNoSense) {
  const auto code = [this](std::vector<IngressPort> ports) {
    return control_->run(network_->set_ports(std::move(ports))).error().code;
  };
  const auto ip = IpAddress::v4(172, 17, 0, 2);
  EXPECT_EQ(code({{Tcp, 0, {}}}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code({{Tcp, 80, {}}, {Tcp, 80, {}}}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code({{Tcp, 80, {{ip, 0}}}}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code({{Tcp, 80, {{IpAddress{}, 80}}}}), ErrorCode::InvalidArgument);
  EXPECT_EQ(code(std::vector<IngressPort>(kIngressPortsMax + 1)), ErrorCode::InvalidArgument);
}

// What an administrator does by mistake; the next check says what was not so, and mends it.
// Each look sees all of a container's ports in the kernel, or none.
TEST_F(NodeNetworkTest, ChecksFindNothingWhileContainersComeAndGo) {
  std::atomic<bool> over = false;
  std::vector<NetworkCheck> found;
  std::thread checking([&] {
    while (!over) found.push_back(control_->run(network_->check()));
  });
  for (int i = 0; i < 20; ++i) {
    const auto web = connect("web", {{Tcp, {}, 8081, 80}, {Udp, {}, 8082, 80}});
    const Server server(web.netns_path, Server::Kind::Tcp, 80, "web");
    EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8081).ask(), "web 192.0.2.2");
    disconnect("web");
  }
  over = true;
  checking.join();
  EXPECT_THAT(found, ::testing::Each(NetworkCheck{.networks = 1}));
}

TEST_F(NodeNetworkTest, AContainerMayComeBackWhileItsLinkStillGoes) {
  for (int i = 0; i < 5; ++i) {
    const auto web = connect("web", {{Tcp, {}, 8081, 80}});
    const Server server(web.netns_path, Server::Kind::Tcp, 80, "web");
    EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8081).ask(), "web 192.0.2.2");
    disconnect("web");
  }
}

TEST_F(NodeNetworkTest, ARestartRemovesWhatBelongsToNobody) {
  connect("web", {{Tcp, {}, 8081, 80}});
  auto keep = connect("keep");
  auto lost = keep;
  lost.container_id = "lost";
  end();
  begin({.endpoints = {keep, lost}});
  EXPECT_EQ(network_->endpoints(), std::vector{keep});
  EXPECT_THAT(testing::link_names(),
              UnorderedElementsAre("lo", "eth0", "shoal0", "shv" + keep.endpoint_id.substr(0, 12)));
  EXPECT_EQ(list_held(host_.folder() + "/netns"), std::vector<std::string>{"keep"});
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, 8081).error(), ECONNREFUSED);
}

TEST_F(NodeNetworkTest, TakesAnotherNetworkWhenTheHostUsesTheFirst) {
  ASSERT_TRUE(control_->run(network_->remove_all()));
  end();
  auto route = NetlinkSocket::open(NETLINK_ROUTE);
  const network::LinkPlan used{.address = *network::Subnet::parse("172.17.5.1/24")};
  ASSERT_TRUE(add_bridge(*route, "used", used));
  begin();
  EXPECT_EQ(network_->subnet().str(), "172.18.0.1/16");
}

TEST_F(NodeNetworkTest, TwoHundredContainersComeAndGo) {
  constexpr int kCount = 200;
  for (int i = 0; i < kCount; ++i) {
    connect(fmt::format("c{}", i), {{Tcp, {}, uint16_t(20000 + i), 80}});
  }
  const auto last = network_->endpoints().back();
  const Server server(last.netns_path, Server::Kind::Tcp, 80, "last");
  EXPECT_EQ(Client::tcp(host_.outside(), kHostAddress, last.ports[0].host_port).ask(),
            "last 192.0.2.2");
  for (int i = 0; i < kCount; ++i) disconnect(fmt::format("c{}", i));
  auto table = NftTable::open("shoal_node");
  EXPECT_TRUE(table->read()->elements.at("ports").empty());
  // Freed addresses are used last.
  const auto next = connect("next");
  EXPECT_EQ(next.address.address, IpAddress::v4(172, 17, 0, 202));
  // Links go one after the other behind our back: when the flows of this one end, all are gone.
  ASSERT_TRUE(control_->run(network_->end_flows("next")));
  EXPECT_EQ(testing::link_names().size(), 4u);  // lo, eth0, shoal0 and the one of "next"
}

}  // namespace
}  // namespace shoal::netdriver

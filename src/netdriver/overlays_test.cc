// Traffic between machines: containers reach each other, services are balanced, nobody takes
// another's place. Restarts and repairs are in overlays_repair_test.cc.
#include "netdriver/overlays.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "netdriver/links.h"
#include "netdriver/nft_table.h"
#include "netdriver/overlay_testing.h"
#include "network/overlay_plan.h"

namespace shoal::netdriver {
namespace {

using namespace network;
using testing::Client;
using testing::Container;
using ::testing::Each;
using testing::Fabric;
using ::testing::HasSubstr;
using testing::in_namespace;
using testing::ip;
using testing::Machine;
using ::testing::Not;
using testing::Server;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr auto kNet = "net1";
constexpr auto kWeb = "10.0.1.5";  // the virtual address of the tests' service

// Two machines in one network.
class OverlaysTest : public ::testing::Test {
 protected:
  OverlaysTest() {
    a_ = &fabric_.add_machine();
    b_ = &fabric_.add_machine();
    fabric_.apply({PutOverlay{testing::overlay(kNet, 4097, {"10.0.1.1/24"})}});
  }

  // Connects a new container and tells everybody. The first address gives its place.
  Container join(Machine& machine, const std::string& id, const std::vector<std::string>& addresses,
                 const std::string& network = kNet) {
    auto container = fabric_.add_container(machine, id);
    const auto endpoint = fabric_.connect(container, network, addresses);
    EXPECT_TRUE(endpoint) << endpoint.error().message;
    std::vector<OverlayChange> changes;
    for (const auto& text : addresses) {
      const auto address = Subnet::parse(text)->address;
      changes.push_back(PutPeer{network, {address, machine.address, endpoint->mac}});
    }
    fabric_.apply(changes);
    return container;
  }

  static OverlayService web(const std::vector<std::string>& backends,
                            const std::vector<std::string>& virtual_ips = {kWeb}) {
    OverlayService service{.id = "web"};
    for (const auto& text : virtual_ips) service.virtual_ips.push_back(ip(text));
    for (const auto& text : backends) service.backends.push_back(ip(text));
    return service;
  }
  void serve(const std::vector<std::string>& backends) {
    fabric_.apply({PutOverlayService{kNet, web(backends)}});
  }

  // Who answers so many new connections.
  static std::vector<std::string> ask(const Container& from, const std::string& address, int count,
                                      Server::Kind kind = Server::Kind::Tcp) {
    std::vector<std::string> answers;
    for (int i = 0; i < count; ++i) {
      answers.push_back(kind == Server::Kind::Tcp
                            ? Client::tcp(from.netns_path, address, 80).ask()
                            : Client::udp(from.netns_path, address, 80).ask());
    }
    return answers;
  }

  testing::Host host_;
  Fabric fabric_{host_};
  Machine* a_ = nullptr;
  Machine* b_ = nullptr;
};

TEST_F(OverlaysTest, ContainersOfTwoMachinesReachEachOther) {
  const auto near = join(*a_, "near", {"10.0.1.11/24"});
  const auto next = join(*a_, "next", {"10.0.1.12/24"});
  const auto far = join(*b_, "far", {"10.0.1.21/24"});
  const Server near_server(near.netns_path, Server::Kind::Tcp, 80, "near");
  const Server far_server(far.netns_path, Server::Kind::Tcp, 80, "far");
  const Server far_datagrams(far.netns_path, Server::Kind::Udp, 80, "far");
  EXPECT_EQ(ask(near, "10.0.1.21", 1)[0], "far 10.0.1.11");
  EXPECT_EQ(ask(far, "10.0.1.11", 1)[0], "near 10.0.1.21");
  EXPECT_EQ(ask(next, "10.0.1.11", 1)[0], "near 10.0.1.12");
  EXPECT_EQ(ask(near, "10.0.1.21", 1, Server::Kind::Udp)[0], "far 10.0.1.11");
}

TEST_F(OverlaysTest, AConnectedContainerHasItsAddressAndTheNetworksMtu) {
  const auto container = fabric_.add_container(*a_, "near");
  const auto endpoint = fabric_.connect(container, kNet, {"10.0.1.11/24"});
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  EXPECT_EQ(endpoint->mac.str(), "02:42:0a:00:01:0b");
  in_namespace(container.netns_path, [] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    const auto link = find_link(*route, "eth0");
    ASSERT_TRUE(link);
    EXPECT_EQ(link->mtu, 1450);
    EXPECT_TRUE(link->up);
    EXPECT_EQ(link->mac.str(), "02:42:0a:00:01:0b");
    EXPECT_THAT(*list_addresses(*route, link->index),
                UnorderedElementsAre(*Subnet::parse("10.0.1.11/24")));
  });
}

TEST_F(OverlaysTest, TheLargestPacketPassesAndOneByteMoreIsRefused) {
  const auto near = join(*a_, "near", {"10.0.1.11/24"});
  const auto far = join(*b_, "far", {"10.0.1.21/24"});
  const Server server(far.netns_path, Server::Kind::Udp, 80, "far");
  constexpr size_t kRoom = 1450 - 28;  // without the headers of IP and UDP
  auto client = Client::udp(near.netns_path, "10.0.1.21", 80);
  EXPECT_EQ(client.send_whole(kRoom), 0);
  EXPECT_EQ(client.ask(), "far 10.0.1.11");  // Of the large one; the small one's comes next.
  EXPECT_EQ(client.send_whole(kRoom + 1), EMSGSIZE);
}

TEST_F(OverlaysTest, AServiceIsBalancedInTurnsAndItsBackendsSeeWhoAsks) {
  const auto client = join(*a_, "client", {"10.0.1.9/24"});
  const auto near = join(*a_, "near", {"10.0.1.11/24"});
  const auto far = join(*b_, "far", {"10.0.1.21/24"});
  std::vector<std::unique_ptr<Server>> servers;
  for (const auto kind : {Server::Kind::Tcp, Server::Kind::Udp}) {
    servers.push_back(std::make_unique<Server>(near.netns_path, kind, 80, "near"));
    servers.push_back(std::make_unique<Server>(far.netns_path, kind, 80, "far"));
  }
  serve({"10.0.1.11", "10.0.1.21"});
  const auto both =
      UnorderedElementsAre("near 10.0.1.9", "near 10.0.1.9", "far 10.0.1.9", "far 10.0.1.9");
  EXPECT_THAT(ask(client, kWeb, 4), both);
  EXPECT_THAT(ask(client, kWeb, 4, Server::Kind::Udp), both);
  // A backend that asks its own service is served by the other, and by itself as the service.
  EXPECT_THAT(ask(far, kWeb, 2), UnorderedElementsAre("near 10.0.1.21", "far 10.0.1.5"));
  EXPECT_THAT(ask(near, kWeb, 2), UnorderedElementsAre("near 10.0.1.5", "far 10.0.1.11"));
}

TEST_F(OverlaysTest, IPv6WorksAsIPv4Does) {
  constexpr auto kDual = "net6";
  fabric_.apply({PutOverlay{testing::overlay(kDual, 4098, {"10.0.6.1/24", "fd00:6::1/64"})}});
  const auto near = join(*a_, "near6", {"10.0.6.11/24", "fd00:6::11/64"}, kDual);
  const auto far = join(*b_, "far6", {"10.0.6.21/24", "fd00:6::21/64"}, kDual);
  std::vector<std::unique_ptr<Server>> servers;
  for (const auto kind : {Server::Kind::Tcp, Server::Kind::Udp}) {
    servers.push_back(std::make_unique<Server>(near.netns_path, kind, 80, "near", Family::V6));
    servers.push_back(std::make_unique<Server>(far.netns_path, kind, 80, "far", Family::V6));
  }
  EXPECT_EQ(ask(near, "fd00:6::21", 1)[0], "far fd00:6::11");
  fabric_.apply(
      {PutOverlayService{kDual, web({"10.0.6.11", "10.0.6.21", "fd00:6::11", "fd00:6::21"},
                                    {"10.0.6.5", "fd00:6::5"})}});
  const auto both = UnorderedElementsAre("near fd00:6::5", "far fd00:6::11");
  EXPECT_THAT(ask(near, "fd00:6::5", 2), both);
  EXPECT_THAT(ask(near, "fd00:6::5", 2, Server::Kind::Udp), both);
}

TEST_F(OverlaysTest, AServiceWithoutBackendsRefusesAtOnceUntilOneComes) {
  const auto client = join(*a_, "client", {"10.0.1.9/24"});
  const auto far = join(*b_, "far", {"10.0.1.21/24"});
  const Server server(far.netns_path, Server::Kind::Tcp, 80, "far");
  const Server datagrams(far.netns_path, Server::Kind::Udp, 80, "far");
  serve({});
  EXPECT_EQ(Client::tcp(client.netns_path, kWeb, 80).error(), ECONNREFUSED);
  auto early = Client::udp(client.netns_path, kWeb, 80);
  EXPECT_EQ(early.ask(), "");  // Refused as well, and so known as a flow to nobody.
  serve({"10.0.1.21"});
  EXPECT_EQ(ask(client, kWeb, 1)[0], "far 10.0.1.9");
  early.ask();  // Takes the error that the first datagram left, if it is still there.
  EXPECT_EQ(early.ask(), "far 10.0.1.9");
  serve({});
  EXPECT_EQ(Client::tcp(client.netns_path, kWeb, 80).error(), ECONNREFUSED);
}

TEST_F(OverlaysTest, AWithdrawnBackendFinishesItsConnectionsAndLosesItsDatagrams) {
  const auto client = join(*a_, "client", {"10.0.1.9/24"});
  const auto one = join(*b_, "one", {"10.0.1.21/24"});
  const auto two = join(*b_, "two", {"10.0.1.22/24"});
  const Server one_server(one.netns_path, Server::Kind::Tcp, 80, "one");
  const Server two_server(two.netns_path, Server::Kind::Tcp, 80, "two");
  const Server one_datagrams(one.netns_path, Server::Kind::Udp, 80, "one");
  const Server two_datagrams(two.netns_path, Server::Kind::Udp, 80, "two");
  serve({"10.0.1.21"});
  auto stream = Client::tcp(client.netns_path, kWeb, 80);
  auto datagrams = Client::udp(client.netns_path, kWeb, 80);
  auto direct = Client::udp(client.netns_path, "10.0.1.21", 80);
  EXPECT_EQ(stream.ask(), "one 10.0.1.9");
  EXPECT_EQ(datagrams.ask(), "one 10.0.1.9");
  EXPECT_EQ(direct.ask(), "one 10.0.1.9");
  serve({"10.0.1.22"});
  EXPECT_EQ(stream.ask(), "one 10.0.1.9");
  EXPECT_EQ(datagrams.ask(), "two 10.0.1.9");
  EXPECT_EQ(direct.ask(), "one 10.0.1.9");
  EXPECT_EQ(ask(client, kWeb, 2), (std::vector<std::string>{"two 10.0.1.9", "two 10.0.1.9"}));
}

TEST_F(OverlaysTest, OnlyServicesThatWereSentDatagramsAreNoted) {
  const auto client = join(*a_, "client", {"10.0.1.9/24"});
  const auto one = join(*b_, "one", {"10.0.1.21/24"});
  const Server streams(one.netns_path, Server::Kind::Tcp, 80, "one");
  const Server datagrams(one.netns_path, Server::Kind::Udp, 80, "one");
  serve({"10.0.1.21"});
  const auto noted = [&](const std::string& address) {
    bool found = false;
    fabric_.in_network(*a_, kNet, [&] {
      auto table = NftTable::open(kOverlayTable);
      found = table->has(overlay_datagrams(ip(address).family()), ip(address)).value();
    });
    return found;
  };
  EXPECT_EQ(Client::tcp(client.netns_path, kWeb, 80).ask(), "one 10.0.1.9");
  EXPECT_EQ(Client::udp(client.netns_path, "10.0.1.21", 80).ask(), "one 10.0.1.9");
  EXPECT_FALSE(noted(kWeb));
  EXPECT_FALSE(noted("10.0.1.21"));
  EXPECT_EQ(Client::udp(client.netns_path, kWeb, 80).ask(), "one 10.0.1.9");
  EXPECT_TRUE(noted(kWeb));
}

TEST_F(OverlaysTest, ADroppedPeersConnectionsAreReset) {
  const auto client = join(*a_, "client", {"10.0.1.9/24"});
  const auto one = join(*b_, "one", {"10.0.1.21/24"});
  const auto two = join(*b_, "two", {"10.0.1.22/24"});
  const Server one_server(one.netns_path, Server::Kind::Tcp, 80, "one");
  const Server two_server(two.netns_path, Server::Kind::Tcp, 80, "two");
  serve({"10.0.1.21", "10.0.1.22"});
  std::map<std::string, Client> open;
  for (int i = 0; i < 2; ++i) {
    auto stream = Client::tcp(client.netns_path, kWeb, 80);
    const auto name = stream.ask().substr(0, 3);
    open.emplace(name, std::move(stream));
  }
  ASSERT_EQ(open.size(), 2u);
  fabric_.apply({PutOverlayService{kNet, web({"10.0.1.22"})}, DropPeer{kNet, ip("10.0.1.21")}});
  EXPECT_EQ(open.at("one").ask(), "");  // The reset; no timeout is waited for.
  EXPECT_EQ(open.at("two").ask(), "two 10.0.1.9");
}

TEST_F(OverlaysTest, NoRequestFailsWhileBackendsComeAndGo) {
  const auto client = join(*a_, "client", {"10.0.1.9/24"});
  const auto one = join(*a_, "one", {"10.0.1.11/24"});
  const auto two = join(*b_, "two", {"10.0.1.21/24"});
  const Server one_server(one.netns_path, Server::Kind::Tcp, 80, "one");
  const Server two_server(two.netns_path, Server::Kind::Tcp, 80, "two");
  serve({"10.0.1.11", "10.0.1.21"});
  std::atomic<bool> stop = false;
  std::atomic<int> asked = 0;
  std::atomic<int> failed = 0;
  std::thread load([&] {
    while (!stop) {
      failed += Client::tcp(client.netns_path, kWeb, 80).ask().empty();
      ++asked;
    }
  });
  for (int round = 0; round < 50 || asked < 200; ++round) {
    serve(round % 2 ? std::vector<std::string>{"10.0.1.11"}
                    : std::vector<std::string>{"10.0.1.21", "10.0.1.11"});
  }
  stop = true;
  load.join();
  EXPECT_EQ(failed, 0) << "of " << asked;
}

TEST_F(OverlaysTest, NetworksAreApart) {
  constexpr auto kOther = "net2";
  fabric_.apply({PutOverlay{testing::overlay(kOther, 4098, {"10.0.1.1/24"})}});  // The same subnet.
  const auto near = join(*a_, "near", {"10.0.1.11/24"});
  const auto far = join(*b_, "far", {"10.0.1.21/24"});
  const auto stranger = join(*b_, "stranger", {"10.0.1.21/24"}, kOther);
  const auto alone = join(*a_, "alone", {"10.0.1.12/24"}, kOther);
  const Server far_server(far.netns_path, Server::Kind::Tcp, 80, "far");
  const Server stranger_server(stranger.netns_path, Server::Kind::Tcp, 80, "stranger");
  serve({"10.0.1.21"});
  EXPECT_EQ(ask(near, "10.0.1.21", 1)[0], "far 10.0.1.11");
  EXPECT_EQ(ask(alone, "10.0.1.21", 1)[0], "stranger 10.0.1.12");
  const auto space = open_namespace(alone.netns_path);
  EXPECT_FALSE(Client::tcp(*space, kWeb, 80, Client::kSilenceMilliseconds).ok());
}

TEST_F(OverlaysTest, AForgedSenderTakesNobodysPlace) {
  const auto near = join(*a_, "near", {"10.0.1.11/24"});
  const auto thief = join(*a_, "thief", {"10.0.1.12/24"});
  const auto far = join(*b_, "far", {"10.0.1.21/24"});
  const Server server(far.netns_path, Server::Kind::Tcp, 80, "far");
  EXPECT_EQ(ask(near, "10.0.1.21", 1)[0], "far 10.0.1.11");
  in_namespace(thief.netns_path, [] {
    // The thief calls itself by the other's MAC address, and speaks.
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    Messages messages;
    auto* message = messages.add(RTM_NEWLINK, NLM_F_ACK, ifinfomsg{});
    mnl_attr_put_strz(message, IFLA_IFNAME, "eth0");
    const auto stolen = MacAddress::of(ip("10.0.1.21"));
    mnl_attr_put(message, IFLA_ADDRESS, stolen.bytes.size(), stolen.bytes.data());
    ASSERT_TRUE(route->send(std::move(messages)));
  });
  auto call = Client::udp(thief.netns_path, "10.0.1.11", 80);
  EXPECT_EQ(call.send_whole(10), 0);
  EXPECT_EQ(ask(near, "10.0.1.21", 3), std::vector<std::string>(3, "far 10.0.1.11"));
}

TEST_F(OverlaysTest, AnAddressMovesToAnotherMachineWithItsContainer) {
  const auto client = join(*a_, "client", {"10.0.1.9/24"});
  const auto first = join(*b_, "first", {"10.0.1.21/24"});
  {
    const Server server(first.netns_path, Server::Kind::Tcp, 80, "first");
    EXPECT_EQ(ask(client, "10.0.1.21", 1)[0], "first 10.0.1.9");
  }
  ASSERT_TRUE(fabric_.control.run(b_->overlays->disconnect("first")));
  const auto second = join(*a_, "second", {"10.0.1.21/24"});
  const Server server(second.netns_path, Server::Kind::Tcp, 80, "second");
  EXPECT_EQ(ask(client, "10.0.1.21", 1)[0], "second 10.0.1.9");
  ASSERT_TRUE(fabric_.control.run(a_->overlays->disconnect("second")));
  const auto third = join(*b_, "third", {"10.0.1.21/24"});
  const Server other(third.netns_path, Server::Kind::Tcp, 80, "third");
  EXPECT_EQ(ask(client, "10.0.1.21", 1)[0], "third 10.0.1.9");
}

TEST_F(OverlaysTest, TheHostsOwnLinkReachesTheIngressNetworkFromEveryMachine) {
  auto ingress = testing::overlay("ingress", 4096, {"10.0.0.1/24"});
  ingress.ingress = true;
  fabric_.apply({PutOverlay{ingress}, PutPeer{"ingress", {ip("10.0.0.2"), a_->address, {}}},
                 PutPeer{"ingress", {ip("10.0.0.3"), b_->address, {}}}});
  EXPECT_EQ(a_->overlays->gateway_link(), "");
  for (auto* machine : {a_, b_}) {
    const Subnet own{ip(machine == a_ ? "10.0.0.2" : "10.0.0.3"), 24};
    const std::vector<Subnet> addresses{own};
    const auto set = fabric_.control.run(machine->overlays->set_gateway("ingress", addresses));
    ASSERT_TRUE(set) << set.error().message;
  }
  EXPECT_EQ(a_->overlays->gateway_link(), "shg0");
  const auto far = join(*b_, "far", {"10.0.0.21/24"}, "ingress");
  const Server server(far.netns_path, Server::Kind::Tcp, 80, "far");
  EXPECT_EQ(Client::tcp(a_->space, "10.0.0.21", 80).ask(), "far 10.0.0.2");
  EXPECT_EQ(Client::tcp(b_->space, "10.0.0.21", 80).ask(), "far 10.0.0.3");
  in_namespace(a_->space, [] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    const auto link = find_link(*route, "shg0");
    ASSERT_TRUE(link);
    EXPECT_EQ(link->mac.str(), "02:42:0a:00:00:02");
    EXPECT_EQ(link->mtu, 1450);
  });
  ASSERT_TRUE(fabric_.control.run(a_->overlays->set_gateway("", {})));
  EXPECT_EQ(a_->overlays->gateway_link(), "");
  in_namespace(a_->space, [] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    EXPECT_EQ(find_link(*route, "shg0").error().code, ErrorCode::NotFound);
  });
}

TEST_F(OverlaysTest, AContainerThatLeavesOneNetworkStaysInTheOther) {
  fabric_.apply(*a_, {PutOverlay{testing::overlay("side", 5001, {"10.0.9.1/24"})}});
  const auto near = join(*a_, "near", {"10.0.1.11/24"});
  const std::vector<Subnet> addresses{*Subnet::parse("10.0.9.11/24")};
  const network::OverlayAttachment side{.network = "side", .addresses = addresses, .link = "eth1"};
  ASSERT_TRUE(fabric_.control.run(a_->overlays->connect(near.id, near.netns_path, side)));
  ASSERT_TRUE(fabric_.control.run(a_->overlays->leave("near", "side")));
  ASSERT_TRUE(fabric_.control.run(a_->overlays->leave("near", "side")));  // Again is fine.
  in_namespace(near.netns_path, [] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    EXPECT_EQ(find_link(*route, "eth1").error().code, ErrorCode::NotFound);
    EXPECT_TRUE(find_link(*route, "eth0"));
  });
  ASSERT_TRUE(fabric_.control.run(a_->overlays->disconnect("near")));
  in_namespace(near.netns_path, [] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    EXPECT_EQ(find_link(*route, "eth0").error().code, ErrorCode::NotFound);
  });
}

TEST_F(OverlaysTest, ADisconnectedContainerLeavesNothing) {
  const auto near = join(*a_, "near", {"10.0.1.11/24"});
  ASSERT_TRUE(fabric_.control.run(a_->overlays->disconnect("near")));
  ASSERT_TRUE(fabric_.control.run(a_->overlays->disconnect("near")));  // Again is fine.
  in_namespace(near.netns_path, [] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    EXPECT_EQ(find_link(*route, "eth0").error().code, ErrorCode::NotFound);
  });
  // The same container, and another one with its address, may come.
  ASSERT_TRUE(fabric_.connect(near, kNet, {"10.0.1.12/24"}));
  const auto other = fabric_.add_container(*a_, "other");
  ASSERT_TRUE(fabric_.connect(other, kNet, {"10.0.1.11/24"}));
}

TEST_F(OverlaysTest, RefusesConnectionsThatMakeNoSense) {
  const auto near = join(*a_, "near", {"10.0.1.11/24"});
  const auto next = fabric_.add_container(*a_, "next");
  const auto refused = [&](const Container& container, const std::string& network,
                           const std::vector<std::string>& addresses) {
    const auto endpoint = fabric_.connect(container, network, addresses);
    EXPECT_FALSE(endpoint);
    return endpoint ? Error{} : endpoint.error();
  };
  EXPECT_EQ(refused(next, "nowhere", {"10.0.1.12/24"}).code, ErrorCode::NotFound);
  EXPECT_EQ(refused(near, kNet, {"10.0.1.12/24"}).code, ErrorCode::AlreadyExists);
  EXPECT_EQ(refused(next, kNet, {}).code, ErrorCode::InvalidArgument);
  EXPECT_EQ(refused(next, kNet, {"10.0.2.12/24"}).code, ErrorCode::InvalidArgument);
  const auto taken = refused(next, kNet, {"10.0.1.11/24"});
  EXPECT_EQ(taken.code, ErrorCode::Conflict);
  EXPECT_THAT(taken.message, HasSubstr("address 10.0.1.11 is that of container near"));
  EXPECT_EQ(refused({"a/b", next.netns_path, a_}, kNet, {"10.0.1.12/24"}).code,
            ErrorCode::InvalidArgument);
  EXPECT_EQ(refused({"next", "/nowhere", a_}, kNet, {"10.0.1.12/24"}).code, ErrorCode::NotFound);
  EXPECT_EQ(refused({"next", "/proc/version", a_}, kNet, {"10.0.1.12/24"}).code,
            ErrorCode::FailedPrecondition);
  // A container that has such a link already: nothing is left of the attempt.
  const Container again{"again", near.netns_path, a_};
  EXPECT_EQ(refused(again, kNet, {"10.0.1.12/24"}).code, ErrorCode::AlreadyExists);
  EXPECT_TRUE(fabric_.connect(next, kNet, {"10.0.1.12/24"}));
}

TEST_F(OverlaysTest, FiftyNetworksComeAndGo) {
  constexpr int kCount = 50;
  std::vector<OverlayChange> puts;
  std::vector<OverlayChange> drops;
  for (int i = 0; i < kCount; ++i) {
    const auto id = fmt::format("many{}", i);
    puts.push_back(
        PutOverlay{testing::overlay(id, 5000 + uint32_t(i), {fmt::format("10.1.{}.1/24", i)})});
    drops.push_back(DropOverlay{id});
  }
  fabric_.apply(*a_, puts);
  const auto folder = a_->run_dir + "/overlay";
  EXPECT_EQ(list_held(folder).size(), size_t{kCount} + 1);
  fabric_.apply(*a_, drops);
  EXPECT_THAT(list_held(folder), UnorderedElementsAre(kNet));
  fabric_.apply(*a_, puts);  // Their identifiers are free again at once.
}

TEST_F(OverlaysTest, RemoveAllLeavesNothing) {
  join(*a_, "near", {"10.0.1.11/24"});
  const std::vector<Subnet> addresses{*Subnet::parse("10.0.1.2/24")};
  ASSERT_TRUE(fabric_.control.run(a_->overlays->set_gateway(kNet, addresses)));
  const auto removed = fabric_.control.run(a_->overlays->remove_all());
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_FALSE(std::filesystem::exists(a_->run_dir + "/overlay"));
  in_namespace(a_->space,
               [] { EXPECT_THAT(testing::link_names(), UnorderedElementsAre("lo", "eth0")); });
}

}  // namespace
}  // namespace shoal::netdriver

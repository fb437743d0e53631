// What outlives the daemon, and what is mended: restarts, damage done by others, and the errors of
// a host that is not as it should be.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/mount.h>

#include <atomic>
#include <thread>

#include "netdriver/flows.h"
#include "netdriver/nft_table.h"
#include "netdriver/overlay_links.h"
#include "netdriver/overlay_testing.h"
#include "netdriver/socket_address.h"
#include "netdriver/sysctl.h"
#include "network/shards.h"
#include "os/file.h"

namespace shoal::netdriver {
namespace {

using namespace network;
using ::testing::AllOf;
using testing::Client;
using testing::Container;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::Fabric;
using ::testing::HasSubstr;
using testing::in_namespace;
using testing::ip;
using ::testing::IsEmpty;
using testing::Machine;
using ::testing::Not;
using testing::Server;
using ::testing::UnorderedElementsAre;

constexpr auto kNet = "net1";
constexpr auto kWeb = "10.0.1.5";
const std::string kWebChain = in_shard(overlay_shard(ip(kWeb)), "service_10_0_1_5");
const MacAddress kFarMac = MacAddress::of(ip("10.0.1.21"));

// A client and a backend on machine a, a backend on machine b.
class OverlaysRepairTest : public ::testing::Test {
 protected:
  OverlaysRepairTest() {
    a_ = &fabric_.add_machine();
    b_ = &fabric_.add_machine();
    for (const auto& machine : fabric_.machines) fabric_.apply(*machine, everything());
    client_ = connect(*a_, "client", "10.0.1.9/24");
    near_ = connect(*a_, "near", "10.0.1.11/24");
    far_ = connect(*b_, "far", "10.0.1.21/24");
    for (const auto kind : {Server::Kind::Tcp, Server::Kind::Udp}) {
      servers_.push_back(std::make_unique<Server>(near_.netns_path, kind, 80, "near"));
      servers_.push_back(std::make_unique<Server>(far_.netns_path, kind, 80, "far"));
    }
  }

  Container connect(Machine& machine, const std::string& id, const std::string& address) {
    auto container = fabric_.add_container(machine, id);
    const auto endpoint = fabric_.connect(container, kNet, {address});
    EXPECT_TRUE(endpoint) << endpoint.error().message;
    return container;
  }

  // What the manager says of the network.
  std::vector<OverlayChange> everything(std::vector<std::string> backends = {"10.0.1.11",
                                                                             "10.0.1.21"}) {
    OverlayService web{"web", {ip(kWeb)}, {}};
    for (const auto& backend : backends) web.backends.push_back(ip(backend));
    return {PutOverlay{testing::overlay(kNet, 4097, {"10.0.1.1/24"})},
            PutPeer{kNet, {ip("10.0.1.9"), a_->address, {}}},
            PutPeer{kNet, {ip("10.0.1.11"), a_->address, {}}},
            PutPeer{kNet, {ip("10.0.1.21"), b_->address, {}}}, PutOverlayService{kNet, web}};
  }

  void replace(Machine& machine, std::vector<OverlayChange> changes) {
    const auto replaced = fabric_.control.run(machine.overlays->replace(std::move(changes)));
    EXPECT_TRUE(replaced) << replaced.error().message;
  }
  NetworkCheck check(Machine& machine) {
    auto found = fabric_.control.run(machine.overlays->check());
    EXPECT_EQ(found.failure, "");
    return found;
  }
  // Runs `damage` in the network of machine a; the next check says what it did and mends it.
  std::vector<std::string> mend(const std::function<void()>& damage) {
    fabric_.in_network(*a_, kNet, damage);
    auto found = check(*a_).descriptions;
    EXPECT_EQ(check(*a_).differences, 0u);
    expect_all_works();
    return found;
  }
  // Both backends answer, the far one by way of the VXLAN link.
  void expect_all_works() {
    std::vector<std::string> answers;
    for (int i = 0; i < 2; ++i) answers.push_back(Client::tcp(client_.netns_path, kWeb, 80).ask());
    EXPECT_THAT(answers, UnorderedElementsAre("near 10.0.1.9", "far 10.0.1.9"));
    EXPECT_EQ(Client::tcp(near_.netns_path, "10.0.1.21", 80).ask(), "far 10.0.1.11");
  }

  // Counts the transactions that nftables has seen in the network of machine a.
  uint32_t generation() {
    uint32_t number = 0;
    fabric_.in_network(*a_, kNet, [&] {
      auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
      Messages messages;
      messages.add(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, 0,
                   nfgenmsg{AF_UNSPEC, NFNETLINK_V0, 0});
      EXPECT_TRUE(socket->query(std::move(messages), [&](const nlmsghdr& message) {
        for_each_attribute(message, sizeof(nfgenmsg), [&](const nlattr& attribute) {
          if (mnl_attr_get_type(&attribute) == NFTA_GEN_ID) number = mnl_attr_get_u32(&attribute);
        });
      }));
    });
    return number;
  }

  testing::Host host_;
  Fabric fabric_{host_};
  Machine* a_ = nullptr;
  Machine* b_ = nullptr;
  Container client_, near_, far_;
  std::vector<std::unique_ptr<Server>> servers_;
};

int index_of(NetlinkSocket& route, const std::string& name) {
  return find_link(route, name).value().index;
}

TEST_F(OverlaysRepairTest, ARestartTouchesNothingAndNoFlowNotices) {
  std::atomic<bool> stop = false;
  std::atomic<int> asked = 0;
  std::atomic<int> lost = 0;
  auto stream = Client::tcp(client_.netns_path, kWeb, 80);
  auto datagrams = Client::udp(client_.netns_path, kWeb, 80);
  std::thread load([&] {
    while (!stop) {
      lost += stream.ask().empty() + datagrams.ask().empty();
      ++asked;
    }
  });
  const auto before = generation();
  fabric_.end_daemon(*a_);
  for (const int seen = asked; asked < seen + 100;) std::this_thread::yield();
  fabric_.begin_daemon(*a_);
  replace(*a_, everything());
  for (const int seen = asked; asked < seen + 100;) std::this_thread::yield();
  stop = true;
  load.join();
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(generation(), before);
  EXPECT_EQ(check(*a_).differences, 0u);
  expect_all_works();
}

TEST_F(OverlaysRepairTest, ARestartChangesWhatChangedMeanwhile) {
  auto datagrams = Client::udp(client_.netns_path, kWeb, 80);
  const auto first = datagrams.ask();
  fabric_.end_daemon(*a_);
  fabric_.begin_daemon(*a_);
  const bool near = first == "near 10.0.1.9";
  replace(*a_, everything({near ? "10.0.1.21" : "10.0.1.11"}));
  EXPECT_EQ(datagrams.ask(), near ? "far 10.0.1.9" : "near 10.0.1.9");
  // Containers are known by their links, and can be disconnected.
  ASSERT_TRUE(fabric_.control.run(a_->overlays->disconnect("near")));
  in_namespace(near_.netns_path, [] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    EXPECT_FALSE(find_link(*route, "eth0"));
  });
}

// Its base chains outlive it in the kernel: the rules in them must not come twice.
TEST_F(OverlaysRepairTest, AServiceThatComesAfterARestartWithoutItIsThereOnce) {
  fabric_.end_daemon(*a_);
  fabric_.begin_daemon(*a_);
  auto without = everything();
  without.pop_back();
  replace(*a_, without);
  EXPECT_EQ(check(*a_).differences, 0u);
  fabric_.apply(*a_, {everything().back()});
  EXPECT_THAT(check(*a_).descriptions, IsEmpty());
  expect_all_works();
}

TEST_F(OverlaysRepairTest, ANetworkThatIsNamedNoMoreStaysWhileAContainerIsConnected) {
  const auto folder = a_->run_dir + "/overlay";
  fabric_.end_daemon(*a_);
  fabric_.begin_daemon(*a_);
  replace(*a_, {});
  EXPECT_THAT(list_held(folder), ElementsAre(kNet));
  EXPECT_EQ(Client::tcp(near_.netns_path, "10.0.1.21", 80).ask(), "far 10.0.1.11");
  ASSERT_TRUE(fabric_.control.run(a_->overlays->disconnect("near")));
  EXPECT_THAT(list_held(folder), ElementsAre(kNet));
  ASSERT_TRUE(fabric_.control.run(a_->overlays->disconnect("client")));
  EXPECT_THAT(list_held(folder), IsEmpty());
}

TEST_F(OverlaysRepairTest, ANetworkThatNobodyNeedsGoesWithItsIdentifier) {
  fabric_.apply(*a_, {PutOverlay{testing::overlay("old", 5000, {"10.0.2.1/24"})}});
  fabric_.end_daemon(*a_);
  // What a daemon leaves that dies before it held anything.
  ASSERT_TRUE(os::write_file(a_->run_dir + "/overlay/half", ""));
  fabric_.begin_daemon(*a_);
  auto changes = everything();
  changes.push_back(PutOverlay{testing::overlay("new", 5000, {"10.0.3.1/24"})});
  replace(*a_, std::move(changes));
  EXPECT_THAT(list_held(a_->run_dir + "/overlay"), UnorderedElementsAre(kNet, "new"));
}

TEST_F(OverlaysRepairTest, AContainerThatDiedIsForgotten) {
  Fabric::remove_container(near_);
  servers_.clear();  // The last that holds its namespace.
  in_namespace(a_->space, [&] {});
  fabric_.in_network(*a_, kNet, [] {  // The kernel takes its time; its end is awaited.
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    while (find_link(*route, "c0a00010b")) std::this_thread::yield();
  });
  EXPECT_THAT(check(*a_).descriptions, Contains(HasSubstr("remove neighbour 10.0.1.11 on br0")));
  const auto next = connect(*a_, "next", "10.0.1.11/24");
  const Server server(next.netns_path, Server::Kind::Tcp, 80, "next");
  EXPECT_EQ(Client::tcp(client_.netns_path, "10.0.1.11", 80).ask(), "next 10.0.1.9");
}

TEST_F(OverlaysRepairTest, MendsRulesThatWereFlushed) {
  EXPECT_THAT(mend([] {
                auto table = NftTable::open(kOverlayTable);
                const std::vector<RuleChange> flush{SetRules{kWebChain, {}, true}};
                ASSERT_TRUE(table->apply(flush, overlay_maps()));
              }),
              ElementsAre(HasSubstr("network net1: set rules of " + kWebChain)));
}

TEST_F(OverlaysRepairTest, MendsRulesThatWereReplaced) {
  EXPECT_THAT(mend([] {
                auto table = NftTable::open(kOverlayTable);
                const Rule other{{}, Balance{{{ip("10.0.1.11"), 0}}}};
                const std::vector<RuleChange> change{SetRules{kWebChain, {other}, true}};
                ASSERT_TRUE(table->apply(change, overlay_maps()));
              }),
              ElementsAre(HasSubstr("set rules of " + kWebChain)));
}

TEST_F(OverlaysRepairTest, MendsATableThatWasRemoved) {
  const auto found = mend([] {
    auto table = NftTable::open(kOverlayTable);
    ASSERT_TRUE(table->remove());
  });
  EXPECT_THAT(found, AllOf(Contains(HasSubstr("add chain to_backends")),
                           Contains(HasSubstr("/services { 10.0.1.5"))));
}

TEST_F(OverlaysRepairTest, TheHostDoesNotTrackVxlanAndThatIsMendedToo) {
  const auto untracks = [&] {
    const auto rules = network::plan_tunnel_rules(4789);
    bool same = false;
    in_namespace(a_->space, [&] { same = NftTable::open(kTunnelTable)->read(rules) == rules; });
    return same;
  };
  EXPECT_TRUE(untracks());
  in_namespace(a_->space, [] {
    const auto tracking = plan_frame({.name = "shoal0", .subnet = *Subnet::parse("10.5.0.1/24")});
    ASSERT_TRUE(NftTable::open("shoal_node")->replace(tracking.rules));
    ASSERT_TRUE(NftTable::open(kTunnelTable)->remove());
  });
  EXPECT_FALSE(untracks());
  EXPECT_THAT(check(*a_).descriptions, Contains(HasSubstr("host: set rules of tunnel_in")));
  EXPECT_TRUE(untracks());
  EXPECT_EQ(check(*a_).differences, 0u);
  expect_all_works();
  in_namespace(a_->space, [] {
    auto flows = Flows::open();
    size_t tunnelled = 0;
    const auto count = [&](const network::Flow& flow) {
      tunnelled += flow.protocol == PortProtocol::Udp;
      return false;
    };
    ASSERT_TRUE(flows->end_if(count));
    EXPECT_EQ(tunnelled, 0u);
  });
}

TEST_F(OverlaysRepairTest, MendsAShardThatWasRemoved) {
  const auto found = mend([] {
    auto shard = NftTable::open(table_of(kOverlayTable, kWebChain));
    ASSERT_TRUE(shard->remove());
  });
  EXPECT_THAT(found, AllOf(Contains(HasSubstr("add chain " + kWebChain)),
                           Not(Contains(HasSubstr("add chain to_self")))));
}

// What was noted of datagrams went with the table, the flows did not.
TEST_F(OverlaysRepairTest, ARemovedTablePinsNoDatagrams) {
  auto datagrams = Client::udp(client_.netns_path, kWeb, 80);
  const bool near = datagrams.ask() == "near 10.0.1.9";
  mend([] {
    auto table = NftTable::open(kOverlayTable);
    ASSERT_TRUE(table->remove());
  });
  fabric_.apply(*a_, {everything({near ? "10.0.1.21" : "10.0.1.11"}).back()});
  EXPECT_EQ(datagrams.ask(), near ? "far 10.0.1.9" : "near 10.0.1.9");
}

// All in one table, and nothing noted of datagrams.
Ruleset rules_before_shards() {
  auto rules = plan_overlay_frame(testing::overlay(kNet, 4097, {"10.0.1.1/24"}), 1450, {0}).rules;
  std::erase_if(rules.maps, [](const auto& map) { return map.second.noted; });
  std::erase_if(rules.chains.at("to_self").rules,
                [](const Rule& rule) { return std::holds_alternative<NoteAsked>(rule.action); });
  rules.chains["service_10_0_1_5"].rules =
      balance_rules({}, {{ip("10.0.1.11"), 0}, {ip("10.0.1.21"), 0}});
  rules.elements["services"][ip(kWeb)] = GoToChain{"service_10_0_1_5"};
  for (const auto* address : {"10.0.1.9", "10.0.1.11"}) {
    rules.elements["self"][AddressPair{ip(address), ip(address)}] = std::monostate{};
  }
  return rules;
}

TEST_F(OverlaysRepairTest, TakesOverWhatADaemonMadeThatKnewNoShards) {
  auto stream = Client::tcp(client_.netns_path, kWeb, 80);
  auto datagrams = Client::udp(client_.netns_path, kWeb, 80);
  const bool near = datagrams.ask() == "near 10.0.1.9";
  const auto answer = stream.ask();
  fabric_.end_daemon(*a_);
  fabric_.in_network(*a_, kNet, [] {
    auto table = NftTable::open(kOverlayTable);
    const auto replaced = table->replace(rules_before_shards());
    ASSERT_TRUE(replaced) << replaced.error().message;
  });
  expect_all_works();
  fabric_.begin_daemon(*a_);
  replace(*a_, everything());
  expect_all_works();
  EXPECT_EQ(check(*a_).differences, 0u);
  fabric_.in_network(*a_, kNet, [] {
    const auto found = NftTable::open(kOverlayTable)->read();
    EXPECT_FALSE(found->chains.contains("service_10_0_1_5"));
    EXPECT_THAT(found->elements.at("services"), IsEmpty());
  });
  fabric_.apply(*a_, {everything({near ? "10.0.1.21" : "10.0.1.11"}).back()});
  EXPECT_EQ(datagrams.ask(), near ? "far 10.0.1.9" : "near 10.0.1.9");
  EXPECT_EQ(stream.ask(), answer);
}

TEST_F(OverlaysRepairTest, AChangeThatMeetsARemovedTableMendsIt) {
  fabric_.in_network(*a_, kNet, [] {
    auto table = NftTable::open(kOverlayTable);
    ASSERT_TRUE(table->remove());
  });
  OverlayService web{"web", {ip(kWeb)}, {ip("10.0.1.21"), ip("10.0.1.11")}};
  fabric_.apply(*a_, {PutOverlayService{kNet, web}});
  expect_all_works();
}

TEST_F(OverlaysRepairTest, MendsEntriesThatWereRemoved) {
  const auto found = mend([] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    const int tunnel = index_of(*route, "vx0");
    Messages messages;
    change_forwarding(messages, false, kFarMac, tunnel);
    change_tunnel(messages, false, kFarMac, ip("10.98.0.2"), tunnel);
    change_neighbour(messages, false, ip("10.0.1.21"), kFarMac, tunnel);
    change_address(messages, false, index_of(*route, "br0"), {ip(kWeb), 32});
    const auto removed = route->send(std::move(messages));
    ASSERT_TRUE(removed) << removed.error().message;
  });
  EXPECT_THAT(found, ElementsAre(HasSubstr("add address 10.0.1.5/32"),
                                 HasSubstr("set forward 02:42:0a:00:01:15 to vx0"),
                                 HasSubstr("set tunnel 02:42:0a:00:01:15 to 10.98.0.2"),
                                 HasSubstr("set neighbour 10.0.1.21 on vx0")));
}

TEST_F(OverlaysRepairTest, RemovesEntriesOfNobody) {
  const auto found = mend([] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    const auto mac = MacAddress::of(ip("10.0.1.99"));
    Messages messages;
    change_forwarding(messages, true, mac, index_of(*route, "vx0"));
    change_tunnel(messages, true, mac, ip("10.98.0.9"), index_of(*route, "vx0"));
    change_neighbour(messages, true, ip("10.0.1.99"), mac, index_of(*route, "br0"));
    ASSERT_TRUE(route->send(std::move(messages)));
  });
  EXPECT_THAT(found, ElementsAre(HasSubstr("remove forward 02:42:0a:00:01:63"),
                                 HasSubstr("remove tunnel 02:42:0a:00:01:63"),
                                 HasSubstr("remove neighbour 10.0.1.99 on br0")));
}

TEST_F(OverlaysRepairTest, MendsLinksThatWereSetDownOrTakenOffTheBridge) {
  const auto found = mend([] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    Messages messages;
    messages.add(RTM_NEWLINK, NLM_F_ACK,
                 ifinfomsg{.ifi_index = index_of(*route, "vx0"), .ifi_change = IFF_UP});
    auto* off =
        messages.add(RTM_NEWLINK, NLM_F_ACK, ifinfomsg{.ifi_index = index_of(*route, "c0a00010b")});
    mnl_attr_put_u32(off, IFLA_MASTER, 0);
    ASSERT_TRUE(route->send(std::move(messages)));
  });
  EXPECT_THAT(found, AllOf(Contains(HasSubstr("set port vx0 mtu 1450")),
                           Contains(HasSubstr("set port c0a00010b mtu 1450 hairpin"))));
}

TEST_F(OverlaysRepairTest, MendsLinksThatWereRemoved) {
  const auto found = mend([] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    ASSERT_TRUE(remove_link(*route, "vx0"));
    ASSERT_TRUE(remove_link(*route, "br0"));
  });
  EXPECT_THAT(found, AllOf(Contains(HasSubstr("add bridge")), Contains(HasSubstr("add VXLAN"))));
}

TEST_F(OverlaysRepairTest, MendsTheHostsOwnLink) {
  const std::vector<Subnet> addresses{*Subnet::parse("10.0.1.2/24")};
  ASSERT_TRUE(fabric_.control.run(a_->overlays->set_gateway(kNet, addresses)));
  EXPECT_EQ(check(*a_).differences, 0u);
  in_namespace(a_->space, [] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    ASSERT_TRUE(remove_link(*route, "shg0"));
  });
  EXPECT_THAT(check(*a_).descriptions, Contains("add link shg0"));
  EXPECT_EQ(Client::tcp(a_->space, "10.0.1.11", 80).ask(), "near 10.0.1.2");
  in_namespace(a_->space,
               [] { ASSERT_TRUE(write_sysctl("net/ipv4/conf/shg0/route_localnet", "0")); });
  EXPECT_THAT(check(*a_).descriptions, ElementsAre(HasSubstr("route_localnet to 1")));
  EXPECT_EQ(check(*a_).differences, 0u);

  fabric_.end_daemon(*a_);
  fabric_.begin_daemon(*a_);
  replace(*a_, everything());
  int index = 0;
  const auto look = [&] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    index = index_of(*route, "shg0");
  };
  in_namespace(a_->space, look);
  const int before = index;
  ASSERT_TRUE(fabric_.control.run(a_->overlays->set_gateway(kNet, addresses)));
  in_namespace(a_->space, look);
  EXPECT_EQ(index, before);  // The same link.
  fabric_.apply(*a_, {DropOverlay{kNet}});
  EXPECT_EQ(a_->overlays->gateway_link(), "");
}

TEST_F(OverlaysRepairTest, AnotherMtuOfTheHostsLinkIsTakenUp) {
  in_namespace(a_->space, [] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    Messages messages;
    auto* message = messages.add(RTM_NEWLINK, NLM_F_ACK, ifinfomsg{});
    mnl_attr_put_strz(message, IFLA_IFNAME, "eth0");
    mnl_attr_put_u32(message, IFLA_MTU, 1400);
    ASSERT_TRUE(route->send(std::move(messages)));
  });
  EXPECT_GT(check(*a_).differences, 0u);
  fabric_.in_network(*a_, kNet, [] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    EXPECT_EQ(find_link(*route, "vx0")->mtu, 1350);
    EXPECT_EQ(find_link(*route, "c0a00010b")->mtu, 1350);
  });
  EXPECT_EQ(check(*a_).differences, 0u);
}

TEST_F(OverlaysRepairTest, AnotherPortMovesTheVxlanLinks) {
  for (const auto& machine : fabric_.machines) {
    ASSERT_TRUE(fabric_.control.run(machine->overlays->set_host(machine->address, 4790)));
  }
  fabric_.in_network(*a_, kNet, [] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    EXPECT_EQ(find_link(*route, "vx0")->tunnel_port, 4790);
  });
  expect_all_works();
}

// ---- A host that is not as it should be.

TEST_F(OverlaysRepairTest, APortInUseIsSaidSoAndTriedAgain) {
  os::Fd taken;
  in_namespace(a_->space, [&] {
    taken = os::Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto any = SocketAddress::of(IpAddress{}, 4791);
    ASSERT_EQ(::bind(taken.get(), any.get(), any.size()), 0);
  });
  const auto moved = fabric_.control.run(a_->overlays->set_host(a_->address, 4791));
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().code, ErrorCode::Conflict);
  EXPECT_THAT(moved.error().message,
              HasSubstr("network net1: UDP port 4791 is in use by another program on this host"));
  taken.reset();
  ASSERT_TRUE(fabric_.control.run(b_->overlays->set_host(b_->address, 4791)));
  ASSERT_TRUE(fabric_.try_apply(*a_, {}));  // Nothing new, but what failed.
  expect_all_works();
}

TEST_F(OverlaysRepairTest, AnIdentifierInUseNamesTheNetworkAndTheOthersAreMade) {
  in_namespace(a_->space, [&] {  // Another program's VXLAN link.
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    const auto own = current_namespace();
    ASSERT_TRUE(add_tunnel(*route, {5001, a_->address, 4789, 1450, {}}, own->get()));
  });
  const auto put =
      fabric_.try_apply(*a_, {PutOverlay{testing::overlay("taken", 5001, {"10.0.3.1/24"})},
                              PutOverlay{testing::overlay("free", 5002, {"10.0.4.1/24"})}});
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::Conflict);
  EXPECT_EQ(put.error().message,
            "network taken: VXLAN network identifier 5001 at UDP port 4789 is in use by another "
            "program on this host");
  const auto other = fabric_.add_container(*a_, "other");
  EXPECT_TRUE(fabric_.connect(other, "free", {"10.0.4.11/24"}));
  EXPECT_EQ(fabric_.connect(other, "taken", {"10.0.3.11/24"}).error().code, ErrorCode::Conflict);
  in_namespace(a_->space, [] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    ASSERT_TRUE(remove_link(*route, "vx0"));
  });
  EXPECT_TRUE(fabric_.try_apply(*a_, {}));
}

// As after a daemon that was killed before any container ran.
TEST_F(OverlaysRepairTest, WhatTheKernelStillTakesAwayIsOutlasted) {
  fabric_.end_daemon(*a_);
  in_namespace(a_->space, [&] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    const auto own = current_namespace();
    ASSERT_TRUE(add_tunnel(*route, {5001, a_->address, 4789, 1450, {}}, own->get()));
  });
  fabric_.begin_daemon(*a_);
  std::jthread kernel([&] {
    const auto path = a_->run_dir + "/overlay/late";
    while (!holds_namespace(path)) std::this_thread::yield();
    in_namespace(a_->space, [] {
      auto route = NetlinkSocket::open(NETLINK_ROUTE);
      ASSERT_TRUE(remove_link(*route, "vx0"));
    });
  });
  EXPECT_TRUE(
      fabric_.try_apply(*a_, {PutOverlay{testing::overlay("late", 5001, {"10.0.3.1/24"})}}));
}

// Hides what the kernel has below /proc/sys, except for what a kernel without br_netfilter has.
class WithoutBridgeFilter {
 public:
  explicit WithoutBridgeFilter(const std::string& folder) {
    const auto plan = plan_overlay_frame(testing::overlay("", 1, {"10.0.2.1/24"}), 1450, {0});
    for (const auto& [path, value] : plan.sysctls) {
      if (path.starts_with("net/bridge/")) continue;
      const auto file = folder + "/" + path;
      EXPECT_TRUE(os::make_folders(file.substr(0, file.rfind('/'))));
      EXPECT_TRUE(os::write_file(file, ""));
    }
    EXPECT_EQ(::mount(folder.c_str(), "/proc/sys", nullptr, MS_BIND, nullptr), 0);
  }
  ~WithoutBridgeFilter() { ::umount("/proc/sys"); }
};

TEST_F(OverlaysRepairTest, WithoutBridgeFilterAServiceHasNoVirtualAddressAndSaysWhy) {
  const OverlayService web{"web", {ip("10.0.2.5")}, {}};
  {
    const WithoutBridgeFilter hidden(host_.folder() + "/sys");
    fabric_.apply(*a_, {PutOverlay{testing::overlay("plain", 5000, {"10.0.2.1/24"})}});
    const auto put = fabric_.try_apply(*a_, {PutOverlayService{"plain", web}});
    ASSERT_FALSE(put);
    EXPECT_EQ(put.error().code, ErrorCode::FailedPrecondition);
    EXPECT_EQ(put.error().message,
              "network plain: services cannot have virtual addresses on this host: the kernel "
              "module br_netfilter is not loaded (modprobe br_netfilter)");
  }
  EXPECT_TRUE(fabric_.try_apply(*a_, {}));
}

TEST_F(OverlaysRepairTest, RefusesWhatMakesNoSense) {
  const auto code = [&](OverlayChange change) {
    const std::vector<OverlayChange> changes{std::move(change)};
    const auto applied = fabric_.try_apply(*a_, changes);
    return applied ? std::optional<ErrorCode>() : applied.error().code;
  };
  EXPECT_EQ(code(PutOverlay{testing::overlay("../up", 5000, {"10.0.2.1/24"})}),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code(PutOverlay{testing::overlay("n", 0, {"10.0.2.1/24"})}),
            ErrorCode::InvalidArgument);
  EXPECT_EQ(code(PutPeer{"nowhere", {ip("10.0.1.30"), b_->address, {}}}), ErrorCode::NotFound);
  EXPECT_EQ(code(DropPeer{"nowhere", ip("10.0.1.30")}), std::nullopt);
  EXPECT_EQ(code(DropOverlay{"nowhere"}), std::nullopt);
  const auto elsewhere = fabric_.control.run(a_->overlays->set_host(ip("203.0.113.1"), 4789));
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().message, "no link of this host has the address 203.0.113.1");
  EXPECT_FALSE(fabric_.control.run(a_->overlays->set_host(a_->address, 0)));
  expect_all_works();
}

}  // namespace
}  // namespace shoal::netdriver

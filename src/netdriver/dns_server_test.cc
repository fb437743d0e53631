#include "netdriver/dns_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

#include "netdriver/dns_testing.h"
#include "netdriver/nft_table.h"
#include "netdriver/socket_address.h"
#include "netdriver/testing.h"
#include "network/dns_rules.h"

namespace shoal::netdriver {
namespace {

using model::NetworkId;
using model::ResolutionMode;
using model::ServiceId;
using model::TaskId;
using network::DnsRcode;
using network::IpAddress;
using network::kDnsTypeA;
using network::kDnsTypeAaaa;
using testing::addresses_in;
using testing::dns_query;
using testing::DnsPeer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kHostAddress;
using testing::kOutsideAddress;
using testing::NameServer;
using ::testing::SizeIs;
using ::testing::StartsWith;

const auto kNet = NetworkId::of("n1");
const auto kWeb = ServiceId::of("s1");
const auto kMany = ServiceId::of("s2");
const auto kElsewhere = IpAddress::v4(203, 0, 113, 7);

std::vector<network::DnsUpstream> at(std::vector<uint16_t> ports) {
  std::vector<network::DnsUpstream> servers;
  for (const auto port : ports) servers.push_back({*IpAddress::parse(kOutsideAddress), port});
  return servers;
}

// A host with two containers, "a" and "b", on the node's bridge, and the responders' names.
class DnsServersTest : public ::testing::Test {
 protected:
  DnsServersTest() : control_(host_) {
    EXPECT_TRUE(control_.run(control_.network.start({})));
    connect("a");
    connect("b");
    on_loop([this] {
      table_.put_network(kNet, "front");
      table_.put_service(kNet, kWeb,
                         {"web", {}, ResolutionMode::Vip, {IpAddress::v4(10, 0, 1, 2)}});
      table_.put_service(kNet, kMany, {"many", {}, ResolutionMode::Dnsrr, {}});
      put_task("w1", 11);
    });
    begin();
  }
  ~DnsServersTest() override { end(); }

  void begin() {
    on_loop([this] {
      servers_ =
          std::make_unique<DnsServers>(control_.loop, control_.log, control_.rng, table_, options_);
    });
  }
  void end() {
    on_loop([this] { servers_.reset(); });
  }

  void on_loop(const std::function<void()>& work) {
    std::promise<void> done;
    control_.loop.post([&] {
      work();
      done.set_value();
    });
    done.get_future().get();
  }
  void connect(const std::string& id) {
    auto endpoint = control_.run(control_.network.connect({.container_id = id}));
    ASSERT_TRUE(endpoint) << endpoint.error().message;
    paths_[id] = endpoint->netns_path;
    addresses_[id] = endpoint->address.address;
  }
  // On the loop.
  void put_task(const std::string& id, uint8_t number) {
    table_.put_endpoint(kNet, TaskId::of(id),
                        {kWeb, {"web.1." + id}, {IpAddress::v4(10, 0, 1, number)}, true});
  }

  DnsClient client(const std::string& id, std::vector<network::DnsUpstream> upstreams = {}) {
    return {.container_id = id,
            .netns_path = paths_[id],
            .names = {{kNet}, {}},
            .upstreams = std::move(upstreams)};
  }
  void serve(const std::string& id, std::vector<network::DnsUpstream> upstreams = {}) {
    serve(client(id, std::move(upstreams)));
  }
  void serve(const DnsClient& one) {
    const auto served = control_.run(servers_->serve(one));
    ASSERT_TRUE(served) << served.error().message;
  }
  void stop(const std::string& id) {
    on_loop([&] { servers_->stop(id); });
  }

  // Those that its rule leads to.
  network::DnsPorts ports(const std::string& id) {
    network::DnsPorts found;
    testing::in_namespace(paths_[id], [&] {
      auto table = NftTable::open(network::kDnsTable).value();
      found = network::ports_in_dns_rules(table.read().value());
    });
    return found;
  }

  DnsPeer udp(const std::string& id) { return {paths_[id], false}; }
  DnsPeer tcp(const std::string& id) { return {paths_[id], true}; }
  std::string ask(const std::string& id, const std::string& name, uint16_t type = kDnsTypeA) {
    return udp(id).ask(dns_query(name, type));
  }
  std::string run(const std::string& id, const std::string& command,
                  const std::string& options = "ndots:0") {
    return testing::run_with_resolv_conf(
        paths_[id], host_.folder(), "nameserver 127.0.0.11\noptions " + options + "\n", command);
  }

  testing::Host host_;
  testing::Control control_;
  network::NameTable table_;  // The loop's.
  DnsOptions options_{.upstream_timeout = 2s};
  std::unique_ptr<DnsServers> servers_;
  std::map<std::string, std::string> paths_;
  std::map<std::string, IpAddress> addresses_;
};

TEST_F(DnsServersTest, AProgramFindsNames) {
  serve("a");
  EXPECT_THAT(run("a", "getent ahostsv4 web"), StartsWith("10.0.1.2 "));
  EXPECT_THAT(run("a", "getent ahosts web"), StartsWith("10.0.1.2 "));  // Both families at once.
  EXPECT_THAT(run("a", "getent ahostsv4 tasks.web"), StartsWith("10.0.1.11 "));
  EXPECT_THAT(run("a", "getent ahostsv4 web.1.w1.front"), StartsWith("10.0.1.11 "));
  EXPECT_THAT(run("a", "getent hosts 10.0.1.11"), HasSubstr(" web.1.w1.front"));
  EXPECT_EQ(run("a", "getent ahostsv6 tasks.nobody"), "");
}

TEST_F(DnsServersTest, AProgramFindsNamesOverTcp) {
  serve("a");
  EXPECT_THAT(run("a", "getent ahostsv4 web", "use-vc"), StartsWith("10.0.1.2 "));
}

TEST_F(DnsServersTest, WhatIsTooLongForUdpComesOverTcp) {
  on_loop([this] {
    for (size_t i = 0; i < 200; ++i) {
      table_.put_endpoint(kNet, TaskId::of(fmt::format("m{}", i)),
                          {kMany, {}, {IpAddress::v4(10, 2, 0, 1).plus(i)}, true});
    }
  });
  serve("a");
  EXPECT_EQ(run("a", "getent ahostsv4 many | grep -c STREAM"), "200\n");
  EXPECT_EQ(ask("a", "many")[2] & 2, 2);  // Over UDP it says that it was cut.
}

TEST_F(DnsServersTest, AChangeCountsWithTheNextQuestion) {
  serve("a");
  const auto peer = udp("a");
  for (uint8_t i = 20; i < 120; ++i) {
    on_loop([&] { put_task("w1", i); });
    EXPECT_THAT(addresses_in(peer.ask(dns_query("tasks.web", kDnsTypeA))),
                ElementsAre(fmt::format("10.0.1.{}", i)));
  }
}

TEST_F(DnsServersTest, UnknownNamesAreAskedOutsideOverTheSameTransport) {
  const NameServer outside(host_.outside(), 53, NameServer::address(kElsewhere));
  serve("a", at({53}));
  const auto query = dns_query("example.com", kDnsTypeA);
  for (const auto& answer : {udp("a").ask(query), tcp("a").ask(query)}) {
    EXPECT_THAT(addresses_in(answer), ElementsAre("203.0.113.7"));
    EXPECT_EQ(network::dns_id(answer), 0x1234);
  }
  ask("a", "web");
  ask("a", "web", kDnsTypeAaaa);
  const auto seen = outside.seen();
  ASSERT_THAT(seen, SizeIs(2));  // What is known here does not go out.
  EXPECT_FALSE(seen[0].tcp);
  EXPECT_TRUE(seen[1].tcp);
  for (const auto& one : seen) EXPECT_EQ(one.client, kHostAddress);
  EXPECT_FALSE(seen[0].id == 0x1234 && seen[1].id == 0x1234);
  EXPECT_THAT(run("a", "getent ahostsv4 example.com"), StartsWith("203.0.113.7 "));
}

TEST_F(DnsServersTest, ADeadServerIsPassedOverAndNotWaitedForAgain) {
  const NameServer silent(host_.outside(), 53, NameServer::silence());
  const NameServer alive(host_.outside(), 54, NameServer::address(kElsewhere));
  serve("a", at({53, 54}));
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(addresses_in(ask("a", "example.com")), ElementsAre("203.0.113.7"));
  }
  EXPECT_THAT(silent.seen(), SizeIs(1));
  EXPECT_THAT(alive.seen(), SizeIs(5));
}

TEST_F(DnsServersTest, AServerThatIsNotThereIsPassedOver) {
  const NameServer alive(host_.outside(), 54, NameServer::address(kElsewhere));
  auto servers = at({53, 54});
  servers.insert(servers.begin(), {IpAddress::v4(198, 51, 100, 1)});  // No way there.
  serve("a", servers);
  for (const auto& peer : {udp("a"), tcp("a")}) {
    EXPECT_THAT(addresses_in(peer.ask(dns_query("example.com", kDnsTypeA))),
                ElementsAre("203.0.113.7"));
  }
}

TEST_F(DnsServersTest, AServerThatFailsIsPassedOver) {
  const NameServer failing(host_.outside(), 53, NameServer::rcode(DnsRcode::ServerFailure));
  const NameServer refusing(host_.outside(), 54, NameServer::rcode(DnsRcode::Refused));
  const NameServer denying(host_.outside(), 55, NameServer::rcode(DnsRcode::NoSuchName));
  serve("a", at({53, 54, 55}));
  EXPECT_EQ(network::dns_rcode(ask("a", "example.com")), DnsRcode::NoSuchName);
  serve("a", at({53, 54}));
  EXPECT_EQ(network::dns_rcode(ask("a", "example.com")), DnsRcode::Refused);
}

TEST_F(DnsServersTest, WithoutAnAnswerTheQuestionFails) {
  serve("a", at({53, 54}));  // Nobody listens there.
  const auto query = dns_query("example.com", kDnsTypeA);
  for (const auto& peer : {udp("a"), tcp("a")}) {
    EXPECT_EQ(network::dns_rcode(peer.ask(query)), DnsRcode::ServerFailure);
  }
  serve("b");
  EXPECT_EQ(network::dns_rcode(ask("b", "example.com")), DnsRcode::ServerFailure);
  EXPECT_EQ(run("b", "getent ahostsv4 example.com"), "");
}

TEST_F(DnsServersTest, FalseAnswersDoNotCount) {
  const auto truth = NameServer::address(kElsewhere);
  const auto lie = NameServer::address(IpAddress::v4(6, 6, 6, 6));
  const NameServer outside(host_.outside(), 53, [&](const std::string& query) {
    auto other_id = lie(query)[0];
    network::set_dns_id(other_id, uint16_t(network::dns_id(query) + 1));
    const auto other_question = lie(dns_query("example.org", kDnsTypeA, network::dns_id(query)))[0];
    return std::vector{other_id, other_question, query, std::string("x"), truth(query)[0]};
  });
  serve("a", at({53}));
  EXPECT_THAT(addresses_in(ask("a", "example.com")), ElementsAre("203.0.113.7"));
  EXPECT_EQ(network::dns_rcode(tcp("a").ask(dns_query("example.com", kDnsTypeA))),
            DnsRcode::ServerFailure);  // On a connection the first message is the answer.
}

TEST_F(DnsServersTest, AnInternalNetworkHasNoWayOut) {
  const NameServer outside(host_.outside(), 53, NameServer::address(kElsewhere));
  auto one = client("a", at({53}));
  one.internal_only = true;
  serve(one);
  EXPECT_EQ(network::dns_rcode(ask("a", "example.com")), DnsRcode::ServerFailure);
  EXPECT_THAT(addresses_in(ask("a", "web")), ElementsAre("10.0.1.2"));
  EXPECT_THAT(outside.seen(), IsEmpty());
}

TEST_F(DnsServersTest, TheUsersServersAreAskedFromInside) {
  const NameServer inside(paths_["b"], 53, NameServer::address(kElsewhere));
  auto one = client("a", {{.address = addresses_["b"], .inside = true}});
  one.internal_only = true;
  serve(one);
  const auto query = dns_query("example.com", kDnsTypeA);
  for (const auto& peer : {udp("a"), tcp("a")}) {
    EXPECT_THAT(addresses_in(peer.ask(query)), ElementsAre("203.0.113.7"));
  }
  for (const auto& seen : inside.seen()) EXPECT_EQ(seen.client, addresses_["a"].str());
}

TEST_F(DnsServersTest, QuestionsThatAreOutHaveABound) {
  options_.upstream_timeout = 60s;  // None of them comes back before its end.
  end();
  begin();
  const NameServer silent(host_.outside(), 53, NameServer::silence());
  serve("a", at({53}));
  const auto peer = udp("a");
  for (size_t i = 0; i < kDnsForwardsPerContainer; ++i) {
    peer.send_query(dns_query("example.com", kDnsTypeA, uint16_t(i)));
    silent.await_seen(i + 1);
  }
  for (uint16_t i = 1000; i < 1050; ++i) {  // Beyond the bound: answered before any other.
    const auto failed = peer.ask(dns_query("example.com", kDnsTypeA, i));
    EXPECT_EQ(network::dns_rcode(failed), DnsRcode::ServerFailure);
    EXPECT_EQ(network::dns_id(failed), i);
  }
  EXPECT_THAT(silent.seen(), SizeIs(kDnsForwardsPerContainer));
  // Names that are known here are not affected.
  EXPECT_THAT(addresses_in(ask("a", "web")), ElementsAre("10.0.1.2"));
}

TEST_F(DnsServersTest, AFloodFromOneContainerLeavesTheOtherItsAnswers) {
  serve("a");
  serve("b");
  std::atomic<bool> enough = false;
  std::atomic<size_t> sent = 0;
  const auto flooding = udp("a");
  std::thread flood([&] {
    const auto query = dns_query("web", kDnsTypeA);
    for (; !enough; ++sent) flooding.send(query);
  });
  const auto peer = udp("b");
  const auto connection = tcp("b");
  for (int i = 0; i < 300; ++i) {
    const auto query = dns_query("web", kDnsTypeA, uint16_t(i));
    EXPECT_EQ(network::dns_id(peer.ask(query)), i);
    EXPECT_EQ(network::dns_id(connection.ask(query)), i);
  }
  enough = true;
  flood.join();
  EXPECT_GT(sent, 300u);
  // Its queue of datagrams may be full of its own.
  const auto answer = tcp("a").ask(dns_query("web", kDnsTypeA));
  EXPECT_THAT(addresses_in(answer), ElementsAre("10.0.1.2"));
}

TEST_F(DnsServersTest, DamagedQueriesLeaveItAlive) {
  serve("a");
  const auto peer = udp("a");
  const auto whole = dns_query("web", kDnsTypeA);
  for (const auto& packet :
       {std::string(), std::string("x"), std::string(9000, '\xc0'), whole.substr(0, 11)}) {
    peer.send(packet);  // Too short even for an answer, or it is itself one.
  }
  EXPECT_EQ(network::dns_rcode(peer.ask(whole.substr(0, 15))), DnsRcode::FormatError);
  EXPECT_THAT(addresses_in(peer.ask(whole)), ElementsAre("10.0.1.2"));

  EXPECT_EQ(tcp("a").ask("x"), "");  // The connection ends.
  const auto endless = tcp("a");
  endless.send("\xff\xff");
  EXPECT_EQ(endless.receive(), "");
  const auto half = tcp("a");
  half.send(std::string("\0\x20half", 6));
  ::shutdown(half.fd(), SHUT_WR);
  EXPECT_EQ(half.receive(), "");
  const auto odd = tcp("a");
  EXPECT_EQ(network::dns_rcode(odd.ask(whole.substr(0, 15))), DnsRcode::FormatError);
  EXPECT_THAT(addresses_in(odd.ask(whole)), ElementsAre("10.0.1.2"));
}

TEST_F(DnsServersTest, ConnectionsHaveABound) {
  serve("a");
  std::vector<DnsPeer> peers;
  const auto query = dns_query("web", kDnsTypeA);
  for (size_t i = 0; i < kDnsConnectionsPerContainer; ++i) {
    peers.push_back(tcp("a"));
    EXPECT_THAT(addresses_in(peers.back().ask(query)), ElementsAre("10.0.1.2"));
  }
  EXPECT_EQ(tcp("a").receive(), "");
  for (const auto& peer : peers) EXPECT_THAT(addresses_in(peer.ask(query)), SizeIs(1));
}

TEST_F(DnsServersTest, ASilentConnectionEnds) {
  options_.connection_timeout = 50ms;
  end();
  begin();
  serve("a");
  EXPECT_EQ(tcp("a").receive(), "");
}

TEST_F(DnsServersTest, AContainerMayHaveAServerOfItsOwnOnPort53) {
  serve("a");
  const NameServer own(paths_["a"], 53, NameServer::address(kElsewhere));
  const auto query = dns_query("web", kDnsTypeA);
  for (const bool over_tcp : {false, true}) {
    const DnsPeer to_own(paths_["a"], over_tcp, "127.0.0.1");
    EXPECT_THAT(addresses_in(to_own.ask(query)), ElementsAre("203.0.113.7"));
    const DnsPeer to_ours(paths_["a"], over_tcp);
    EXPECT_THAT(addresses_in(to_ours.ask(query)), ElementsAre("10.0.1.2"));
  }
}

TEST_F(DnsServersTest, TheNextDaemonTakesOver) {
  serve("a");
  const auto peer = udp("a");  // Keeps its socket.
  const auto query = dns_query("web", kDnsTypeA);
  EXPECT_THAT(addresses_in(peer.ask(query)), SizeIs(1));
  const auto before = ports("a");
  end();
  EXPECT_EQ(tcp("a").ask(query), "");  // Refused.
  begin();
  serve("a");
  EXPECT_THAT(addresses_in(peer.ask(query)), ElementsAre("10.0.1.2"));
  EXPECT_THAT(addresses_in(tcp("a").ask(query)), ElementsAre("10.0.1.2"));
  EXPECT_EQ(ports("a"), before);
}

TEST_F(DnsServersTest, TheNextDaemonTakesOtherPortsIfItMust) {
  serve("a");
  const auto before = ports("a");
  end();
  const auto take = [&](int type, uint16_t port) {  // Somebody in the container is faster.
    os::Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    const auto address = SocketAddress::of(network::kDnsAddress, port);
    EXPECT_EQ(::bind(fd.get(), address.get(), address.size()), 0);
    EXPECT_TRUE(type == SOCK_DGRAM || ::listen(fd.get(), 1) == 0);
    return fd;
  };
  os::Fd udp_taken;
  os::Fd tcp_taken;
  testing::in_namespace(paths_["a"], [&] {
    udp_taken = take(SOCK_DGRAM, before.udp);
    tcp_taken = take(SOCK_STREAM, before.tcp);
  });
  begin();
  serve("a");
  EXPECT_NE(ports("a").udp, before.udp);
  EXPECT_NE(ports("a").tcp, before.tcp);
  const auto query = dns_query("web", kDnsTypeA);
  EXPECT_THAT(addresses_in(udp("a").ask(query)), ElementsAre("10.0.1.2"));
  EXPECT_THAT(addresses_in(tcp("a").ask(query)), ElementsAre("10.0.1.2"));
}

TEST_F(DnsServersTest, ServedAgainItHasOtherNetworksAndTheSameSockets) {
  serve("a");
  const auto connection = tcp("a");
  const auto query = dns_query("web", kDnsTypeA);
  EXPECT_THAT(addresses_in(connection.ask(query)), SizeIs(1));
  auto other = client("a");
  other.names.networks.clear();
  serve(other);
  EXPECT_EQ(network::dns_rcode(connection.ask(query)), DnsRcode::ServerFailure);
}

TEST_F(DnsServersTest, StoppedItAnswersNoMore) {
  const NameServer silent(host_.outside(), 53, NameServer::silence());
  serve("a", at({53}));
  const auto waiting = tcp("a");
  waiting.send_query(dns_query("example.com", kDnsTypeA));
  silent.await_seen(1);
  stop("a");
  stop("a");
  stop("nobody");
  EXPECT_EQ(waiting.receive(), "");
  EXPECT_EQ(tcp("a").ask(dns_query("web", kDnsTypeA)), "");  // Refused.
  serve("a");
  EXPECT_THAT(addresses_in(ask("a", "web")), ElementsAre("10.0.1.2"));
}

TEST_F(DnsServersTest, ANewNamespaceUnderTheSamePathIsServedAnew) {
  serve("a");
  EXPECT_TRUE(control_.run(control_.network.disconnect("a")));
  connect("a");
  serve("a");
  EXPECT_THAT(addresses_in(ask("a", "web")), ElementsAre("10.0.1.2"));
}

TEST_F(DnsServersTest, WithoutANamespaceThereIsAnError) {
  auto nowhere = client("a");
  nowhere.netns_path = host_.folder() + "/nowhere";
  auto served = control_.run(servers_->serve(nowhere));
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().code, ErrorCode::NotFound);
  EXPECT_THAT(served.error().message, HasSubstr("/nowhere"));
  nowhere.netns_path = host_.folder();
  served = control_.run(servers_->serve(nowhere));
  EXPECT_EQ(served.error().message, host_.folder() + " is no network namespace");
}

// Serves and stops in one turn of the loop.
os::Co<std::pair<Result<void>, Result<void>>> serve_twice(DnsServers& servers, os::Loop& loop,
                                                          DnsClient client) {
  os::OneShot<Result<void>> first;
  const auto begin = [](DnsServers& s, DnsClient c, os::OneShot<Result<void>> done) -> os::Co<> {
    done.set(co_await s.serve(std::move(c)));
  };
  os::spawn(begin(servers, client, first));
  auto second = co_await servers.serve(client);
  auto earlier = co_await first;
  co_await loop.turn();
  co_return std::pair(std::move(earlier), std::move(second));
}

TEST_F(DnsServersTest, OfTwoCallsTheLaterCounts) {
  const auto [first, second] = control_.run(serve_twice(*servers_, control_.loop, client("a")));
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().code, ErrorCode::Cancelled);
  EXPECT_TRUE(second);
  EXPECT_THAT(addresses_in(ask("a", "web")), ElementsAre("10.0.1.2"));
}

}  // namespace
}  // namespace shoal::netdriver

// What a container may say of itself in its overlay network, shown with frames of its own making.
#include "netdriver/port_guards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <poll.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <thread>

#include "netdriver/links.h"
#include "netdriver/nft_batch.h"
#include "netdriver/overlay_testing.h"

namespace shoal::netdriver {
namespace {

using namespace network;
using testing::Client;
using testing::Container;
using testing::Fabric;
using ::testing::HasSubstr;
using testing::in_namespace;
using testing::ip;
using ::testing::IsEmpty;
using testing::Machine;
using testing::Server;
using ::testing::UnorderedElementsAre;

constexpr auto kNet = "net1";
using Bytes = std::vector<uint8_t>;

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}
Bytes bytes_of(const MacAddress& mac) {
  return {mac.bytes.begin(), mac.bytes.end()};
}
Bytes bytes_of(const std::string& address) {
  const auto parsed = ip(address);
  return {parsed.bytes().begin(), parsed.bytes().end()};
}
MacAddress mac_of(const std::string& address) {
  return MacAddress::of(ip(address));
}

// Ethernet, ending with the type.
Bytes ethernet(const MacAddress& to, const MacAddress& from, uint16_t type) {
  return bytes_of(to) + bytes_of(from) + Bytes{uint8_t(type >> 8), uint8_t(type)};
}
// An IPv4 packet of a protocol for experiments, without a payload; nobody looks at its checksum.
Bytes ipv4(const std::string& from, const std::string& to) {
  return Bytes{0x45, 0, 0, 20, 0, 0, 0, 0, 64, 253, 0, 0} + bytes_of(from) + bytes_of(to);
}
Bytes arp(uint8_t operation, const MacAddress& mac, const std::string& sender,
          const std::string& target) {
  return Bytes{0, 1, 8, 0, 6, 4, 0, operation} + bytes_of(mac) + bytes_of(sender) + Bytes(6) +
         bytes_of(target);
}
Bytes ipv6(const std::string& from, const std::string& to, uint8_t next, const Bytes& payload) {
  return Bytes{0x60, 0, 0, 0, 0, uint8_t(payload.size()), next, 255} + bytes_of(from) +
         bytes_of(to) + payload;
}
Bytes icmpv6(uint8_t type, const Bytes& rest) {
  return Bytes{type, 0, 0, 0} + rest;
}
Bytes advertisement(const std::string& target) {
  return icmpv6(ND_NEIGHBOR_ADVERT, Bytes{0x60, 0, 0, 0} + bytes_of(target));
}

// A table that is of the socket that makes it alone.
Messages owned_table(const char* name) {
  Messages messages;
  const auto edge = [&](uint16_t type) {
    messages.add(type, 0, nfgenmsg{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)});
  };
  edge(NFNL_MSG_BATCH_BEGIN);
  auto* table = messages.add(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK,
                             nfgenmsg{NFPROTO_NETDEV, NFNETLINK_V0, 0});
  mnl_attr_put_strz(table, NFTA_TABLE_NAME, name);
  mnl_attr_put_u32(table, NFTA_TABLE_FLAGS, htonl(NFT_TABLE_F_OWNER));
  edge(NFNL_MSG_BATCH_END);
  return messages;
}

// Sends and receives frames on eth0 of a namespace.
class RawLink {
 public:
  explicit RawLink(const std::string& netns_path) {
    in_namespace(netns_path, [this] {
      fd_ = os::Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)));
      sockaddr_ll link{.sll_family = AF_PACKET,
                       .sll_protocol = htons(ETH_P_ALL),
                       .sll_ifindex = int(::if_nametoindex("eth0"))};
      ASSERT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&link), sizeof link), 0);
    });
  }
  void send(const Bytes& frame) const {
    ASSERT_EQ(::send(fd_.get(), frame.data(), frame.size(), 0), ssize_t(frame.size()));
  }
  // What arrives until `last` does, if it is one of these.
  std::vector<Bytes> receive(const std::vector<Bytes>& of_these, const Bytes& last) const {
    std::vector<Bytes> got;
    pollfd ready{fd_.get(), POLLIN, 0};
    while (::poll(&ready, 1, Client::kAnswerMilliseconds) == 1) {
      Bytes frame(2000);
      frame.resize(size_t(std::max<ssize_t>(0, ::recv(fd_.get(), frame.data(), frame.size(), 0))));
      if (frame == last) return got;
      if (std::ranges::find(of_these, frame) != of_these.end()) got.push_back(frame);
    }
    ADD_FAILURE() << "the honest frame did not arrive";
    return got;
  }

 private:
  os::Fd fd_;
};

// Three containers of one machine, which listen to each other.
class PortGuardsTest : public ::testing::Test {
 protected:
  PortGuardsTest() {
    machine_ = &fabric_.add_machine();
    fabric_.apply({PutOverlay{testing::overlay(kNet, 4097, {"10.0.1.1/24", "fd00:1::1/64"})}});
    near_ = join("near", {"10.0.1.11/24", "fd00:1::11/64"});
    thief_ = join("thief", {"10.0.1.12/24", "fd00:1::12/64"});
    victim_ = join("victim", {"10.0.1.13/24", "fd00:1::13/64"});
  }

  Container join(const std::string& id, const std::vector<std::string>& addresses) {
    auto container = fabric_.add_container(*machine_, id);
    const auto endpoint = fabric_.connect(container, kNet, addresses);
    EXPECT_TRUE(endpoint) << endpoint.error().message;
    return container;
  }

  // Those of the thief's frames that reach its neighbour.
  std::vector<Bytes> heard(const std::vector<Bytes>& frames) {
    const RawLink from(thief_.netns_path), to(near_.netns_path);
    for (const auto& frame : frames) from.send(frame);
    const auto honest = ethernet(kNear, kThief, ETH_P_IP) + ipv4("10.0.1.12", "10.0.1.11");
    from.send(honest);
    return to.receive(frames, honest);
  }

  NetworkCheck check() {
    auto found = fabric_.control.run(machine_->overlays->check());
    EXPECT_EQ(found.failure, "");
    return found;
  }
  void remove_table(const std::string& port) {
    fabric_.in_network(*machine_, kNet, [&] {
      auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
      NftBatch batch(NFPROTO_NETDEV, "shoal_port_" + port);
      batch.remove_table();
      ASSERT_TRUE(socket->send(batch.finish()));
    });
  }
  // Puts these guards in the place of those that are there: those that were not as they should be.
  std::vector<std::string> sync(const std::vector<OverlayLocal>& locals) {
    std::vector<std::string> changed;
    fabric_.in_network(*machine_, kNet, [&] {
      auto guards = PortGuards::open();
      ASSERT_TRUE(guards);
      const auto done = guards->sync(locals);
      ASSERT_TRUE(done) << done.error().message;
      changed = *done;
    });
    return changed;
  }

  const MacAddress kNear = mac_of("10.0.1.11"), kThief = mac_of("10.0.1.12"),
                   kVictim = mac_of("10.0.1.13");
  const std::string kThiefLocal = "fe80::42:aff:fe00:10c";
  testing::Host host_;
  Fabric fabric_{host_};
  Machine* machine_ = nullptr;
  Container near_, thief_, victim_;
};

TEST_F(PortGuardsTest, WhoSpeaksAsItselfIsHeard) {
  const std::vector<Bytes> honest{
      ethernet(kNear, kThief, ETH_P_ARP) + arp(1, kThief, "10.0.1.12", "10.0.1.11"),
      ethernet(kNear, kThief, ETH_P_ARP) + arp(2, kThief, "10.0.1.12", "10.0.1.11"),
      ethernet(kNear, kThief, ETH_P_IPV6) + ipv6("fd00:1::12", "fd00:1::11", 253, {}),
      ethernet(kNear, kThief, ETH_P_IPV6) + ipv6(kThiefLocal, "fd00:1::11", 253, {}),
      ethernet(kNear, kThief, ETH_P_IPV6) +
          ipv6("fd00:1::12", "fd00:1::11", IPPROTO_ICMPV6, advertisement("fd00:1::12")),
      ethernet(kNear, kThief, ETH_P_IPV6) +
          ipv6("fd00:1::12", "fd00:1::11", IPPROTO_ICMPV6, advertisement(kThiefLocal)),
      ethernet(kNear, kThief, ETH_P_IPV6) +
          ipv6("fd00:1::12", "fd00:1::11", IPPROTO_ICMPV6, icmpv6(ICMP6_ECHO_REQUEST, Bytes(4))),
  };
  EXPECT_EQ(heard(honest), honest);
}

TEST_F(PortGuardsTest, WhoSpeaksAsAnotherIsNot) {
  const auto own_arp = arp(2, kThief, "10.0.1.12", "10.0.1.11");
  auto long_arp = own_arp;
  long_arp[4] = 7;  // The length of a MAC address, so that the addresses stand elsewhere.
  const auto to_near = [&](uint16_t type) { return ethernet(kNear, kThief, type); };
  EXPECT_THAT(heard({
                  ethernet(kNear, kVictim, ETH_P_IP) + ipv4("10.0.1.12", "10.0.1.11"),
                  ethernet(kNear, kVictim, ETH_P_ARP) + arp(2, kVictim, "10.0.1.13", "10.0.1.11"),
                  to_near(ETH_P_IP) + ipv4("10.0.1.13", "10.0.1.11"),
                  to_near(ETH_P_IP) + ipv4("0.0.0.0", "10.0.1.11"),
                  to_near(ETH_P_IP) + ipv4("192.0.2.1", "10.0.1.11"),
                  to_near(ETH_P_IP),  // No packet at all.
                  to_near(ETH_P_ARP) + arp(2, kThief, "10.0.1.13", "10.0.1.11"),
                  to_near(ETH_P_ARP) + arp(1, kThief, "10.0.1.13", "10.0.1.11"),
                  to_near(ETH_P_ARP) + arp(2, kVictim, "10.0.1.12", "10.0.1.11"),
                  to_near(ETH_P_ARP) + long_arp,
                  to_near(ETH_P_8021Q) + Bytes{0, 1, 8, 0} + ipv4("10.0.1.12", "10.0.1.11"),
                  to_near(ETH_P_LOOPBACK) + Bytes(46),
              }),
              IsEmpty());
}

TEST_F(PortGuardsTest, WhoSpeaksAsAnotherInIPv6IsNot) {
  const auto from_thief = [&](const std::string& source, uint8_t next, const Bytes& payload) {
    return ethernet(kNear, kThief, ETH_P_IPV6) + ipv6(source, "fd00:1::11", next, payload);
  };
  const Bytes no_option{IPPROTO_ICMPV6, 0, 1, 4, 0, 0, 0, 0};  // Destination options before it.
  EXPECT_THAT(
      heard({
          from_thief("fd00:1::13", 253, {}),
          from_thief("::", 253, {}),
          from_thief("fe80::42:aff:fe00:10d", 253, {}),
          from_thief("fd00:1::12", IPPROTO_ICMPV6, advertisement("fd00:1::13")),
          from_thief("fd00:1::12", IPPROTO_DSTOPTS, no_option + advertisement("fd00:1::13")),
          from_thief(kThiefLocal, IPPROTO_ICMPV6, icmpv6(ND_ROUTER_ADVERT, Bytes(12))),
          from_thief(kThiefLocal, IPPROTO_ICMPV6, icmpv6(ND_REDIRECT, Bytes(36))),
      }),
      IsEmpty());
}

TEST_F(PortGuardsTest, WithoutIPv6AddressesThereIsNoIPv6) {
  const auto plain = join("plain", {"10.0.1.14/24"});
  const auto mac = mac_of("10.0.1.14");
  const RawLink from(plain.netns_path), to(near_.netns_path);
  const auto forged =
      ethernet(kNear, mac, ETH_P_IPV6) + ipv6("fe80::42:aff:fe00:10e", "fd00:1::11", 253, {});
  const auto honest = ethernet(kNear, mac, ETH_P_IP) + ipv4("10.0.1.14", "10.0.1.11");
  from.send(forged);
  from.send(honest);
  EXPECT_THAT(to.receive({forged}, honest), IsEmpty());
}

TEST_F(PortGuardsTest, ASeizedAddressStaysWithItsOwner) {
  const Server victim(victim_.netns_path, Server::Kind::Tcp, 80, "victim");
  const Server thief(thief_.netns_path, Server::Kind::Tcp, 80, "thief");
  EXPECT_EQ(Client::tcp(near_.netns_path, "10.0.1.13", 80).ask(), "victim 10.0.1.11");
  heard(std::vector<Bytes>(
      100, ethernet(kNear, kThief, ETH_P_ARP) + arp(2, kThief, "10.0.1.13", "10.0.1.11")));
  EXPECT_EQ(Client::tcp(near_.netns_path, "10.0.1.13", 80).ask(), "victim 10.0.1.11");
}

TEST_F(PortGuardsTest, AGuardThatSomebodyRemovedIsMadeAgain) {
  const auto forged = ethernet(kNear, kThief, ETH_P_IP) + ipv4("10.0.1.13", "10.0.1.11");
  EXPECT_EQ(check().differences, 0u);
  remove_table("c0a00010c");
  EXPECT_EQ(heard({forged}), std::vector<Bytes>{forged});  // The guard it is that stops it.
  EXPECT_THAT(check().descriptions, ::testing::Contains(HasSubstr("set guard of link c0a00010c")));
  EXPECT_EQ(check().differences, 0u);
  EXPECT_THAT(heard({forged}), IsEmpty());
}

TEST_F(PortGuardsTest, GuardsThatAreNotAsTheyShouldBeAreFoundOut) {
  const auto local = [](const char* id, const char* v4, const char* v6) {
    return OverlayLocal{id, {*Subnet::parse(v4), *Subnet::parse(v6)}};
  };
  const auto near = local("near", "10.0.1.11/24", "fd00:1::11/64");
  const auto thief = local("thief", "10.0.1.12/24", "fd00:1::12/64");
  const auto victim = local("victim", "10.0.1.13/24", "fd00:1::13/64");
  EXPECT_THAT(sync({near, thief, victim}), IsEmpty());
  const auto moved = local("thief", "10.0.1.12/24", "fd00:1::99/64");
  EXPECT_THAT(sync({near, moved}), UnorderedElementsAre("c0a00010c", "c0a00010d"));
  EXPECT_THAT(sync({near, thief, victim}), UnorderedElementsAre("c0a00010c", "c0a00010d"));
  EXPECT_THAT(sync({near, thief, victim, OverlayLocal{"", victim.addresses}}), IsEmpty());
}

TEST_F(PortGuardsTest, AGuardGoesWithItsContainer) {
  ASSERT_TRUE(fabric_.control.run(machine_->overlays->disconnect("thief")));
  EXPECT_EQ(check().differences, 0u);
  Fabric::remove_container(near_);          // It takes its link along, and nobody says so.
  fabric_.in_network(*machine_, kNet, [] {  // The kernel takes its time; its end is awaited.
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    while (find_link(*route, "c0a00010b")) std::this_thread::yield();
  });
  EXPECT_THAT(check().descriptions, ::testing::Contains(HasSubstr("set guard of link c0a00010b")));
  const OverlayLocal victim{"victim",
                            {*Subnet::parse("10.0.1.13/24"), *Subnet::parse("fd00:1::13/64")}};
  EXPECT_THAT(sync({victim}), IsEmpty());
}

TEST_F(PortGuardsTest, ATableOfAnotherProgramIsAnErrorThatNamesTheLink) {
  fabric_.in_network(*machine_, kNet, [] {
    auto other = NetlinkSocket::open(NETLINK_NETFILTER);  // Owns it while it is open.
    ASSERT_TRUE(other->send(owned_table("shoal_port_c0a000199")));
    auto guards = PortGuards::open();
    const auto put = guards->put({"nobody", {*Subnet::parse("10.0.1.153/24")}});
    ASSERT_FALSE(put);
    EXPECT_THAT(put.error().message, HasSubstr("guard of link c0a000199"));
  });
}

}  // namespace
}  // namespace shoal::netdriver

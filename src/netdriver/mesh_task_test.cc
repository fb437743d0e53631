// Two nodes take in a published port and hand it to one task over an ingress network that is a
// plain bridge here; the nodes' own rules are nft's text.
#include "netdriver/mesh_task.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstdlib>

#include "netdriver/namespaces.h"
#include "netdriver/testing.h"

namespace shoal::netdriver {
namespace {

using network::IpAddress;
using network::Subnet;
using testing::Client;
using testing::in_namespace;
using testing::Server;

class MeshTaskTest : public ::testing::Test {
 protected:
  MeshTaskTest() {
    for (const char* name : {"client", "node1", "node2", "task", "lan", "mesh"}) {
      auto space = stock_.take();
      EXPECT_TRUE(space);
      EXPECT_TRUE(hold_namespace(space->fd, path(name)));
    }
    in("lan", "ip link add br0 type bridge && ip link set br0 up");
    in("mesh", "ip link add br0 type bridge && ip link set br0 up");
    link("client", "eth0", "lan", "10.98.0.100/24");
    for (const int node : {1, 2}) {
      const std::string name = fmt::format("node{}", node);
      link(name, "eth0", "lan", fmt::format("10.98.0.{}/24", node));
      link(name, "ing0", "mesh", fmt::format("10.0.0.{}/24", node + 1),
           fmt::format("02:42:0a:00:00:0{}", node + 1));
      in(name, "echo 1 > /proc/sys/net/ipv4/ip_forward");
      in(name,
         "nft 'add table ip t; add chain ip t pre { type nat hook prerouting priority dstnat; };"
         " add rule ip t pre iifname eth0 meta l4proto { tcp, udp } th dport 8081"
         " dnat to 10.0.0.21:80'");
    }
    link("task", "eth2", "mesh", "10.0.0.21/24", "02:42:0a:00:00:15");
    // The way out, by which no answer may go.
    in("task", "ip link add eth1 type veth peer name out netns " + path("node1"));
    in("task", "ip addr add 172.18.0.2/16 dev eth1 && ip link set eth1 up");
    in("node1", "ip addr add 172.18.0.1/16 dev out && ip link set out up");
    in("task", "ip route add default via 172.18.0.1");
    prepare();
  }
  ~MeshTaskTest() override {
    for (const char* name : {"client", "node1", "node2", "task", "lan", "mesh"}) {
      EXPECT_TRUE(release_namespace(path(name)));
    }
  }

  void prepare() {
    const auto prepared = prepare_mesh_task({.netns_path = path("task"),
                                             .link = "eth2",
                                             .ingress = *Subnet::parse("10.0.0.21/24"),
                                             .bridge = IpAddress::v4(172, 18, 0, 2)});
    ASSERT_TRUE(prepared) << prepared.error().message;
  }

  std::string path(const std::string& name) const { return host_.folder() + "/" + name; }
  void in(const std::string& name, const std::string& command) {
    const std::string whole = fmt::format("nsenter --net={} sh -c \"{}\"", path(name), command);
    EXPECT_EQ(std::system(whole.c_str()), 0) << whole;
  }
  void link(const std::string& name, const std::string& device, const std::string& bridge,
            const std::string& address, const std::string& mac = {}) {
    const std::string peer = name + device;
    in(name, fmt::format("ip link add {} {} type veth peer name {} netns {}", device,
                         mac.empty() ? "" : "address " + mac, peer, path(bridge)));
    in(bridge, fmt::format("ip link set {} master br0 up", peer));
    in(name, fmt::format("ip addr add {} dev {} && ip link set {} up", address, device, device));
  }

  // A socket of the client that is bound to `port` and asks a node's published port.
  std::string ask_from(uint16_t port, int type, const std::string& node, std::vector<int>& open) {
    std::string answer;
    in_namespace(path("client"), [&] {
      const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
      open.push_back(fd);
      const int yes = 1;
      ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
      const timeval patience{.tv_sec = 30, .tv_usec = 0};
      ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
      sockaddr_in own{.sin_family = AF_INET, .sin_port = htons(port)};
      ::inet_pton(AF_INET, "10.98.0.100", &own.sin_addr);
      ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&own), sizeof own), 0);
      sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(8081)};
      ::inet_pton(AF_INET, node.c_str(), &to.sin_addr);
      ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
      ASSERT_EQ(::send(fd, "?\n", 2, 0), 2);
      char buffer[100];
      const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
      if (got > 0) answer.assign(buffer, size_t(got) - 1);
    });
    return answer;
  }

  testing::Host host_;
  NamespaceStock stock_{0};
};

TEST_F(MeshTaskTest, TheTaskSeesTheClientThroughEveryNode) {
  const Server tcp(path("task"), Server::Kind::Tcp, 80, "task");
  const Server udp(path("task"), Server::Kind::Udp, 80, "task");
  for (const char* node : {"10.98.0.1", "10.98.0.2"}) {
    EXPECT_EQ(Client::tcp(path("client"), node, 8081).ask(), "task 10.98.0.100") << node;
    std::vector<int> open;
    EXPECT_EQ(ask_from(4000, SOCK_DGRAM, node, open), "task 10.98.0.100") << node;
    for (const int fd : open) ::close(fd);
  }
}

TEST_F(MeshTaskTest, OnePortOfAClientMayComeThroughTwoNodes) {
  const Server tcp(path("task"), Server::Kind::Tcp, 80, "task");
  const Server udp(path("task"), Server::Kind::Udp, 80, "task");
  std::vector<int> open;
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    for (const char* node : {"10.98.0.1", "10.98.0.2"}) {
      EXPECT_EQ(ask_from(4000, type, node, open), "task 10.98.0.100") << type << " " << node;
    }
    for (const int fd : open) ::close(fd);
    open.clear();
  }
}

TEST_F(MeshTaskTest, WhoIsInTheIngressNetworkIsAnsweredThere) {
  const Server tcp(path("task"), Server::Kind::Tcp, 80, "task");
  EXPECT_EQ(Client::tcp(path("node2"), "10.0.0.21", 80).ask(), "task 10.0.0.3");
}

TEST_F(MeshTaskTest, MayBePreparedAgain) {
  prepare();
  const Server tcp(path("task"), Server::Kind::Tcp, 80, "task");
  EXPECT_EQ(Client::tcp(path("client"), "10.98.0.2", 8081).ask(), "task 10.98.0.100");
}

TEST_F(MeshTaskTest, AClosedPortIsRefusedAtOnce) {
  const auto refused = Client::tcp(path("client"), "10.98.0.2", 8081);
  EXPECT_FALSE(refused.ok());
  EXPECT_EQ(refused.error(), ECONNREFUSED);
}

TEST_F(MeshTaskTest, NamesWhatIsWrong) {
  const auto no_link = prepare_mesh_task(
      {.netns_path = path("task"), .link = "eth9", .ingress = *Subnet::parse("10.0.0.21/24")});
  ASSERT_FALSE(no_link);
  EXPECT_EQ(no_link.error().code, ErrorCode::NotFound);
  EXPECT_FALSE(prepare_mesh_task(
      {.netns_path = path("none"), .link = "eth2", .ingress = *Subnet::parse("10.0.0.21/24")}));
  const auto v6 = prepare_mesh_task(
      {.netns_path = path("task"), .link = "eth2", .ingress = *Subnet::parse("fd00::2/64")});
  ASSERT_FALSE(v6);
  EXPECT_EQ(v6.error().code, ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace shoal::netdriver

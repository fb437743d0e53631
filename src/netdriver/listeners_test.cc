#include "netdriver/listeners.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "netdriver/testing.h"

namespace shoal::netdriver {
namespace {

using enum network::PortProtocol;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

os::Fd bound(int kind, const sockaddr* address, socklen_t size) {
  os::Fd fd(::socket(address->sa_family, kind | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(fd.get(), address, size), 0);
  return fd;
}

os::Fd bound_v4(int kind, const char* address, uint16_t port) {
  sockaddr_in at{.sin_family = AF_INET, .sin_port = htons(port)};
  ::inet_pton(AF_INET, address, &at.sin_addr);
  return bound(kind, reinterpret_cast<const sockaddr*>(&at), sizeof at);
}

class ListenersTest : public ::testing::Test {
 protected:
  ListenersTest() {
    EXPECT_TRUE(hold_namespace(host_.outside(), path_));
    testing::in_namespace(host_.outside(), [] { EXPECT_FALSE(::system("ip link set lo up")); });
  }
  ~ListenersTest() override { EXPECT_TRUE(release_namespace(path_)); }

  std::set<ListeningPort> find() {
    auto listeners = Listeners::open(path_);
    EXPECT_TRUE(listeners) << listeners.error().message;
    auto found = listeners->find();
    EXPECT_TRUE(found) << found.error().message;
    return *found;
  }

  bool anybody_waits() {
    auto listeners = Listeners::open(path_);
    EXPECT_TRUE(listeners) << listeners.error().message;
    const auto waits = listeners->anybody_waits();
    EXPECT_TRUE(waits) << waits.error().message;
    return *waits;
  }

  testing::Host host_;
  const std::string path_ = host_.folder() + "/space";
};

TEST_F(ListenersTest, FindsWhoListensInThatNamespaceAlone) {
  const auto elsewhere = bound_v4(SOCK_STREAM, "0.0.0.0", 81);
  ::listen(elsewhere.get(), 1);
  os::Fd tcp, tcp6, udp;
  testing::in_namespace(host_.outside(), [&] {
    tcp = bound_v4(SOCK_STREAM, "0.0.0.0", 80);
    const sockaddr_in6 any{
        .sin6_family = AF_INET6, .sin6_port = htons(443), .sin6_addr = in6addr_any};
    tcp6 = bound(SOCK_STREAM, reinterpret_cast<const sockaddr*>(&any), sizeof any);
    udp = bound_v4(SOCK_DGRAM, testing::kOutsideAddress, 53);
  });
  EXPECT_THAT(find(), ElementsAre(ListeningPort{Udp, 53}));  // bound, but nobody listens yet
  ::listen(tcp.get(), 1);
  ::listen(tcp6.get(), 1);
  EXPECT_THAT(find(),
              ElementsAre(ListeningPort{Tcp, 80}, ListeningPort{Tcp, 443}, ListeningPort{Udp, 53}));
}

TEST_F(ListenersTest, WhoListensOnLoopbackAloneAnswersNobody) {
  os::Fd tcp, udp;
  testing::in_namespace(host_.outside(), [&] {
    tcp = bound_v4(SOCK_STREAM, "127.0.0.1", 80);
    udp = bound_v4(SOCK_DGRAM, "127.0.0.11", 53);
  });
  ::listen(tcp.get(), 1);
  EXPECT_THAT(find(), IsEmpty());
}

TEST_F(ListenersTest, WhoIsNotAcceptedYetWaits) {
  os::Fd server;
  testing::in_namespace(host_.outside(), [&] { server = bound_v4(SOCK_STREAM, "0.0.0.0", 80); });
  ::listen(server.get(), 8);
  EXPECT_FALSE(anybody_waits());
  const auto client = testing::Client::tcp(host_.inside(), testing::kOutsideAddress, 80);
  ASSERT_TRUE(client.ok());
  const os::Fd accepted(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(accepted);
  EXPECT_FALSE(anybody_waits());
  const auto other = testing::Client::tcp(host_.inside(), testing::kOutsideAddress, 80);
  ASSERT_TRUE(other.ok());
  pollfd ready{.fd = server.get(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&ready, 1, testing::Client::kAnswerMilliseconds), 1);
  EXPECT_TRUE(anybody_waits());
}

TEST_F(ListenersTest, ANamespaceThatIsNotThereIsAnError) {
  EXPECT_EQ(Listeners::open(path_ + "-not").error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace shoal::netdriver

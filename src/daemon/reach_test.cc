// Requests to a node from end to end: the manager's NodeReach, its port, and the agent's link over
// TLS on loopback.
#include <gmock/gmock.h>

#include "daemon/protocol_fixture.h"
#include "rpc/limits.h"

namespace shoal::daemon {
namespace {
using manager::NodeReach;
using model::ReachOutput;
using testing::HasSubstr;

using Tunnel = std::unique_ptr<NodeReach::Tunnel>;

struct ReachTest : ProtocolFixture {
  os::Co<Result<Tunnel>> reach(std::string path) {
    model::ReachRequest request;
    request.method = "GET";
    request.path = std::move(path);
    return manager->node_reach().open(node, std::move(request), client.token());
  }
  // With its head read; null when that failed.
  os::Co<Tunnel> reached(std::string path) {
    auto tunnel = co_await reach(path);
    EXPECT_TRUE(tunnel) << tunnel.error().message;
    if (!tunnel) co_return nullptr;
    const auto head = co_await (*tunnel)->read(client.token());
    EXPECT_TRUE(head && *head && (*head)->head) << "no head";
    EXPECT_EQ((*head)->bytes, path);
    co_return std::move(*tunnel);
  }
  os::Co<> until_ended(int count) {
    while (host.ended < count) (void)co_await host.changed.wait();
  }

  os::StopSource client;
};
using R = ReachTest;

TEST_F(ReachTest, BytesGoBothWaysAndEachHalfEndsByItself) {
  run([](ProtocolFixture& fixture) -> os::Co<> {
    auto& t = static_cast<R&>(fixture);
    co_await t.open();
    const Tunnel tunnel = co_await t.reached("/echo");
    const std::string whole(model::kReachPieceMax, 'x');
    for (const std::string& piece : {std::string("typed"), whole}) {
      model::ReachInput input;
      input.bytes = piece;
      EXPECT_TRUE(co_await tunnel->write(std::move(input), t.client.token()));
      const auto back = co_await tunnel->read(t.client.token());
      EXPECT_EQ((*back)->bytes, piece);
    }
    model::ReachInput last;
    last.end = true;
    EXPECT_TRUE(co_await tunnel->write(std::move(last), t.client.token()));
    const auto end = co_await tunnel->read(t.client.token());
    EXPECT_TRUE((*end)->end);
    const auto over = co_await tunnel->read(t.client.token());
    EXPECT_EQ(over, Result<std::optional<ReachOutput>>(std::nullopt));
    EXPECT_EQ(t.host.ended, 1);
  });
}

TEST_F(ReachTest, AClientThatGoesEndsTheVisitWhateverItDoes) {
  run([](ProtocolFixture& fixture) -> os::Co<> {
    auto& t = static_cast<R&>(fixture);
    co_await t.open();
    int ended = 0;
    for (const char* path : {"/wait", "/pour", "/echo"}) {
      Tunnel tunnel = co_await t.reached(path);
      tunnel.reset();
      co_await t.until_ended(++ended);
    }
  });
}

TEST_F(ReachTest, AClientThatGoesIsNoticedWhileItsInputIsNotRead) {
  run([](ProtocolFixture& fixture) -> os::Co<> {
    auto& t = static_cast<R&>(fixture);
    co_await t.open();
    Tunnel tunnel = co_await t.reached("/wait");
    for (int i = 0; i < 2; ++i) {
      model::ReachInput input;
      input.bytes = "nobody reads this";
      EXPECT_TRUE(co_await tunnel->write(std::move(input), t.client.token()));
    }
    tunnel.reset();
    co_await t.until_ended(1);
  });
}

TEST_F(ReachTest, ANodePoursNoMoreThanTheWindowIntoAClientThatDoesNotRead) {
  run([](ProtocolFixture& fixture) -> os::Co<> {
    auto& t = static_cast<R&>(fixture);
    co_await t.open();
    std::vector<Tunnel> stalled;
    for (int i = 0; i < 20; ++i) {
      Tunnel tunnel = co_await t.reached("/pour");
      stalled.push_back(std::move(tunnel));
    }
    const size_t windows = stalled.size() * rpc::kStreamWindowBytes;
    while (t.host.poured_bytes < windows) (void)co_await t.host.changed.wait();
    // While they stall others are served, and the session beats.
    const Tunnel other = co_await t.reached("/short");
    const auto end = co_await other->read(t.client.token());
    EXPECT_EQ(end, Result<std::optional<ReachOutput>>(std::nullopt));
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(co_await t.link->heartbeat(*t.session));
    const size_t queues = stalled.size() * 4 * rpc::kStreamQueueMax;
    EXPECT_LE(t.host.poured_bytes, windows + queues);
    for (auto& tunnel : stalled) {
      const auto piece = co_await tunnel->read(t.client.token());
      EXPECT_EQ((*piece)->bytes.size(), model::kReachPieceMax);
    }
  });
}

TEST_F(ReachTest, AnAnswerThatBreaksOffIsAnErrorWithTheNodesName) {
  run([](ProtocolFixture& fixture) -> os::Co<> {
    auto& t = static_cast<R&>(fixture);
    co_await t.open();
    const auto tunnel = co_await t.reach("/fail");
    auto output = co_await (*tunnel)->read(t.client.token());
    if (output) output = co_await (*tunnel)->read(t.client.token());
    EXPECT_EQ(output.error(), (Error{ErrorCode::Unavailable, "node host broke its answer off"}));
  });
}

TEST_F(ReachTest, TheEndOfTheSessionEndsTunnelsAndTheNextSessionServesAgain) {
  run([](ProtocolFixture& fixture) -> os::Co<> {
    auto& t = static_cast<R&>(fixture);
    co_await t.open();
    const Tunnel tunnel = co_await t.reached("/wait");
    t.link->close(*t.session);
    const auto lost = co_await tunnel->read(t.client.token());
    EXPECT_EQ(lost.error().code, ErrorCode::Unavailable);
    EXPECT_THAT(lost.error().message, HasSubstr("node host "));
    co_await t.until_ended(1);
    // Asked before the node is back: it is told when it listens.
    const auto later = [](R& test, os::OneShot<bool> done) -> os::Co<> {
      const Tunnel again = co_await test.reached("/echo");
      done.set(again != nullptr);
    };
    os::OneShot<bool> served;
    os::spawn(later(t, served));
    t.session.reset();
    co_await t.open();
    EXPECT_TRUE(co_await served);
  });
}

TEST_F(ReachTest, TheEndOfATermEndsTunnelsToo) {
  run([](ProtocolFixture& fixture) -> os::Co<> {
    auto& t = static_cast<R&>(fixture);
    co_await t.open();
    const Tunnel tunnel = co_await t.reached("/wait");
    t.disk.fail(Error{ErrorCode::Unavailable, "disk full"});
    t.assign("lost");
    const auto lost = co_await tunnel->read(t.client.token());
    EXPECT_THAT(lost.error().message, HasSubstr("disk full"));
    t.session.reset();
  });
}

}  // namespace
}  // namespace shoal::daemon

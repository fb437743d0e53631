// Clients that cancel, hang up, half-close and die at random points of their calls: every call
// ends, what is answered is right, and the server is whole afterwards. For longer runs:
//
//   rpc_test --gtest_filter=Chaos.* --gtest_shuffle --gtest_random_seed=7 --gtest_repeat=500
#include <gtest/gtest.h>

#include "base/rng.h"
#include "rpc/testing_pair.h"

namespace shoal::rpc {
namespace {

constexpr int kActors = 12;
constexpr int kSteps = 60;

class Chaos : public testing::Test {
 protected:
  Chaos() { server = std::make_unique<TestServer>(loop, log, swarm.manager()); }

  // One node: a channel, and several calls at a time on it.
  os::Co<> act(int number) {
    const std::string name = "worker" + std::to_string(number);
    const auto credentials = must(Credentials::make(swarm.node(name)));
    const ChannelOptions options{.address = server->address(), .credentials = credentials};
    auto channel = std::make_shared<Channel>(loop, log, options);
    for (int step = 0; step < kSteps; ++step) {
      const uint64_t dice = rng.below(20);
      if (dice == 0) channel->disconnect();
      if (dice == 1) channel = std::make_shared<Channel>(loop, log, options);
      if (dice == 2) server->server.close_connections_of(model::NodeId::of(name));
      if (dice == 3) must(server->credentials->replace(swarm.manager()));
      if (dice % 2 == 0) {
        spawn_call(ask(channel));
      } else {
        spawn_call(talk(channel));
      }
      if (rng.below(3) == 0) co_await loop.sleep(Duration(int64_t(rng.below(2'000'000))));
    }
    while (running > 0) co_await ended.wait();
  }

  void spawn_call(os::Co<> call) {
    ++running;
    os::spawn(counted(std::move(call)));
  }
  os::Co<> counted(os::Co<> call) {
    co_await call;
    --running;
    ended.notify();
  }

  std::string random_text() { return std::string(rng.below(1 << (rng.below(18) + 1)), 't'); }

  os::Co<> ask(std::shared_ptr<Channel> channel) {
    const os::StopSource stop;
    CallOptions options;
    if (rng.below(3) == 0) options.timeout = Duration(int64_t(rng.below(5'000'000)));
    options.stop = stop.token();
    std::unique_ptr<os::Loop::Timer> timer;
    const bool waits = rng.below(3) == 0;
    if (waits || rng.below(3) == 0) {
      const Duration in(int64_t(rng.below(5'000'000)));
      timer = loop.at(loop.now() + in, [stop] { stop.stop(); });
    }
    const std::string text = random_text();
    const std::string_view method = waits ? "/t.T/Wait" : "/t.T/Echo";
    const Result<std::string> answer = co_await channel->call(method, text, options);
    if (answer) {
      ++answered;
      EXPECT_EQ(*answer, text);
    }
  }

  os::Co<> talk(std::shared_ptr<Channel> channel) {
    Result<std::unique_ptr<ClientCall>> call = co_await channel->open("/t.T/Talk");
    if (!call) co_return;
    for (uint64_t left = rng.below(20); left > 0; --left) {
      const std::string said = random_text();
      const Result<void> written = co_await (*call)->write(said);
      if (!written) co_return;
      if (rng.below(4) == 0) co_await loop.sleep(Duration(int64_t(rng.below(500'000))));
      const Result<std::optional<std::string>> heard = co_await (*call)->read();
      if (!heard) co_return;
      EXPECT_EQ(*heard, said);
    }
    const uint64_t end = rng.below(3);
    if (end == 0) co_return;  // Dropped in the middle.
    if (end == 1) (*call)->cancel();
    if (end == 2) (*call)->finish_writing();
    const Result<std::optional<std::string>> last = co_await (*call)->read();
    EXPECT_FALSE(last && *last);
    if (last) ++answered;
  }

  os::Co<> run_all() {
    int left = kActors;
    os::OneShot<bool> done;
    const auto one = [&](int number) -> os::Co<> {
      co_await act(number);
      if (--left == 0) done.set(true);
    };
    for (int i = 0; i < kActors; ++i) os::spawn(one(i));
    co_await done;
  }

  os::Loop loop{2};
  NullLog log;
  TestSwarm swarm{loop.now()};
  Rng rng{uint64_t(testing::UnitTest::GetInstance()->random_seed()) + 1};
  std::unique_ptr<TestServer> server;
  int running = 0;
  int answered = 0;
  os::Signal ended;
};

TEST_F(Chaos, EveryCallEndsAndTheServerIsWholeAfterwards) {
  run_on(loop, run_all());
  EXPECT_GT(answered, kActors);
  // One more client is served as if nothing had been.
  Channel channel(
      loop, log,
      {.address = server->address(), .credentials = must(Credentials::make(swarm.node("last")))});
  const auto body = [&]() -> os::Co<Result<std::string>> {
    co_return co_await channel.call("/t.T/Echo", "whole");
  };
  const Result<std::string> answer = run_on(loop, body());
  EXPECT_EQ(answer ? *answer : answer.error().message, "whole");
  run_on(loop, server->server.close(30s));  // Returns when the last handler has.
}

// The server closes while everything runs.
TEST_F(Chaos, AServerThatClosesLeavesNothingBehind) {
  const auto close_later = [&]() -> os::Co<> {
    co_await loop.sleep(Duration(int64_t(rng.below(20'000'000))));
    co_await server->server.close(Duration(int64_t(rng.below(2'000'000))));
  };
  const auto both = [&]() -> os::Co<> {
    os::OneShot<bool> closed;
    const auto closing = [&]() -> os::Co<> {
      co_await close_later();
      closed.set(true);
    };
    os::spawn(closing());
    co_await run_all();
    co_await closed;
  };
  run_on(loop, both());
}

}  // namespace
}  // namespace shoal::rpc

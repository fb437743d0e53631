#include "agent/network_updates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace shoal::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Duration kWithin = 30s;

// An executor whose networks are done when the test says so.
class SlowExecutor final : public Executor {
 public:
  explicit SlowExecutor(os::Loop& loop) : loop_(loop) {}

  void on_outcome(std::function<void(Outcome)>) override {}
  void on_node(const model::Ref<model::Node>&) override {}
  void on_task(const model::Ref<model::Task>&) override {}
  void run(Operation) override {}
  std::vector<FoundContainer> found() override { return {}; }
  os::Co<model::NodeDescription> describe() override { co_return model::NodeDescription{}; }
  os::Co<Result<void>> apply_networks(const model::NetworksMessage& message) override {
    begun.push_back(message.version);
    answer.emplace();
    loop_.post([changed = changed] { changed.notify(); });
    const os::OneShot<Result<void>> mine = *answer;
    Result<void> result = co_await mine;
    co_return result;
  }

  std::vector<uint64_t> begun;
  std::optional<os::OneShot<Result<void>>> answer;  // of the newest call
  os::Signal changed;

 private:
  os::Loop& loop_;
};

struct NetworkUpdatesTest : testing::Test {
  using T = NetworkUpdatesTest;

  template <class Story>
  void run(Story story) {
    auto body = [](T& t, Story& tell) -> os::Co<> {
      co_await tell(t);
      t.finished = true;
      t.loop.stop();
    };
    const auto bound = loop.at(loop.now() + kWithin, [this] { loop.stop(); });
    loop.post([&] { os::spawn(body(*this, story)); });
    loop.run();
    ASSERT_TRUE(finished) << "it hangs";
  }
  Result<void> add(uint64_t version, bool complete = false) {
    return updates.add(session, {.version = version, .complete = complete, .changes = {}});
  }
  void answer(Result<void> result) { executor.answer->set(std::move(result)); }
  os::Co<> until_begun(size_t count) {
    while (executor.begun.size() < count) (void)co_await executor.changed.wait();
  }

  os::Loop loop{1};
  NullLog log;
  SlowExecutor executor{loop};
  const model::SessionId session = model::SessionId::of("s1");
  std::vector<uint64_t> applied;
  NetworkUpdates updates{loop, executor, log,
                         [this](const model::NetworksAck& ack) { applied.push_back(ack.version); }};
  bool finished = false;
};

TEST_F(NetworkUpdatesTest, OneIsCarriedOutAtATimeAndAcknowledgedWhenItIsDone) {
  run([](T& t) -> os::Co<> {
    EXPECT_TRUE(t.add(1, true));
    EXPECT_TRUE(t.add(2));
    EXPECT_THAT(t.executor.begun, ElementsAre(1));
    EXPECT_THAT(t.applied, IsEmpty());
    t.answer({});
    EXPECT_THAT(t.applied, ElementsAre(1));
    EXPECT_THAT(t.executor.begun, ElementsAre(1, 2));
    t.answer({});
    EXPECT_THAT(t.applied, ElementsAre(1, 2));
    co_await t.updates.stop();
  });
}

TEST_F(NetworkUpdatesTest, WhatFailsIsTriedAgainWhileTheOthersWait) {
  run([](T& t) -> os::Co<> {
    EXPECT_TRUE(t.add(1, true));
    EXPECT_TRUE(t.add(2));
    const Time begun = t.loop.now();
    for (size_t i = 2; i <= 4; ++i) {
      t.answer(internal_error("no memory"));
      co_await t.until_begun(i);
    }
    // The pauses grow: 100, 200, 400 ms.
    EXPECT_GE(t.loop.now() - begun, 700ms);
    EXPECT_THAT(t.executor.begun, ElementsAre(1, 1, 1, 1));
    EXPECT_THAT(t.applied, IsEmpty());
    t.answer({});
    t.answer({});
    EXPECT_THAT(t.applied, ElementsAre(1, 2));
    co_await t.updates.stop();
  });
}

TEST_F(NetworkUpdatesTest, ACompleteMessageTakesThePlaceOfWhatFailsAndOfWhatWaits) {
  run([](T& t) -> os::Co<> {
    EXPECT_TRUE(t.add(1));
    EXPECT_TRUE(t.add(2));
    t.answer(internal_error("no such network"));
    EXPECT_TRUE(t.add(7, true));
    co_await t.until_begun(2);
    EXPECT_THAT(t.executor.begun, ElementsAre(1, 7));
    t.answer({});
    EXPECT_THAT(t.applied, ElementsAre(7));
    co_await t.updates.stop();
  });
}

TEST_F(NetworkUpdatesTest, WhatIsUnderWayEndsBeforeACompleteMessageBegins) {
  run([](T& t) -> os::Co<> {
    EXPECT_TRUE(t.add(1));
    EXPECT_TRUE(t.add(7, true));
    EXPECT_THAT(t.executor.begun, ElementsAre(1));
    t.answer(internal_error("no such network"));
    co_await t.until_begun(2);
    EXPECT_THAT(t.executor.begun, ElementsAre(1, 7));
    t.answer({});
    co_await t.updates.stop();
  });
}

TEST_F(NetworkUpdatesTest, MessagesThatWaitAreBounded) {
  run([](T& t) -> os::Co<> {
    for (size_t i = 0; i <= kNetworkMessagesMax; ++i) EXPECT_TRUE(t.add(i + 1));
    EXPECT_EQ(t.add(100).error().code, ErrorCode::Unavailable);
    EXPECT_TRUE(t.add(101, true));
    t.answer({});
    EXPECT_THAT(t.executor.begun, ElementsAre(1, 101));
    t.answer({});
    co_await t.updates.stop();
  });
}

TEST_F(NetworkUpdatesTest, StopWaitsForWhatIsUnderWayAndBeginsNothing) {
  run([](T& t) -> os::Co<> {
    EXPECT_TRUE(t.add(1));
    EXPECT_TRUE(t.add(2));
    t.loop.post([&t] { t.answer({}); });
    co_await t.updates.stop();
    EXPECT_THAT(t.executor.begun, ElementsAre(1));
    EXPECT_TRUE(t.add(3));
    EXPECT_THAT(t.executor.begun, ElementsAre(1));
  });
}

TEST_F(NetworkUpdatesTest, StopEndsThePauseBeforeAnotherTry) {
  run([](T& t) -> os::Co<> {
    EXPECT_TRUE(t.add(1));
    t.answer(internal_error("no memory"));
    co_await t.updates.stop();
    EXPECT_THAT(t.executor.begun, ElementsAre(1));
    EXPECT_THAT(t.applied, IsEmpty());
  });
}

}  // namespace
}  // namespace shoal::agent

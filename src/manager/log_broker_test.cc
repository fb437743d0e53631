#include "manager/log_broker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/testing.h"

namespace shoal::manager {
namespace {
using model::LogMessage;
using model::LogPublication;
using model::LogSubscription;
using model::NodeId;
using model::ServiceId;
using testing::ElementsAre;

class Ear final : public LogBroker::Listener {
 public:
  void send(const LogSubscription& subscription) override { heard.push_back(subscription); }
  std::vector<LogSubscription> heard;
};

// Starts a coroutine now; the answer is looked at later.
template <class T>
os::OneShot<T> begin(os::Co<T> co) {
  os::OneShot<T> done;
  os::spawn([](os::Co<T> running, os::OneShot<T> answer) -> os::Co<> {
    answer.set(co_await running);
  }(std::move(co), done));
  return done;
}

template <class T>
T answer_of(os::OneShot<T> done) {
  CHECK(done.is_set(), "it still waits");
  return done.operator co_await().await_resume();
}

struct LogBrokerTest : testing::Test {
  LogBrokerTest() {
    swarm.service("web").running_on({"n1", "n2"});
    watch = swarm.store().watch([this](const store::Batch& batch) { broker->on_batch(batch); });
  }

  std::unique_ptr<LogBroker::Reader> read(bool follow) {
    model::LogSelector selector;
    selector.services = {ServiceId::of("web")};
    auto reader = broker->read(selector, {.follow = follow});
    CHECK(reader, "{}", reader ? "" : reader.error().message);
    return std::move(*reader);
  }
  auto next(LogBroker::Reader& reader) { return begin(reader.next(gone.token())); }
  Result<void> publish(const char* node, const LogSubscription& to, const char* text,
                       bool close = false) {
    return answer_of(begin_publish(node, to, text, close));
  }
  os::OneShot<Result<void>> begin_publish(const char* node, const LogSubscription& to,
                                          const char* text, bool close = false) {
    LogPublication publication{.subscription = to.id, .messages = {}, .close = close};
    if (*text) publication.messages.push_back(line(node, text));
    return begin(broker->publish(NodeId::of(node), std::move(publication), gone.token()));
  }
  LogMessage line(const char* node, const char* text) {
    return {.service = ServiceId::of("web"),
            .node = NodeId::of(node),
            .task = {},
            .time = Time{++clock},
            .stream = model::LogStream::Stdout,
            .data = text,
            .attributes = {}};
  }

  store::Swarm swarm;
  os::Loop loop{1};
  Rng rng{1};
  int64_t clock = 0;
  os::StopSource gone;
  std::optional<LogBroker> broker{std::in_place, loop, rng,
                                  [this] { return ready ? &swarm.read() : nullptr; }, 50ms};
  bool ready = true;
  std::unique_ptr<store::Store::Watch> watch;
  Ear n1, n2, n3;
};

std::vector<std::string> texts(const Result<std::vector<LogMessage>>& batch) {
  std::vector<std::string> texts;
  if (!batch) return {"error: " + batch.error().message};
  for (const auto& message : *batch) texts.push_back(message.data);
  return texts;
}

TEST_F(LogBrokerTest, BringsLinesOfEveryNodeAndEndsWhenAllAreDone) {
  broker->listen(NodeId::of("n1"), &n1);
  broker->listen(NodeId::of("n2"), &n2);
  const auto reader = read(false);
  ASSERT_EQ(n1.heard.size(), 1u);
  ASSERT_EQ(n2.heard.size(), 1u);
  EXPECT_TRUE(publish("n1", n1.heard[0], "a"));
  EXPECT_TRUE(publish("n2", n2.heard[0], "b", true));
  EXPECT_THAT(texts(answer_of(next(*reader))), ElementsAre("a"));
  EXPECT_THAT(texts(answer_of(next(*reader))), ElementsAre("b"));
  const auto last = next(*reader);
  EXPECT_FALSE(last.is_set());
  EXPECT_TRUE(publish("n1", n1.heard[0], "", true));
  EXPECT_THAT(texts(answer_of(last)), ElementsAre());
  EXPECT_THAT(reader->missing(), ElementsAre());
}

TEST_F(LogBrokerTest, TellsANodeThatListensLater) {
  const auto reader = read(false);
  broker->listen(NodeId::of("n1"), &n1);
  EXPECT_EQ(n1.heard.size(), 1u);
  broker->listen(NodeId::of("n3"), &n3);
  EXPECT_EQ(n3.heard.size(), 0u) << "it has no task of the service";
}

TEST_F(LogBrokerTest, NamesWhatIsMissing) {
  swarm.edit_node("n2", [](model::Node& node) { node.status.state = model::NodeState::Down; });
  swarm.task("web", 3, model::TaskState::Pending);
  broker->listen(NodeId::of("n1"), &n1);
  const auto reader = read(false);
  const auto last = next(*reader);
  EXPECT_FALSE(last.is_set());
  broker->hang_up(NodeId::of("n1"), &n1);
  EXPECT_THAT(texts(answer_of(last)), ElementsAre());
  EXPECT_THAT(reader->missing(),
              ElementsAre("node n2 is not available", "task web.3.c has not been scheduled",
                          "node n1 disconnected unexpectedly"));
}

TEST_F(LogBrokerTest, GivesUpANodeThatDoesNotListen) {
  const auto reader = read(false);
  broker->listen(NodeId::of("n1"), &n1);
  EXPECT_TRUE(publish("n1", n1.heard[0], "", true));
  const auto last = next(*reader);
  loop.post([&] {
    os::spawn([](os::Loop& l, os::OneShot<Result<std::vector<LogMessage>>> done) -> os::Co<> {
      (void)co_await done;
      l.stop();
    }(loop, last));
  });
  loop.run();
  EXPECT_THAT(reader->missing(), ElementsAre("node n2 is not available"));
}

TEST_F(LogBrokerTest, AFollowerGetsNodesThatJoinAndGoesOnAfterACut) {
  broker->listen(NodeId::of("n1"), &n1);
  broker->listen(NodeId::of("n3"), &n3);
  const auto reader = read(true);
  EXPECT_TRUE(publish("n1", n1.heard[0], "a"));
  broker->hang_up(NodeId::of("n1"), &n1);
  broker->listen(NodeId::of("n1"), &n1);
  ASSERT_EQ(n1.heard.size(), 2u);
  EXPECT_EQ(n1.heard[1].options.since, Time{2}) << "after the newest line";

  swarm.node("n3");
  swarm.task("web", 3, model::TaskState::Assigned, "n3");
  ASSERT_EQ(n3.heard.size(), 1u);
  EXPECT_TRUE(publish("n3", n3.heard[0], "c"));
  EXPECT_THAT(texts(answer_of(next(*reader))), ElementsAre("a"));
  EXPECT_THAT(texts(answer_of(next(*reader))), ElementsAre("c"));
  const auto waiting = next(*reader);
  EXPECT_FALSE(waiting.is_set());
  gone.stop();
  EXPECT_EQ(answer_of(waiting).error().code, ErrorCode::Cancelled);
}

TEST_F(LogBrokerTest, AReaderThatIsBehindHoldsUpThePublisher) {
  broker->listen(NodeId::of("n1"), &n1);
  const auto reader = read(false);
  for (size_t i = 0; i < kBatchesMax; ++i) EXPECT_TRUE(publish("n1", n1.heard[0], "x"));
  const auto held = begin_publish("n1", n1.heard[0], "y");
  EXPECT_FALSE(held.is_set());
  (void)answer_of(next(*reader));
  EXPECT_TRUE(answer_of(held));
}

TEST_F(LogBrokerTest, ClosesAtTheNodesWhenTheReaderGoes) {
  broker->listen(NodeId::of("n1"), &n1);
  auto reader = read(true);
  for (size_t i = 0; i < kBatchesMax; ++i) EXPECT_TRUE(publish("n1", n1.heard[0], "x"));
  const auto held = begin_publish("n1", n1.heard[0], "y");
  reader.reset();
  ASSERT_EQ(n1.heard.size(), 2u);
  EXPECT_TRUE(n1.heard[1].close);
  EXPECT_EQ(answer_of(held).error().code, ErrorCode::NotFound);
  EXPECT_EQ(publish("n1", n1.heard[0], "z").error().code, ErrorCode::NotFound);
}

TEST_F(LogBrokerTest, RefusesWhatANodeMayNotPublish) {
  broker->listen(NodeId::of("n1"), &n1);
  const auto reader = read(false);
  EXPECT_EQ(publish("n2", n1.heard[0], "x").error().code, ErrorCode::PermissionDenied)
      << "it was not asked yet";
  EXPECT_EQ(publish("n3", n1.heard[0], "x").error().code, ErrorCode::PermissionDenied);
  LogPublication forged{.subscription = n1.heard[0].id, .messages = {line("n2", "x")}};
  const auto refused =
      answer_of(begin(broker->publish(NodeId::of("n1"), std::move(forged), gone.token())));
  EXPECT_EQ(refused.error().code, ErrorCode::PermissionDenied);
}

TEST_F(LogBrokerTest, EndsReadersWithTheManagersPlace) {
  const auto reader = read(true);
  const auto waiting = next(*reader);
  broker->end_all(Error{ErrorCode::Unavailable, "leadership ends"});
  EXPECT_THAT(texts(answer_of(waiting)), ElementsAre("error: leadership ends"));
  ready = false;
  EXPECT_EQ(broker->read({}, {}).error().code, ErrorCode::Unavailable);
}

TEST_F(LogBrokerTest, AReaderMayOutliveTheBroker) {
  const auto reader = read(true);
  watch.reset();
  broker.reset();
  EXPECT_EQ(answer_of(next(*reader)).error().code, ErrorCode::Unavailable);
}

}  // namespace
}  // namespace shoal::manager

#include "agent/runner.h"

#include <gtest/gtest.h>

#include <deque>

namespace shoal::agent {
namespace {
using model::AssignmentsMessage;
using model::SessionMessage;
using model::StatusUpdate;
using model::TaskState;

constexpr Duration kWithin = 30s;

// A manager that says what the test tells it to, and writes down what it hears.
class FakeLink final : public Link {
 public:
  explicit FakeLink(os::Loop& loop) : loop_(loop) {}

  os::Co<Result<model::SessionId>> open(model::SessionRequest request, Listener& hears) override {
    previous_sessions.push_back(request.previous);
    data_path_address = request.description.data_path_address;
    if (refusals_left > 0) {
      --refusals_left;
      co_return unavailable("no leader");
    }
    listener = &hears;
    session = model::SessionId::of("session-" + std::to_string(previous_sessions.size()));
    auto node = std::make_shared<model::Node>();
    node->id = model::NodeId::of("node");
    loop_.post([this, &hears, node] { hears.on_session({session, node, {}}); });
    changed.notify();
    co_return session;
  }
  os::Co<Result<void>> subscribe(model::SessionId) override {
    ++subscriptions;
    changed.notify();
    co_return Result<void>{};
  }
  os::Co<Result<Duration>> heartbeat(model::SessionId) override {
    ++heartbeats;
    changed.notify();
    co_return Duration(20ms);
  }
  os::Co<Result<void>> report(model::SessionId, std::vector<StatusUpdate> updates) override {
    for (auto& update : updates) reports.push_back(update);
    changed.notify();
    co_return Result<void>{};
  }
  os::Co<Result<void>> watch_networks(model::SessionId of) override {
    watches.push_back(of);
    changed.notify();
    co_return watch_answer;
  }
  os::Co<Result<void>> acknowledge(model::SessionId of, uint64_t version) override {
    acknowledged.push_back({of, version});
    changed.notify();
    co_return acknowledge_answer;
  }
  void close(model::SessionId) override { closed = true; }

  int refusals_left = 0;
  std::vector<model::SessionId> previous_sessions;
  std::string data_path_address;  // that the last session was opened with
  Listener* listener = nullptr;
  model::SessionId session;
  int subscriptions = 0, heartbeats = 0;
  std::deque<StatusUpdate> reports;
  std::vector<model::SessionId> watches;
  std::vector<model::NetworksAck> acknowledged;
  Result<void> watch_answer, acknowledge_answer;
  bool closed = false;
  os::Signal changed;

 private:
  os::Loop& loop_;
};

// Every operation succeeds in the next turn of the loop.
class ObedientExecutor final : public Executor {
 public:
  explicit ObedientExecutor(os::Loop& loop) : loop_(loop) {}

  void on_outcome(std::function<void(Outcome)> handler) override { handler_ = std::move(handler); }
  void on_node(const model::Ref<model::Node>&) override {}
  void on_task(const model::Ref<model::Task>&) override {}
  std::vector<FoundContainer> found() override { return {}; }
  os::Co<Result<void>> apply_networks(const model::NetworksMessage& message) override {
    applied.push_back(message.version);
    while (networks_held) (void)co_await networks_released.wait();
    co_return Result<void>{};
  }
  os::Co<model::NodeDescription> describe() override {
    model::NodeDescription description;
    description.hostname = "node";
    co_return description;
  }
  void run(Operation operation) override {
    operations.push_back(operation.kind);
    loop_.post([this, operation] {
      const model::ContainerStatus container{.container_id = "c"};
      switch (operation.kind) {
        case OperationKind::Prepare:
          return handler_({operation.task_id, Prepared{container}});
        case OperationKind::Start:
          return handler_({operation.task_id, Started{container, {}}});
        case OperationKind::Stop:
          return handler_({operation.task_id, Stopped{container}});
        case OperationKind::Remove:
          return handler_({operation.task_id, Removed{}});
      }
    });
  }

  std::vector<OperationKind> operations;
  std::vector<uint64_t> applied;
  bool networks_held = false;
  os::Signal networks_released;

 private:
  os::Loop& loop_;
  std::function<void(Outcome)> handler_;
};

struct RunnerTest : testing::Test {
  RunnerTest() { runner.emplace(loop, link, executor, rng, log); }

  // Runs until the condition holds (looked at whenever the link hears something), then stops.
  void run_until(std::function<bool()> condition) {
    auto body = [](RunnerTest& t, std::function<bool()> done) -> os::Co<> {
      t.runner->start();
      os::StopSource late;
      const auto bound = t.loop.at(t.loop.now() + kWithin, [late] { late.stop(); });
      while (!done() && !late.token().stopped()) co_await t.link.changed.wait(late.token());
      EXPECT_TRUE(done());
      co_await t.runner->stop();
      t.loop.stop();
    };
    loop.post([&, condition] { os::spawn(body(*this, condition)); });
    loop.run();
  }

  void assign(const model::Ref<model::Task>& task) {
    AssignmentsMessage message;
    message.results_in = "1";
    message.changes.push_back({model::AssignmentAction::Update, task->id, task});
    link.listener->on_assignments(message);
  }

  os::Loop loop{1};
  Rng rng{1};
  NullLog log;
  FakeLink link{loop};
  ObedientExecutor executor{loop};
  std::optional<Runner> runner;
};

TEST_F(RunnerTest, OpensASessionSubscribesOnceAndBeats) {
  run_until([&] { return link.heartbeats >= 3; });
  EXPECT_EQ(link.subscriptions, 1);
  EXPECT_TRUE(link.closed);
}

TEST_F(RunnerTest, SaysWhereTheNodesOverlaysAreReached) {
  runner->set_data_path_address("10.1.0.1");
  run_until([&] { return link.subscriptions == 1; });
  EXPECT_EQ(link.data_path_address, "10.1.0.1");
}

TEST_F(RunnerTest, TriesAgainUntilAManagerAnswers) {
  link.refusals_left = 2;
  run_until([&] { return link.subscriptions == 1; });
  EXPECT_EQ(link.previous_sessions.size(), 3u);
}

TEST_F(RunnerTest, OffersItsOldSessionAfterOneEnded) {
  bool ended = false;
  run_until([&] {
    if (link.subscriptions == 1 && !std::exchange(ended, true)) {
      link.listener->on_end(Error{ErrorCode::Unavailable, "the manager restarts"});
    }
    return link.subscriptions == 2;
  });
  ASSERT_EQ(link.previous_sessions.size(), 2u);
  EXPECT_EQ(link.previous_sessions[1], model::SessionId::of("session-1"));
}

TEST_F(RunnerTest, TakesATaskToRunningAndReportsIt) {
  auto task = std::make_shared<model::Task>();
  task->id = model::TaskId::of("task");
  task->spec = std::make_shared<model::TaskSpec>();
  task->status.state = TaskState::Assigned;
  bool assigned = false;
  run_until([&] {
    if (link.subscriptions == 1 && !std::exchange(assigned, true)) assign(task);
    return !link.reports.empty() && link.reports.back().status.state == TaskState::Running;
  });
  EXPECT_EQ(executor.operations, (std::vector{OperationKind::Prepare, OperationKind::Start}));
  EXPECT_TRUE(
      std::is_sorted(link.reports.begin(), link.reports.end(),
                     [](const auto& a, const auto& b) { return a.status.state < b.status.state; }));
}

TEST_F(RunnerTest, WatchesItsNetworksOnceASessionAndAcknowledgesWhatTheExecutorHas) {
  bool sent = false;
  run_until([&] {
    if (link.watches.size() == 1 && !std::exchange(sent, true)) {
      AssignmentsMessage out_of_order{.type = model::AssignmentsType::Incremental,
                                      .applies_to = "7"};
      link.listener->on_assignments(out_of_order);
      link.listener->on_networks({.version = 5, .complete = true, .changes = {}});
      link.listener->on_networks({.version = 6, .complete = false, .changes = {}});
    }
    return link.acknowledged.size() == 2 && link.subscriptions == 2;
  });
  EXPECT_EQ(link.watches, std::vector{link.session});
  EXPECT_EQ(executor.applied, (std::vector<uint64_t>{5, 6}));
  EXPECT_EQ(link.acknowledged, (std::vector{model::NetworksAck{link.session, 5},
                                            model::NetworksAck{link.session, 6}}));
}

TEST_F(RunnerTest, AWatchThatFailsEndsTheSession) {
  link.watch_answer = unavailable("cut off");
  run_until([&] { return link.previous_sessions.size() == 2; });
  EXPECT_EQ(link.watches.size(), 1u);
}

TEST_F(RunnerTest, AnAcknowledgementThatIsRefusedEndsTheSession) {
  link.acknowledge_answer = invalid_argument("version 5 was never sent, 4 is the newest");
  bool sent = false;
  run_until([&] {
    if (link.watches.size() == 1 && !std::exchange(sent, true)) {
      link.listener->on_networks({.version = 5, .complete = true, .changes = {}});
    }
    return link.previous_sessions.size() == 2;
  });
  EXPECT_EQ(link.acknowledged.size(), 1u);
}

TEST_F(RunnerTest, AManagerThatDoesNotWaitForAnswersLosesTheSession) {
  bool sent = false;
  executor.networks_held = true;
  run_until([&] {
    if (link.watches.size() == 1 && !std::exchange(sent, true)) {
      for (size_t i = 0; i < kNetworkMessagesMax + 2; ++i) {
        link.listener->on_networks({.version = i + 1, .complete = false, .changes = {}});
      }
    }
    executor.networks_held = link.previous_sessions.size() < 2;
    executor.networks_released.notify();
    return !executor.networks_held;
  });
}

}  // namespace
}  // namespace shoal::agent

#include "orchestrator/restart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/replicated.h"
#include "orchestrator/swarm_fixture.h"
#include "store/testing_attachments.h"

namespace shoal::orchestrator {
namespace {

using model::RestartCondition;
using model::RestartPolicy;
using model::TaskState;
using testing::IsEmpty;
using testing::SizeIs;

model::TaskSpec restarting(RestartPolicy policy) {
  model::TaskSpec spec;
  spec.restart = policy;
  return spec;
}

class Restart : public testing::Test, public SwarmFixture {
 protected:
  RestartLoop loop{rng};

  void SetUp() override {
    node("n1");
    node("n2");
  }

  std::string only(std::string_view service) {
    const auto found = live(service, 1);
    CHECK(found.size() == 1, "{} live tasks", found.size());
    return found[0]->id.str();
  }

  // Lets the live task of slot 1 run and fail, and returns whether another one takes its place
  // within a minute.
  bool fails_and_comes_back(TaskState end = TaskState::Failed) {
    const std::string id = only("web");
    report(id, TaskState::Running, "n1");
    report(id, end);
    settle();
    settle_after(1min);
    return live("web", 1).size() == 1;
  }
};

TEST_F(Restart, AReplacementIsPreparedAtOnceAndRunsAfterTheDelay) {
  drive(loop);
  make_service("web", 1);
  put_task("old", "web", 1, "n1", TaskState::Running);
  report("old", TaskState::Failed);
  EXPECT_EQ(settle(),
            "create task new1 service=web slot=1 state=new desired=ready message=\"created\"\n"
            "update task old service=web slot=1 node=n1 state=failed desired=shutdown\n");
  EXPECT_EQ(settle_after(4999ms), "");
  settle_after(1ms);
  EXPECT_EQ(live("web", 1)[0]->desired_state, TaskState::Running);
}

TEST_F(Restart, WithoutDelayTheReplacementRunsAtOnce) {
  drive(loop);
  make_service("web", 1, restarting({.delay = 0s}));
  put_task("old", "web", 1, "n1", TaskState::Failed);
  EXPECT_EQ(settle(),
            "create task new1 service=web slot=1 state=new desired=running message=\"created\"\n"
            "update task old service=web slot=1 node=n1 state=failed desired=shutdown\n");
}

TEST_F(Restart, TheConditionDecides) {
  struct Row {
    RestartCondition condition;
    TaskState end;
    bool restarts;
  };
  for (const Row& row : {Row{RestartCondition::Any, TaskState::Complete, true},
                         Row{RestartCondition::Any, TaskState::Failed, true},
                         Row{RestartCondition::OnFailure, TaskState::Complete, false},
                         Row{RestartCondition::OnFailure, TaskState::Failed, true},
                         Row{RestartCondition::OnFailure, TaskState::Rejected, true},
                         Row{RestartCondition::None, TaskState::Complete, false},
                         Row{RestartCondition::None, TaskState::Failed, false}}) {
    SwarmFixture swarm;
    RestartLoop supervisor{swarm.rng};
    swarm.make_service("web", 1, restarting({.condition = row.condition}));
    swarm.put_task("old", "web", 1, "", row.end);
    swarm.drive(supervisor);
    swarm.settle();
    EXPECT_EQ(swarm.live("web", 1).size() == 1, row.restarts)
        << int(row.condition) << " " << model::to_string(row.end);
  }
}

TEST_F(Restart, AttemptsRunOutAndTheSlotStaysDead) {
  make_service("web", 1, restarting({.max_attempts = 2}));
  put_task("old", "web", 1, "n1", TaskState::Running);
  drive(loop);
  ReplicatedLoop replicas{rng};
  drive(replicas);
  EXPECT_TRUE(fails_and_comes_back());
  EXPECT_TRUE(fails_and_comes_back());
  EXPECT_FALSE(fails_and_comes_back());
  EXPECT_EQ(settle_after(1h), "");
}

TEST_F(Restart, ANewSpecVersionStartsCountingAnew) {
  make_service("web", 1, restarting({.max_attempts = 1}));
  put_task("old", "web", 1, "n1", TaskState::Running);
  drive(loop);
  EXPECT_TRUE(fails_and_comes_back());
  edit_service("web", [](model::Service& changed) { changed.spec_version = 2; });
  edit_task(only("web"), [](model::Task& moved) { moved.spec_version = 2; });
  EXPECT_TRUE(fails_and_comes_back());
  EXPECT_FALSE(fails_and_comes_back());
}

TEST_F(Restart, WithAWindowOnlyRecentRestartsCount) {
  make_service("web", 1, restarting({.delay = 1s, .max_attempts = 1, .window = 10min}));
  put_task("old", "web", 1, "n1", TaskState::Running);
  drive(loop);
  EXPECT_TRUE(fails_and_comes_back());
  advance(11min);
  EXPECT_TRUE(fails_and_comes_back());
  EXPECT_FALSE(fails_and_comes_back());
}

TEST_F(Restart, ANewLeaderRemembersTheAttempts) {
  make_service("web", 1, restarting({.max_attempts = 1}));
  put_task("old", "web", 1, "n1", TaskState::Running);
  drive(loop);
  EXPECT_TRUE(fails_and_comes_back());
  RestartLoop next{rng};
  const std::string id = only("web");
  report(id, TaskState::Failed);
  next.reset(read());
  const store::Plan plan = next.plan(read(), now());
  EXPECT_THAT(plan.create_tasks, IsEmpty());
  EXPECT_EQ(plan.update_tasks[0].desired_state, TaskState::Shutdown);
}

TEST_F(Restart, ANewLeaderLetsAWaitingReplacementGo) {
  make_service("web", 1);
  put_task("old", "web", 1, "n1", TaskState::Failed, TaskState::Shutdown);
  advance(1s);
  put_task("new", "web", 1, "n2", TaskState::Ready, TaskState::Ready);
  drive(loop);
  EXPECT_EQ(settle_after(4s), "");
  EXPECT_EQ(settle_after(1s),
            "update task new service=web slot=1 node=n2 state=ready desired=running\n");
}

TEST_F(Restart, AReplacementThatFailsBeforeItsDelayWaitsForIt) {
  drive(loop);
  make_service("web", 1);
  put_task("old", "web", 1, "n1", TaskState::Failed);
  settle();
  const std::string second = only("web");
  advance(1s);
  report(second, TaskState::Rejected, "n1");
  EXPECT_EQ(settle(), "");
  settle_after(4s);
  EXPECT_NE(only("web"), second);
  EXPECT_EQ(live("web", 1)[0]->desired_state, TaskState::Ready);
}

TEST_F(Restart, ALostNodesTasksAreReplacedAtOnce) {
  make_service("web", 1);
  put_task("old", "web", 1, "n1", TaskState::Running);
  drive(loop);
  set_node("n1", model::NodeState::Down);
  EXPECT_EQ(settle(),
            "create task new1 service=web slot=1 state=new desired=running message=\"created\"\n"
            "update task old service=web slot=1 node=n1 state=running desired=shutdown\n");
}

TEST_F(Restart, ARemovedNodesTasksAreReplacedAtOnce) {
  make_service("web", 1);
  put_task("old", "web", 1, "n1", TaskState::Running);
  drive(loop);
  remove_node("n1");
  EXPECT_EQ(settle(),
            "create task new1 service=web slot=1 state=new desired=running message=\"created\"\n"
            "update task old service=web slot=1 node=n1 state=running desired=shutdown\n");
}

TEST_F(Restart, ANodeThatReturnsGetsNothingBack) {
  make_service("web", 1);
  put_task("old", "web", 1, "n1", TaskState::Running);
  drive(loop);
  set_node("n1", model::NodeState::Down);
  settle();
  report(only("web"), TaskState::Running, "n2");
  set_node("n1", model::NodeState::Ready);
  EXPECT_EQ(settle_after(1h), "");
}

TEST_F(Restart, ADrainedNodesTasksMoveWithoutDelayOnceTheyStopped) {
  make_service("web", 1);
  put_task("old", "web", 1, "n1", TaskState::Running);
  drive(loop);
  set_node("n1", model::Availability::Drain);
  settle();
  EXPECT_EQ(live("web", 1)[0]->desired_state, TaskState::Ready);
  EXPECT_EQ(settle_after(20s), "");
  report("old", TaskState::Shutdown);
  settle();
  EXPECT_EQ(live("web", 1)[0]->desired_state, TaskState::Running);
}

TEST_F(Restart, AnOldTaskThatNeverStopsHoldsItsReplacementForTheTimeoutAndItsGrace) {
  model::TaskSpec spec;
  spec.container.stop_grace_period = 5min;
  make_service("web", 1, spec);
  put_task("old", "web", 1, "n1", TaskState::Running);
  drive(loop);
  set_node("n1", model::Availability::Drain);
  settle();
  EXPECT_EQ(settle_after(5min + 59s), "");
  settle_after(1s);
  EXPECT_EQ(live("web", 1)[0]->desired_state, TaskState::Running);
}

TEST_F(Restart, ANodeThatIsRemovedLetsItsReplacementsGo) {
  make_service("web", 1);
  put_task("old", "web", 1, "n1", TaskState::Running, TaskState::Remove);
  put_task("new", "web", 1, "n2", TaskState::Ready, TaskState::Ready);
  drive(loop);
  EXPECT_EQ(settle(), "");
  remove(model::NodeId::of("n1"));
  EXPECT_EQ(settle(), "update task new service=web slot=1 node=n2 state=ready desired=running\n");
}

TEST_F(Restart, APausedOrChangedNodeKeepsItsTasks) {
  make_service("web", 1);
  put_task("old", "web", 1, "n1", TaskState::Running);
  drive(loop);
  set_node("n1", model::Availability::Pause);
  set_node("n1", model::NodeState::Unknown);
  EXPECT_EQ(settle(), "");
}

TEST_F(Restart, TasksOfARemovedServiceAreNotReplaced) {
  put_task("old", "gone", 1, "n1", TaskState::Failed);
  drive(loop);
  EXPECT_EQ(settle(), "");
}

TEST_F(Restart, ATaskThatWasSentAwayIsNotReplaced) {
  make_service("web", 1);
  put_task("old", "web", 1, "n1", TaskState::Failed, TaskState::Remove);
  drive(loop);
  EXPECT_EQ(settle(), "");
}

TEST_F(Restart, RunningTasksOfTheServiceCostNothing) {
  make_service("web", 1);
  put_task("old", "web", 1, "n1", TaskState::Starting);
  drive(loop);
  settle();
  report("old", TaskState::Running);
  EXPECT_FALSE(loop.next_deadline());
}

// Random ends, lost nodes and time: never two tasks of a slot are meant to run, and none is let go
// while one before it may still run on a node that is up, but for the timeout.
class RandomLife : public SwarmFixture {
 public:
  explicit RandomLife(uint64_t seed) : chance_(seed) {
    for (const auto& id : kNodes) node(id);
    make_service("web", 4, restarting({.delay = 2s}));
    drive(supervisor_);
    drive(replicas_);
    watch_ = store().watch([this](const store::Batch& batch) {
      for (const store::Change& change : batch.changes) check_release(change);
    });
  }

  void round() {
    settle_after(std::chrono::milliseconds(chance_.below(3000)));
    for (const auto& task : tasks("web")) {
      if (model::is_terminal(task->status.state) || !chance_.chance(0.3)) continue;
      if (!is_live(*task) && chance_.chance(0.5)) continue;  // Stops slowly.
      const bool runs = chance_.chance(0.7) && is_live(*task);
      report(task->id.view(), runs ? TaskState::Running : TaskState::Failed,
             task->node_id ? "" : kNodes[chance_.below(3)]);
    }
    set_node(kNodes[chance_.below(3)],
             chance_.chance(0.3) ? model::NodeState::Down : model::NodeState::Ready);
    scale("web", chance_.below(6));
    settle();
    for (uint64_t slot = 1; slot <= 6; ++slot)
      most_live_ = std::max(most_live_, live("web", slot).size());
  }

  size_t most_live() const { return most_live_; }
  int releases() const { return releases_; }
  int early_releases() const { return early_releases_; }

 private:
  void check_release(const store::Change& change) {
    const auto* before = std::get_if<model::Ref<model::Task>>(&change.before);
    const auto* after = std::get_if<model::Ref<model::Task>>(&change.after);
    if (!before || !*before || !*after) return;
    if ((*before)->desired_state != TaskState::Ready ||
        (*after)->desired_state != TaskState::Running) {
      return;
    }
    ++releases_;
    if (now() >= (*after)->meta.created_at + 1min) return;
    for (const auto& other : read().tasks().by_slot((*after)->service_id, (*after)->slot)) {
      if (other->id != (*after)->id && !is_stopped(*other, read())) ++early_releases_;
    }
  }

  const std::vector<std::string> kNodes = {"n1", "n2", "n3"};
  Rng chance_;
  RestartLoop supervisor_{rng};
  ReplicatedLoop replicas_{rng};
  size_t most_live_ = 0;
  int releases_ = 0;
  int early_releases_ = 0;
  std::unique_ptr<store::Store::Watch> watch_;
};

TEST(RestartLife, NoSlotIsEverMeantToRunTwice) {
  int releases = 0;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    RandomLife life(seed);
    for (int i = 0; i < 60; ++i) life.round();
    EXPECT_EQ(life.most_live(), 1u) << "seed " << seed;
    EXPECT_EQ(life.early_releases(), 0) << "seed " << seed;
    releases += life.releases();
  }
  EXPECT_GT(releases, 100);
}

TEST_F(Restart, ContainersOfUsersAreLeftAlone) {
  create(store::attachment("a", "n1", "net1", TaskState::Running));
  create(store::attachment("b", "n1", "net1", TaskState::Running));
  drive(loop);
  report("a", TaskState::Failed);
  set_node("n1", model::Availability::Drain);
  set_node("n1", model::NodeState::Down);
  EXPECT_EQ(settle_after(1h), "");
}

}  // namespace
}  // namespace shoal::orchestrator

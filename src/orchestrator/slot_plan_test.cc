// Moving off a drained node, start-first: the window in which two tasks of a slot are meant to run,
// how it opens and each way in which it closes. The rest of slot_plan.h is seen in restart_test.cc.
#include "orchestrator/slot_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/replicated.h"
#include "orchestrator/restart.h"
#include "orchestrator/swarm_fixture.h"

namespace shoal::orchestrator {
namespace {

using model::Availability;
using model::NodeState;
using model::RestartCondition;
using model::RestartPolicy;
using model::TaskState;
using testing::IsEmpty;
using testing::SizeIs;

class Moving : public testing::Test, public SwarmFixture {
 protected:
  RestartLoop loop{rng};

  void SetUp() override {
    for (const char* id : {"n1", "n2", "n3"}) node(id);
  }

  // A service with "old" running on n1, driven.
  void start_first(RestartPolicy policy = {}) {
    model::TaskSpec spec;
    spec.restart = policy;
    make_service("web", 1, spec);
    edit_service("web", [](model::Service& s) {
      s.spec.update = model::UpdateConfig{.order = model::UpdateOrder::StartFirst};
    });
    put_task("old", "web", 1, "n1", TaskState::Running);
    drive(loop);
    settle();
    advance(1s);
  }
  // And n1 drained.
  void begin_to_move(RestartPolicy policy = {}) {
    start_first(policy);
    set_node("n1", Availability::Drain);
    settle();
  }
  // The live task that is not "old".
  std::string next() const {
    for (const auto& task : live("web", 1)) {
      if (task->id.view() != "old") return task->id.str();
    }
    return "none";
  }
  TaskState desired(std::string_view id) const { return task_ref(id)->desired_state; }
};

TEST_F(Moving, TheReplacementStartsFirst) {
  start_first();
  set_node("n1", Availability::Drain);
  EXPECT_EQ(settle(),
            "create task new1 service=web slot=1 state=new desired=running message=\"created\"\n");
  for (const TaskState state : {TaskState::Assigned, TaskState::Preparing, TaskState::Starting}) {
    report(next(), state, "n2");
    EXPECT_EQ(settle_after(1min), "");
  }
  report(next(), TaskState::Running);
  EXPECT_EQ(settle(),
            "update task old service=web slot=1 node=n1 state=running desired=shutdown\n");
  EXPECT_EQ(settle_after(1h), "");
}

TEST_F(Moving, WithoutThatOrderTheOldOneStopsFirst) {
  make_service("web", 1);
  edit_service("web", [](model::Service& s) { s.spec.update.emplace(); });
  put_task("old", "web", 1, "n1", TaskState::Running);
  drive(loop);
  set_node("n1", Availability::Drain);
  EXPECT_EQ(settle(),
            "create task new1 service=web slot=1 state=new desired=ready message=\"created\"\n"
            "update task old service=web slot=1 node=n1 state=running desired=shutdown\n");
}

TEST_F(Moving, WhatDoesNotRunYetIsNotWaitedFor) {
  start_first();
  put_task("young", "web", 2, "n1", TaskState::Starting);
  set_node("n1", Availability::Drain);
  settle();
  EXPECT_EQ(desired("young"), TaskState::Shutdown);
  EXPECT_EQ(live("web", 2)[0]->desired_state, TaskState::Ready);
}

TEST_F(Moving, AFailedReplacementIsFollowedAfterItsDelayWhileTheOldOneRuns) {
  begin_to_move();
  const std::string first = next();
  report(first, TaskState::Failed, "n2");
  settle();
  EXPECT_EQ(desired(first), TaskState::Shutdown);
  EXPECT_EQ(desired(next()), TaskState::Ready);
  settle_after(4s);
  EXPECT_EQ(desired(next()), TaskState::Ready);
  settle_after(1s);
  EXPECT_EQ(desired(next()), TaskState::Running);
  EXPECT_EQ(desired("old"), TaskState::Running);
  report(next(), TaskState::Running, "n3");
  settle();
  EXPECT_EQ(desired("old"), TaskState::Shutdown);
}

TEST_F(Moving, AReplacementRejectedWhileHeldBackKeepsTheOldOneRunning) {
  begin_to_move();
  report(next(), TaskState::Failed, "n2");
  settle();
  const std::string held = next();
  report(held, TaskState::Rejected, "n2");
  EXPECT_EQ(settle(), "");
  settle_after(5s);
  EXPECT_NE(next(), held);
  EXPECT_THAT(live("web", 1), SizeIs(2));
}

TEST_F(Moving, WhenThePolicyGivesUpTheOldOneGoesAllTheSame) {
  begin_to_move({.condition = RestartCondition::Any, .delay = 0s, .max_attempts = 1});
  report(next(), TaskState::Failed, "n2");
  settle();
  EXPECT_THAT(live("web", 1), IsEmpty());
}

TEST_F(Moving, ATaskThatIsNeverRestartedJustStops) {
  begin_to_move({.condition = RestartCondition::None});
  EXPECT_THAT(live("web", 1), IsEmpty());
  EXPECT_THAT(tasks("web"), SizeIs(1));
}

TEST_F(Moving, ANodeThatActivatesAgainKeepsItsTask) {
  begin_to_move();
  const std::string first = next();
  report(first, TaskState::Preparing, "n2");
  EXPECT_EQ(settle(), "");
  set_node("n1", Availability::Active);
  settle();
  EXPECT_EQ(desired(first), TaskState::Shutdown);
  EXPECT_EQ(desired("old"), TaskState::Running);
  EXPECT_EQ(settle_after(1h), "");
}

TEST_F(Moving, AReplacementThatRunsAlreadyStays) {
  begin_to_move();
  report(next(), TaskState::Running, "n2");
  set_node("n1", Availability::Active);
  settle();
  EXPECT_EQ(desired("old"), TaskState::Shutdown);
  EXPECT_THAT(live("web", 1), SizeIs(1));
}

TEST_F(Moving, AnOldOneThatEndsLeavesTheReplacementAlone) {
  begin_to_move();
  report("old", TaskState::Failed);
  EXPECT_EQ(settle(), "update task old service=web slot=1 node=n1 state=failed desired=shutdown\n");
}

TEST_F(Moving, AnOldOneWhoseNodeIsLostLeavesTheReplacementAlone) {
  begin_to_move();
  set_node("n1", NodeState::Down);
  EXPECT_EQ(settle(),
            "update task old service=web slot=1 node=n1 state=running desired=shutdown\n");
}

TEST_F(Moving, AReplacementOnALostNodeIsReplacedAtOnce) {
  begin_to_move();
  const std::string first = next();
  report(first, TaskState::Starting, "n2");
  set_node("n2", NodeState::Down);
  settle();
  EXPECT_EQ(desired(first), TaskState::Shutdown);
  EXPECT_EQ(desired(next()), TaskState::Running);
  EXPECT_EQ(desired("old"), TaskState::Running);
}

TEST_F(Moving, AReplacementWhoseNodeIsDrainedTooMovesOn) {
  begin_to_move();
  const std::string first = next();
  report(first, TaskState::Starting, "n2");
  set_node("n2", Availability::Drain);
  settle();
  EXPECT_EQ(desired(first), TaskState::Shutdown);
  EXPECT_EQ(desired(next()), TaskState::Ready) << "until that one has stopped";
  report(first, TaskState::Shutdown);
  settle();
  EXPECT_EQ(desired(next()), TaskState::Running);
  EXPECT_EQ(desired("old"), TaskState::Running);
}

TEST_F(Moving, TheSlotIsTakenAwayAsAWhole) {
  ReplicatedLoop replicas{rng};
  begin_to_move();
  drive(replicas);
  scale("web", 0);
  settle();
  for (const auto& task : tasks("web")) EXPECT_EQ(task->desired_state, TaskState::Remove);
}

TEST_F(Moving, ASlotThatMovesCountsAsOneThatRuns) {
  begin_to_move();
  put_task("b", "web", 2, "n2", TaskState::Starting);
  auto service = *service_ref("web");
  service.spec.mode = model::ReplicatedMode{1};
  EXPECT_THAT(plan_slots(tasks("web"), service).remove, testing::ElementsAre(2));
}

TEST_F(Moving, ANewLeaderFinishesAMove) {
  begin_to_move();
  const std::string first = next();
  report(first, TaskState::Assigned, "n2");
  RestartLoop later{rng};
  later.reset(read());
  EXPECT_TRUE(later.plan(read(), now()).empty());
  set_node("n1", Availability::Active);
  later.reset(read());
  const store::Plan plan = later.plan(read(), now());
  ASSERT_THAT(plan.update_tasks, SizeIs(1));
  EXPECT_EQ(plan.update_tasks[0].id.view(), first);
  EXPECT_EQ(plan.update_tasks[0].desired_state, TaskState::Shutdown);
}

}  // namespace
}  // namespace shoal::orchestrator

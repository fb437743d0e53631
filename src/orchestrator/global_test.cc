#include "orchestrator/global.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/constraint_enforcer.h"
#include "orchestrator/reaper.h"
#include "orchestrator/restart.h"
#include "orchestrator/swarm_fixture.h"
#include "store/testing_attachments.h"

namespace shoal::orchestrator {
namespace {

using model::Availability;
using model::NodeState;
using model::RestartCondition;
using model::RestartPolicy;
using model::TaskState;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view kNewOnN1 =
    "create task new1 service=agent slot=0 node=n1 state=new desired=running "
    "message=\"created\"\n";

class Global : public testing::Test, public SwarmFixture {
 protected:
  GlobalLoop loop{rng};
  RestartLoop supervisor{rng};

  static model::TaskSpec with(RestartPolicy policy) {
    model::TaskSpec spec;
    spec.restart = policy;
    return spec;
  }
  static model::TaskSpec only_in_zone(std::string zone) {
    model::TaskSpec spec;
    spec.placement = model::Placement{.constraints = {"node.labels.zone == " + zone}};
    return spec;
  }
  void move_to_zone(std::string_view node, std::string zone) {
    edit_node(node, [&](model::Node& n) { n.spec.annotations.labels["zone"] = zone; });
  }
  void run_on(std::string_view id, std::string_view node) {
    put_task(id, "agent", 0, node, TaskState::Running);
  }
};

TEST_F(Global, EveryNodeGetsOneTaskThatBelongsToItFromTheBeginning) {
  drive(loop);
  node("n1");
  node("n2");
  make_global("agent");
  EXPECT_EQ(settle(),
            "create task new1 service=agent slot=0 node=n1 state=new desired=running "
            "message=\"created\"\n"
            "create task new2 service=agent slot=0 node=n2 state=new desired=running "
            "message=\"created\"\n");
  EXPECT_EQ(settle(), "");
}

TEST_F(Global, AllTasksShareTheSpecAndTheAnnotations) {
  for (const char* id : {"n1", "n2"}) node(id);
  make_global("agent");
  drive(loop);
  settle();
  node("n3");
  settle();
  ASSERT_THAT(tasks("agent"), SizeIs(3));
  for (const auto& task : tasks("agent")) {
    EXPECT_EQ(task->spec.get(), tasks("agent")[0]->spec.get());
    EXPECT_EQ(task->service_annotations.get(), tasks("agent")[0]->service_annotations.get());
  }
}

TEST_F(Global, ANodeThatJoinsGetsItsTask) {
  make_global("agent");
  drive(loop);
  EXPECT_EQ(settle(), "");
  node("n1");
  EXPECT_EQ(settle(), kNewOnN1);
}

TEST_F(Global, OnlyNodesThatAreUpActiveAndFitGetOne) {
  node("up");
  node("unknown", [](model::Node& n) { n.status.state = NodeState::Unknown; });
  node("down", [](model::Node& n) { n.status.state = NodeState::Down; });
  node("paused", [](model::Node& n) { n.spec.availability = Availability::Pause; });
  node("drained", [](model::Node& n) { n.spec.availability = Availability::Drain; });
  node("elsewhere", [](model::Node& n) { n.description.hostname = "other"; });
  model::TaskSpec spec;
  spec.placement = model::Placement{.constraints = {"node.hostname != other"}};
  make_global("agent", spec);
  drive(loop);
  settle();
  EXPECT_THAT(live_on("up", "agent"), SizeIs(1));
  EXPECT_THAT(live_on("unknown", "agent"), SizeIs(1));
  EXPECT_THAT(tasks("agent"), SizeIs(2));
}

TEST_F(Global, ADrainedNodesTaskStopsAndNothingTakesItsPlace) {
  node("n1");
  node("n2");
  make_global("agent");
  run_on("a", "n1");
  run_on("b", "n2");
  drive(loop);
  drive(supervisor);
  set_node("n1", Availability::Drain);
  EXPECT_EQ(settle(),
            "update task a service=agent slot=0 node=n1 state=running desired=shutdown\n");
  report("a", TaskState::Shutdown);
  EXPECT_EQ(settle_after(1h), "");
}

TEST_F(Global, ANodeThatActivatesGetsItsTaskAtOnce) {
  node("n1", [](model::Node& n) { n.spec.availability = Availability::Drain; });
  make_global("agent");
  put_task("a", "agent", 0, "n1", TaskState::Shutdown, TaskState::Shutdown);
  drive(loop);
  drive(supervisor);
  EXPECT_EQ(settle(), "");
  set_node("n1", Availability::Active);
  EXPECT_EQ(settle(), kNewOnN1);
}

TEST_F(Global, ANodeThatReturnsGetsItsTaskWhenTheOldOneHasStopped) {
  node("n1");
  make_global("agent");
  run_on("a", "n1");
  drive(loop);
  drive(supervisor);
  set_node("n1", NodeState::Down);
  EXPECT_EQ(settle(),
            "update task a service=agent slot=0 node=n1 state=running desired=shutdown\n");
  set_node("n1", NodeState::Ready);
  EXPECT_EQ(settle(),
            "create task new1 service=agent slot=0 node=n1 state=new desired=ready "
            "message=\"created\"\n");
  EXPECT_EQ(settle_after(1s), "");
  report("a", TaskState::Shutdown);
  settle();
  ASSERT_THAT(live_on("n1", "agent"), SizeIs(1));
  EXPECT_EQ(live_on("n1", "agent")[0]->desired_state, TaskState::Running);
}

// The machine lost power: its container is found dead only after its task was given up.
TEST_F(Global, WhatIsHeardOfTheOldTaskLaterIsNoReasonToWait) {
  node("n1");
  make_global("agent");
  run_on("a", "n1");
  drive(loop);
  drive(supervisor);
  set_node("n1", NodeState::Down);
  settle();
  set_node("n1", NodeState::Ready);
  settle_after(1s);
  advance(1ms);
  report("a", TaskState::Failed);
  settle();
  EXPECT_EQ(live_on("n1", "agent")[0]->desired_state, TaskState::Running);
}

TEST_F(Global, APausedNodeKeepsItsTaskAndGetsNone) {
  node("n1");
  make_global("agent");
  run_on("a", "n1");
  drive(loop);
  drive(supervisor);
  set_node("n1", Availability::Pause);
  move_to_zone("n1", "us");
  EXPECT_EQ(settle(), "");
  make_global("other");
  EXPECT_EQ(settle(), "");
  set_node("n1", Availability::Active);
  settle();
  EXPECT_THAT(live_on("n1", "other"), SizeIs(1));
}

TEST_F(Global, OnAPausedNodeNothingIsStartedAgainUntilItIsActive) {
  node("n1", [](model::Node& n) { n.spec.availability = Availability::Pause; });
  make_global("agent");
  run_on("a", "n1");
  drive(loop);
  drive(supervisor);
  report("a", TaskState::Failed);
  EXPECT_EQ(settle(), "update task a service=agent slot=0 node=n1 state=failed desired=shutdown\n");
  EXPECT_EQ(settle_after(1h), "");
  set_node("n1", Availability::Active);
  settle();
  EXPECT_THAT(live_on("n1", "agent"), SizeIs(1));
}

TEST_F(Global, APausedNodeThatGoesDownLosesItsTask) {
  node("n1", [](model::Node& n) { n.spec.availability = Availability::Pause; });
  make_global("agent");
  run_on("a", "n1");
  drive(loop);
  set_node("n1", NodeState::Down);
  EXPECT_EQ(settle(),
            "update task a service=agent slot=0 node=n1 state=running desired=shutdown\n");
}

TEST_F(Global, ALabelDecidesInBothDirections) {
  node("n1");
  make_global("agent", only_in_zone("eu"));
  drive(loop);
  drive(supervisor);
  EXPECT_EQ(settle(), "");
  move_to_zone("n1", "eu");
  EXPECT_EQ(settle(), kNewOnN1);
  report(live_on("n1", "agent")[0]->id.view(), TaskState::Running);
  move_to_zone("n1", "us");
  settle();
  EXPECT_THAT(live_on("n1", "agent"), IsEmpty());
  move_to_zone("n1", "eu");
  settle();
  EXPECT_THAT(live_on("n1", "agent"), SizeIs(1));
}

// Whichever of the two is faster: the enforcer looks at nodes of any kind of service.
TEST_F(Global, ATaskThatTheEnforcerRejectedComesBackWithTheLabel) {
  node("n1", [](model::Node& n) { n.spec.annotations.labels["zone"] = "eu"; });
  auto spec = only_in_zone("eu");
  spec.restart = RestartPolicy{.condition = RestartCondition::None};
  make_global("agent", spec);
  run_on("a", "n1");
  ConstraintEnforcer enforcer;
  drive(enforcer);
  drive(loop);
  drive(supervisor);
  move_to_zone("n1", "us");
  settle();
  EXPECT_EQ(task_ref("a")->status.state, TaskState::Rejected);
  EXPECT_THAT(live_on("n1", "agent"), IsEmpty());
  move_to_zone("n1", "eu");
  EXPECT_EQ(settle(), kNewOnN1);
}

TEST_F(Global, ConstraintsThatNobodyCanReadMoveNothing) {
  node("n1");
  node("n2");
  model::TaskSpec spec;
  spec.placement = model::Placement{.constraints = {"from the future"}};
  make_global("agent", spec);
  run_on("a", "n1");
  drive(loop);
  EXPECT_EQ(settle(), "");
}

TEST_F(Global, ChangedConstraintsAreAppliedToEveryNode) {
  node("n1", [](model::Node& n) { n.spec.annotations.labels["zone"] = "eu"; });
  node("n2", [](model::Node& n) { n.spec.annotations.labels["zone"] = "us"; });
  make_global("agent", only_in_zone("eu"));
  drive(loop);
  settle();
  edit_service("agent", [](model::Service& s) {
    s.spec.task = std::make_shared<model::TaskSpec>(only_in_zone("us"));
  });
  settle();
  EXPECT_THAT(live_on("n1", "agent"), IsEmpty());
  EXPECT_THAT(live_on("n2", "agent"), SizeIs(1));
}

TEST_F(Global, ARemovedNodesTasksGoWithTheirHistory) {
  Reaper reaper;
  node("n1");
  node("n2");
  make_global("agent");
  make_service("web", 1);
  put_task("old", "agent", 0, "n1", TaskState::Failed, TaskState::Shutdown);
  run_on("a", "n1");
  put_task("w", "web", 1, "n1", TaskState::Running);
  run_on("b", "n2");
  drive(loop);
  drive(reaper);
  remove_node("n1");
  EXPECT_EQ(settle(),
            "update task a service=agent slot=0 node=n1 state=running desired=remove\n"
            "update task old service=agent slot=0 node=n1 state=failed desired=remove\n");
  EXPECT_EQ(settle_after(kReapPause), "remove task old\n");
  report("a", TaskState::Orphaned);  // As the dispatcher does.
  settle();
  EXPECT_EQ(settle_after(kReapPause), "remove task a\n");
}

TEST_F(Global, ARemovedServiceSendsAllItsTasksAwayInChunks) {
  make_global("agent");
  for (size_t i = 0; i < store::kPlanChangesMax + 1; ++i) {
    const std::string id = fmt::format("n{:04}", i);
    node(id);
    run_on("t" + id, id);
  }
  drive(loop);
  settle();
  remove_service("agent");
  settle();
  EXPECT_EQ(plan_count, 2u);
  for (const auto& task : tasks("agent")) EXPECT_EQ(task->desired_state, TaskState::Remove);
}

TEST_F(Global, OrphansOfAnEarlierLeaderGoToo) {
  node("n1");
  make_global("agent");
  put_task("a", "gone", 0, "n1", TaskState::Running);
  put_task("b", "agent", 0, "removed", TaskState::Running);
  run_on("c", "n1");
  drive(loop);
  settle();
  EXPECT_EQ(task_ref("a")->desired_state, TaskState::Remove);
  EXPECT_EQ(task_ref("b")->desired_state, TaskState::Remove);
  EXPECT_EQ(task_ref("c")->desired_state, TaskState::Running);
}

TEST_F(Global, ATaskThatEndedIsFollowedByOneOnTheSameNode) {
  node("n1");
  node("n2");
  make_global("agent");
  run_on("a", "n1");
  run_on("b", "n2");
  drive(loop);
  drive(supervisor);
  const auto untouched = task_ref("b");
  report("a", TaskState::Failed);
  EXPECT_EQ(settle(),
            "create task new1 service=agent slot=0 node=n1 state=new desired=ready "
            "message=\"created\"\n"
            "update task a service=agent slot=0 node=n1 state=failed desired=shutdown\n");
  EXPECT_EQ(settle_after(4999ms), "");
  settle_after(1ms);
  EXPECT_EQ(live_on("n1", "agent")[0]->desired_state, TaskState::Running);
  EXPECT_EQ(task_ref("b"), untouched);
}

TEST_F(Global, WhereThePolicyGaveUpTheSlotStaysDeadOnThatNodeOnly) {
  node("n1");
  node("n2");
  make_global("agent", with({.delay = 0s, .max_attempts = 1}));
  run_on("a", "n1");
  run_on("b", "n2");
  drive(loop);
  drive(supervisor);
  report("a", TaskState::Failed);
  settle_after(1s);
  const std::string second = live_on("n1", "agent")[0]->id.str();
  report(second, TaskState::Failed);
  settle_after(1h);
  EXPECT_THAT(live_on("n1", "agent"), IsEmpty());
  EXPECT_THAT(live_on("n2", "agent"), SizeIs(1));
  edit_service("agent", [](model::Service& s) { s.spec.annotations.labels["a"] = "b"; });
  settle();
  move_to_zone("n1", "eu");
  settle();
  EXPECT_THAT(live_on("n1", "agent"), IsEmpty());
}

TEST_F(Global, ComingBackToANodeCostsNoAttempt) {
  node("n1");
  make_global("agent", with({.delay = 0s, .max_attempts = 1}));
  drive(loop);
  drive(supervisor);
  settle();
  for (int i = 0; i < 3; ++i) {
    report(live_on("n1", "agent")[0]->id.view(), TaskState::Running);
    set_node("n1", Availability::Drain);
    const std::string id = live_on("n1", "agent")[0]->id.str();
    settle_after(1s);
    report(id, TaskState::Shutdown);
    set_node("n1", Availability::Active);
    settle_after(1s);
  }
  ASSERT_THAT(live_on("n1", "agent"), SizeIs(1));
  report(live_on("n1", "agent")[0]->id.view(), TaskState::Failed);
  settle_after(1s);
  EXPECT_THAT(live_on("n1", "agent"), SizeIs(1)) << "the first restart";
  report(live_on("n1", "agent")[0]->id.view(), TaskState::Failed);
  settle_after(1s);
  EXPECT_THAT(live_on("n1", "agent"), IsEmpty()) << "one too many";
}

TEST_F(Global, HistoryIsKeptForEachNode) {
  Reaper reaper;
  make_global("agent");
  for (const char* id : {"n1", "n2"}) {
    node(id);
    for (int i = 0; i < 7; ++i) {
      put_task(fmt::format("{}-{}", id, i), "agent", 0, id, TaskState::Failed, TaskState::Shutdown);
      advance(1s);
    }
  }
  drive(reaper);
  settle();
  settle_after(kReapPause);
  EXPECT_THAT(tasks_in(read(), {model::ServiceId::of("agent"), 0, model::NodeId::of("n1")}),
              SizeIs(5));
  EXPECT_THAT(tasks("agent"), SizeIs(10));
}

TEST_F(Global, WhatEveryHeartbeatChangesCostsNothing) {
  node("n1");
  make_global("agent");
  drive(loop);
  settle();
  edit_node("n1", [](model::Node& n) { n.status.message = "fine"; });
  report(tasks("agent")[0]->id.view(), TaskState::Running);
  EXPECT_FALSE(loop.next_deadline());
}

TEST_F(Global, ReplicatedServicesAreLeftAlone) {
  node("n1");
  make_service("web", 1);
  put_task("a", "web", 1, "n1", TaskState::Running);
  drive(loop);
  set_node("n1", Availability::Drain);
  remove_service("web");
  EXPECT_EQ(settle(), "");
}

TEST_F(Global, ManyNodesAreLookedAtAPieceAtATime) {
  const size_t count = 2 * kPairsMax + 1;
  for (size_t i = 0; i < count; ++i) node(fmt::format("n{:05}", i));
  make_global("agent");
  drive(loop);
  settle();
  EXPECT_THAT(tasks("agent"), SizeIs(count));
  edit_service("agent", [](model::Service& s) { s.spec.annotations.labels["a"] = "b"; });
  EXPECT_TRUE(loop.plan(read(), now()).empty());
  EXPECT_TRUE(loop.next_deadline()) << "two thirds are left to look at";
  EXPECT_EQ(settle(), "");
}

TEST_F(Global, AServiceThatChangesHalfWayIsLookedAtFromTheBeginning) {
  for (size_t i = 0; i < 3 * store::kPlanChangesMax; ++i) node(fmt::format("n{:04}", i));
  make_global("agent");
  drive(loop);
  apply(loop.plan(read(), now()));
  ASSERT_THAT(tasks("agent"), SizeIs(store::kPlanChangesMax));
  edit_service("agent", [](model::Service& s) {
    s.spec.task = std::make_shared<model::TaskSpec>(only_in_zone("eu"));
  });
  settle();
  for (const auto& task : tasks("agent")) EXPECT_FALSE(is_live(*task));
}

TEST_F(Global, ContainersOfUsersAreLeftAlone) {
  node("n1");
  create(store::attachment("a", "n1", "net1", TaskState::Running));
  create(store::attachment("b", "gone", "net1", TaskState::Running));
  drive(loop);
  EXPECT_EQ(settle(), "");
  set_node("n1", model::Availability::Drain);
  remove_node("n1");
  EXPECT_EQ(settle(), "");
}

}  // namespace
}  // namespace shoal::orchestrator

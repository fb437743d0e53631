#include "orchestrator/constraint_enforcer.h"

#include <gtest/gtest.h>

#include "orchestrator/swarm_fixture.h"
#include "store/testing_attachments.h"

namespace shoal::orchestrator {
namespace {

using model::TaskState;

constexpr std::string_view kRejected =
    "update task a service=web slot=1 node=n1 state=rejected desired=running "
    "message=\"task rejected by constraint enforcer\" "
    "error=\"assigned node no longer meets constraints\"\n";

class Enforcer : public testing::Test, public SwarmFixture {
 protected:
  void constrained_service() {
    model::TaskSpec spec;
    spec.placement = model::Placement{.constraints = {"node.labels.zone == eu"}};
    node("n1", [](model::Node& n) { n.spec.annotations.labels["zone"] = "eu"; });
    make_service("web", 1, spec);
  }
  void reserving_service() {
    model::TaskSpec spec;
    spec.resources = model::ResourceRequirements{
        .limits = {}, .reservations = {.nano_cpus = 0, .memory_bytes = 3LL << 30}};
    node("n1");
    make_service("web", 2, spec);
  }
  void move_to(std::string_view zone) {
    edit_node("n1", [&](model::Node& n) { n.spec.annotations.labels["zone"] = zone; });
  }

  ConstraintEnforcer loop;
};

TEST_F(Enforcer, RejectsATaskWhoseNodeWasRelabelled) {
  constrained_service();
  put_task("a", "web", 1, "n1", TaskState::Running);
  drive(loop);
  EXPECT_EQ(settle(), "");
  move_to("us");
  EXPECT_EQ(settle(), kRejected);
}

TEST_F(Enforcer, ANewLeaderLooksAtEveryNode) {
  constrained_service();
  put_task("a", "web", 1, "n1", TaskState::Starting);
  move_to("us");
  drive(loop);
  EXPECT_EQ(settle(), kRejected);
}

TEST_F(Enforcer, TheServicesPresentConstraintsCount) {
  constrained_service();
  put_task("a", "web", 1, "n1", TaskState::Running);
  drive(loop);
  edit_service("web", [](model::Service& s) {
    s.spec.task = std::make_shared<model::TaskSpec>();  // Without constraints.
  });
  move_to("us");
  EXPECT_EQ(settle(), "");
}

TEST_F(Enforcer, APausedOrLostNodeKeepsItsTasksUntilItIsBack) {
  constrained_service();
  put_task("a", "web", 1, "n1", TaskState::Running);
  drive(loop);
  set_node("n1", model::Availability::Pause);
  set_node("n1", model::NodeState::Down);
  move_to("us");
  EXPECT_EQ(settle(), "");
  set_node("n1", model::NodeState::Ready);
  EXPECT_EQ(settle(), "");
  set_node("n1", model::Availability::Active);
  EXPECT_EQ(settle(), kRejected);
}

TEST_F(Enforcer, OnlyTheNodesThatChangedAreJudgedAndAllKindsOfServicesOnThem) {
  constrained_service();
  for (const char* id : {"n2", "n3"}) {
    node(id, [](model::Node& n) { n.spec.annotations.labels["zone"] = "eu"; });
  }
  make_service("plain", 1);
  model::TaskSpec spec;
  spec.placement = model::Placement{.constraints = {"node.labels.zone == eu"}};
  make_global("agent", spec);
  for (const char* id : {"n1", "n2", "n3"}) {
    put_task(fmt::format("web-{}", id), "web", 1, id, TaskState::Running);
    put_task(fmt::format("plain-{}", id), "plain", 1, id, TaskState::Running);
    put_task(fmt::format("agent-{}", id), "agent", 0, id, TaskState::Running);
  }
  drive(loop);
  settle();
  for (const char* id : {"n1", "n3"}) {
    edit_node(id, [](model::Node& n) { n.spec.annotations.labels["zone"] = "us"; });
  }
  settle();
  for (const auto& [id, task] : read().tasks().all()) {
    const bool stays = id.view().starts_with("plain") || id.view().ends_with("n2");
    EXPECT_EQ(task->status.state, stays ? TaskState::Running : TaskState::Rejected) << id.view();
  }
}

TEST_F(Enforcer, EndedAndStoppingTasksAreLeftAlone) {
  constrained_service();
  put_task("a", "web", 1, "n1", TaskState::Failed);
  put_task("b", "web", 1, "n1", TaskState::Running, TaskState::Shutdown);
  drive(loop);
  move_to("us");
  EXPECT_EQ(settle(), "");
}

TEST_F(Enforcer, ANodeThatShrankKeepsItsOldestTasks) {
  reserving_service();
  put_task("old", "web", 2, "n1", TaskState::Running);
  advance(1s);
  put_task("a", "web", 1, "n1", TaskState::Running);
  drive(loop);
  EXPECT_EQ(settle(), "");
  edit_node("n1", [](model::Node& n) { n.description.resources.memory_bytes = 4LL << 30; });
  EXPECT_EQ(settle(), kRejected);
}

TEST_F(Enforcer, AGenericResourceThatIsGoneTakesItsTask) {
  reserving_service();
  edit_node("n1", [](model::Node& n) {
    n.description.resources.generic = {{.kind = "gpu", .value = "one"}};
  });
  put_task("a", "web", 1, "n1", TaskState::Running);
  edit_task("a", [](model::Task& t) { t.assigned_generic = {{.kind = "gpu", .value = "one"}}; });
  drive(loop);
  EXPECT_EQ(settle(), "");
  edit_node("n1", [](model::Node& n) {
    n.description.resources.generic = {{.kind = "gpu", .value = "two"}};
  });
  EXPECT_EQ(settle(), kRejected);
}

TEST_F(Enforcer, ANodeThatNeverSaidWhatItHasIsNotJudged) {
  reserving_service();
  edit_node("n1", [](model::Node& n) { n.description.resources = {}; });
  put_task("a", "web", 1, "n1", TaskState::Running);
  drive(loop);
  EXPECT_EQ(settle(), "");
}

TEST_F(Enforcer, AHeartbeatOrAMessageOfANodeCostsNothing) {
  constrained_service();
  put_task("a", "web", 1, "n1", TaskState::Running);
  drive(loop);
  settle();
  edit_node("n1", [](model::Node& n) { n.status.message = "fine"; });
  EXPECT_FALSE(loop.next_deadline());
}

TEST_F(Enforcer, ContainersOfUsersAreLeftAlone) {
  node("n1");
  create(store::attachment("a", "n1", "net1", TaskState::Running));
  drive(loop);
  move_to("us");
  edit_node("n1", [](model::Node& n) { n.description.resources = {}; });
  EXPECT_EQ(settle(), "");
}

}  // namespace
}  // namespace shoal::orchestrator

#include "orchestrator/replicated.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "orchestrator/swarm_fixture.h"
#include "store/testing_attachments.h"

namespace shoal::orchestrator {
namespace {

using model::TaskState;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class Replicated : public testing::Test, public SwarmFixture {
 protected:
  ReplicatedLoop loop{rng};

  std::vector<uint64_t> slots_to_remove(uint64_t replicas) {
    const auto service = read().services().get(model::ServiceId::of("web"));
    model::Service wanted = *service;
    wanted.spec.mode = model::ReplicatedMode{replicas};
    return plan_slots(tasks("web"), wanted).remove;
  }
};

TEST_F(Replicated, CreatesOneTaskInEachSlot) {
  drive(loop);
  make_service("web", 3);
  EXPECT_EQ(settle(),
            "create task new1 service=web slot=1 state=new desired=running message=\"created\"\n"
            "create task new2 service=web slot=2 state=new desired=running message=\"created\"\n"
            "create task new3 service=web slot=3 state=new desired=running message=\"created\"\n");
  EXPECT_EQ(settle(), "");
}

TEST_F(Replicated, AllTasksShareTheSpecAndTheAnnotations) {
  drive(loop);
  make_service("web", 3);
  settle();
  scale("web", 1200);
  settle();
  const auto first = tasks("web").front();
  EXPECT_EQ(first->spec, read().services().get(first->service_id)->spec.task);
  for (const auto& task : tasks("web")) {
    EXPECT_EQ(task->spec.get(), first->spec.get());
    EXPECT_EQ(task->service_annotations.get(), first->service_annotations.get());
  }
}

TEST_F(Replicated, ScaleUpFillsTheLowestFreeNumbersAndLeavesTheOthersAlone) {
  node("n1");
  make_service("web", 3);
  put_task("t2", "web", 2, "n1", TaskState::Running);
  put_task("t4", "web", 4, "n1", TaskState::Running);
  drive(loop);
  EXPECT_EQ(settle(),
            "create task new1 service=web slot=1 state=new desired=running message=\"created\"\n");
}

TEST_F(Replicated, AnExhaustedSlotStaysDeadAndCounts) {
  make_service("web", 2);
  put_task("t1", "web", 1, "", TaskState::Failed, TaskState::Shutdown);
  put_task("t2", "web", 2, "", TaskState::Running);
  drive(loop);
  EXPECT_EQ(settle(), "");
}

TEST_F(Replicated, ScaleDownTakesUnassignedThenNotRunningThenCrowdedThenHighest) {
  node("n1");
  node("n2");
  make_service("web", 6);
  put_task("a", "web", 1, "n1", TaskState::Running);
  put_task("b", "web", 2, "n1", TaskState::Running);
  put_task("c", "web", 3, "n2", TaskState::Starting);
  put_task("d", "web", 4, "", TaskState::Pending);
  put_task("e", "web", 5, "n2", TaskState::Running);
  put_task("f", "web", 6, "n1", TaskState::Running);
  EXPECT_THAT(slots_to_remove(0), ElementsAre(4, 3, 6, 2, 5, 1));
  EXPECT_THAT(slots_to_remove(4), ElementsAre(4, 3));
  EXPECT_THAT(slots_to_remove(6), IsEmpty());
}

TEST_F(Replicated, ScaleDownSendsAwayTheWholeSlotWithItsHistory) {
  node("n1");
  make_service("web", 2);
  put_task("a", "web", 1, "n1", TaskState::Running);
  put_task("b0", "web", 2, "n1", TaskState::Failed, TaskState::Shutdown);
  put_task("b1", "web", 2, "n1", TaskState::Running);
  drive(loop);
  settle();
  scale("web", 1);
  EXPECT_EQ(settle(),
            "update task b0 service=web slot=2 node=n1 state=failed desired=remove\n"
            "update task b1 service=web slot=2 node=n1 state=running desired=remove\n");
}

TEST_F(Replicated, ANumberTakenAgainWaitsForTheOldContainer) {
  node("n1");
  make_service("web", 1);
  put_task("old", "web", 1, "n1", TaskState::Running, TaskState::Remove);
  drive(loop);
  EXPECT_EQ(settle(),
            "create task new1 service=web slot=1 state=new desired=ready message=\"created\"\n");
}

TEST_F(Replicated, ANumberTakenAgainFromALostNodeDoesNotWait) {
  node("n1");
  set_node("n1", model::NodeState::Down);
  make_service("web", 1);
  put_task("old", "web", 1, "n1", TaskState::Running, TaskState::Remove);
  drive(loop);
  EXPECT_EQ(settle(),
            "create task new1 service=web slot=1 state=new desired=running message=\"created\"\n");
}

TEST_F(Replicated, ARemovedServiceSendsAllItsTasksAway) {
  drive(loop);
  node("n1");
  make_service("web", 0);
  make_service("other", 1);
  settle();
  put_task("a", "web", 1, "n1", TaskState::Running);
  put_task("b", "web", 1, "n1", TaskState::Failed, TaskState::Shutdown);
  remove_service("web");
  EXPECT_EQ(settle(),
            "update task a service=web slot=1 node=n1 state=running desired=remove\n"
            "update task b service=web slot=1 node=n1 state=failed desired=remove\n");
  EXPECT_THAT(live("other", 1), SizeIs(1));
}

TEST_F(Replicated, OrphansOfAnEarlierLeaderGoToo) {
  put_task("a", "gone", 1, "", TaskState::Pending);
  drive(loop);
  EXPECT_EQ(settle(), "update task a service=gone slot=1 state=pending desired=remove\n");
}

TEST_F(Replicated, NewTasksTakeTheNewSpecAndOldOnesKeepTheirs) {
  drive(loop);
  make_service("web", 1);
  settle();
  edit_service("web", [](model::Service& changed) {
    changed.spec.mode = model::ReplicatedMode{2};
    model::TaskSpec spec;
    spec.container.image = "nginx:2";
    changed.spec.task = std::make_shared<model::TaskSpec>(spec);
    changed.spec_version = 2;
  });
  settle();
  EXPECT_EQ(live("web", 1)[0]->spec->container.image, "");
  EXPECT_EQ(live("web", 2)[0]->spec->container.image, "nginx:2");
  EXPECT_EQ(live("web", 2)[0]->spec_version, 2u);
}

TEST_F(Replicated, AnotherModeIsLeftAlone) {
  make_service("web", 1);
  edit_service("web", [](model::Service& changed) { changed.spec.mode = model::GlobalMode{}; });
  drive(loop);
  EXPECT_EQ(settle(), "");
}

TEST_F(Replicated, LargeServicesAreWorkedOffInChunks) {
  drive(loop);
  make_service("web", 2 * store::kPlanChangesMax + 1);
  settle();
  EXPECT_EQ(plan_count, 3u);
  EXPECT_THAT(tasks("web"), SizeIs(2 * store::kPlanChangesMax + 1));
  remove_service("web");
  settle();
  EXPECT_EQ(plan_count, 6u);
}

TEST_F(Replicated, ACountThatChangesHalfWayIsTakenUp) {
  drive(loop);
  make_service("web", 3 * store::kPlanChangesMax);
  store::Plan first = loop.plan(read(), now());
  EXPECT_THAT(first.create_tasks, SizeIs(store::kPlanChangesMax));
  apply(std::move(first));
  scale("web", 2);
  settle();
  EXPECT_THAT(live("web", 1), SizeIs(1));
  EXPECT_THAT(live("web", 2), SizeIs(1));
  EXPECT_THAT(live("web", 3), IsEmpty());
}

// Whatever happened before, the right number of slots is occupied, no slot twice, and tasks that
// stay are not touched.
TEST_F(Replicated, RandomHistoriesEndWithTheWantedSlots) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SwarmFixture swarm;
    ReplicatedLoop planner{swarm.rng};
    Rng chance(seed);
    for (const char* id : {"n1", "n2", "n3"}) swarm.node(id);
    swarm.drive(planner);
    swarm.make_service("web", chance.below(20));
    for (int round = 0; round < 20; ++round) {
      swarm.settle();
      for (const auto& task : swarm.tasks("web")) {
        if (!chance.chance(0.3) || model::is_terminal(task->status.state)) continue;
        const std::string node = fmt::format("n{}", 1 + chance.below(3));
        swarm.report(task->id.view(), chance.chance(0.8) ? TaskState::Running : TaskState::Failed,
                     node);
      }
      const uint64_t wanted = chance.below(20);
      swarm.scale("web", wanted);
      const auto before = swarm.tasks("web");
      swarm.settle();
      std::multiset<uint64_t> occupied;
      for (const auto& task : swarm.tasks("web")) {
        if (task->desired_state != TaskState::Remove) occupied.insert(task->slot);
      }
      EXPECT_EQ(occupied.size(), wanted) << "seed " << seed;
      EXPECT_EQ(std::set(occupied.begin(), occupied.end()).size(), wanted) << "seed " << seed;
      for (const auto& task : before) {
        const auto after = swarm.read().tasks().get(task->id);
        EXPECT_TRUE(after->desired_state == TaskState::Remove || after == task);
      }
    }
  }
}

TEST_F(Replicated, ContainersOfUsersAreLeftAlone) {
  create(store::attachment("a", "n1", "net1", TaskState::Running));
  drive(loop);
  EXPECT_EQ(settle(), "");
}

}  // namespace
}  // namespace shoal::orchestrator

#include "orchestrator/reaper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/swarm_fixture.h"
#include "store/testing_attachments.h"

namespace shoal::orchestrator {
namespace {

using model::TaskState;
using testing::SizeIs;

class Reaping : public testing::Test, public SwarmFixture {
 protected:
  Reaper loop;

  void history_limit(int64_t limit) {
    model::Cluster cluster;
    cluster.id = model::ClusterId::of("c");
    cluster.spec.annotations.name = "default";
    cluster.spec.task_history_limit = limit;
    const auto stored = read().clusters().get(cluster.id);
    if (!stored) return create(std::move(cluster));
    cluster.meta = stored->meta;
    update(std::move(cluster));
  }

  // t1 … tn in slot 1, one a second; all have ended but the last.
  void history(int count) {
    for (int i = 1; i <= count; ++i) {
      const bool last = i == count;
      put_task(fmt::format("t{}", i), "web", 1, "n1", last ? TaskState::Running : TaskState::Failed,
               last ? TaskState::Running : TaskState::Shutdown);
      advance(1s);
    }
  }

  std::string reap() {
    settle();
    return settle_after(kReapPause);
  }
};

TEST_F(Reaping, KeepsFiveTasksOfASlot) {
  drive(loop);
  make_service("web", 1);
  history(7);
  EXPECT_EQ(reap(), "remove task t1\nremove task t2\n");
  EXPECT_EQ(reap(), "");
}

TEST_F(Reaping, FollowsTheClustersLimitWhenItChanges) {
  history_limit(-1);
  make_service("web", 1);
  history(7);
  drive(loop);
  EXPECT_EQ(reap(), "");
  history_limit(2);
  reap();
  EXPECT_THAT(tasks("web"), SizeIs(2));
}

TEST_F(Reaping, KeepsWhatTheAttemptsNeed) {
  model::TaskSpec spec;
  spec.restart = model::RestartPolicy{.max_attempts = 6};
  make_service("web", 1, spec);
  history(8);
  drive(loop);
  EXPECT_EQ(reap(), "remove task t1\n");
}

TEST_F(Reaping, KeepsTheNewestTaskOfADeadSlotEvenWithoutHistory) {
  history_limit(0);
  make_service("web", 1);
  put_task("a", "web", 1, "n1", TaskState::Failed, TaskState::Shutdown);
  advance(1s);
  put_task("b", "web", 1, "n1", TaskState::Complete, TaskState::Shutdown);
  drive(loop);
  EXPECT_EQ(reap(), "remove task a\n");
}

TEST_F(Reaping, NeverDeletesWhatMayStillRun) {
  history_limit(0);
  make_service("web", 1);
  put_task("a", "web", 1, "n1", TaskState::Running, TaskState::Shutdown);
  advance(1s);
  put_task("b", "web", 1, "n1", TaskState::Running);
  drive(loop);
  EXPECT_EQ(reap(), "");
  report("a", TaskState::Shutdown);
  EXPECT_EQ(reap(), "remove task a\n");
}

TEST_F(Reaping, WhatWasSentAwayGoesWhenTheAgentStoppedIt) {
  drive(loop);
  put_task("a", "gone", 1, "n1", TaskState::Running, TaskState::Remove);
  EXPECT_EQ(reap(), "");
  report("a", TaskState::Shutdown);
  EXPECT_EQ(reap(), "remove task a\n");
}

TEST_F(Reaping, WhatNeverGotANodeGoesAtOnce) {
  drive(loop);
  put_task("a", "gone", 1, "", TaskState::Pending, TaskState::Remove);
  EXPECT_EQ(reap(), "remove task a\n");
}

TEST_F(Reaping, WaitsToWorkOffManyAtOnce) {
  drive(loop);
  put_task("a", "gone", 1, "", TaskState::Pending, TaskState::Remove);
  EXPECT_EQ(settle(), "");
  advance(100ms);
  put_task("b", "gone", 2, "", TaskState::Pending, TaskState::Remove);
  EXPECT_EQ(settle(), "");
  EXPECT_EQ(settle_after(150ms), "remove task a\nremove task b\n");
}

TEST_F(Reaping, ManyDirtyOnesEndThePause) {
  for (size_t i = 0; i < kReapDirtyMax; ++i) {
    put_task(fmt::format("t{}", i), "gone", i + 1, "", TaskState::Pending, TaskState::Remove);
  }
  drive(loop);
  settle();
  EXPECT_LE(tasks("gone").size(), kReapDirtyMax - 1);
  settle_after(kReapPause);
  EXPECT_THAT(tasks("gone"), SizeIs(0));
}

TEST_F(Reaping, AnAttachmentGoesWhenItHasEndedOrItsNodeIsGone) {
  node("n1"), node("n2");
  create(store::attachment("a", "n1", "net1", TaskState::Running));
  create(store::attachment("b", "n1", "net1", TaskState::Running));
  create(store::attachment("c", "n2", "net1", TaskState::New));
  create(store::attachment("d", "n2", "net1", TaskState::Running));
  drive(loop);
  EXPECT_EQ(reap(), "");
  report("a", TaskState::Failed);
  EXPECT_EQ(reap(), "remove task a\n");
  remove_node("n2");
  EXPECT_EQ(reap(), "remove task c\n");
  report("d", TaskState::Orphaned);
  EXPECT_EQ(reap(), "remove task d\n");
  EXPECT_NE(read().tasks().get(model::TaskId::of("b")), nullptr);
}

TEST_F(Reaping, ANewLeaderFindsTheAttachmentsThatHaveNoNode) {
  node("n1");
  create(store::attachment("a", "n1", "net1", TaskState::Complete));
  create(store::attachment("b", "gone", "net1", TaskState::Pending));
  create(store::attachment("c", "n1", "net1", TaskState::Pending));
  drive(loop);
  EXPECT_EQ(reap(), "remove task a\nremove task b\n");
}

}  // namespace
}  // namespace shoal::orchestrator

// A rebalance from its request to its end, beside the loops that it works with.
#include "rebalancer/rebalance_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "orchestrator/replicated.h"
#include "orchestrator/restart.h"
#include "orchestrator/swarm_fixture.h"
#include "scheduler/scheduler.h"

namespace shoal::rebalancer {
namespace {

using model::Availability;
using model::NodeState;
using model::RebalanceState;
using model::TaskState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Rebalancing : public testing::Test, public orchestrator::SwarmFixture {
 protected:
  orchestrator::ReplicatedLoop replicas{rng};
  orchestrator::RestartLoop restarts{rng};
  scheduler::Scheduler scheduler;
  std::optional<RebalanceLoop> loop{rng};
  bool fails = false;             // what starts
  size_t running_min = SIZE_MAX;  // of the service that steps() was told
  size_t moving_max = 0;          // slots on their way at the same time, of all services

  void SetUp() override {
    for (const char* id : {"n1", "n2", "n3"}) node(id);
    drive(replicas);
    drive(restarts);
    drive(scheduler);
    drive(*loop);
  }

  // A service "web" of running tasks in the slots 1, 2, … on these nodes.
  void running(std::string_view name, const std::vector<std::string_view>& nodes,
               model::TaskSpec spec = {}) {
    make_service(name, nodes.size(), std::move(spec));
    for (size_t i = 0; i < nodes.size(); ++i) {
      put_task(fmt::format("{}{}", name, i + 1), name, i + 1, nodes[i], TaskState::Running);
    }
    settle();
    advance(1s);
  }
  void start_first(std::string_view name) {
    edit_service(name, [](model::Service& s) {
      s.spec.update = model::UpdateConfig{.order = model::UpdateOrder::StartFirst};
    });
  }
  void request(std::string_view name) {
    edit_service(name, [&](model::Service& s) { s.rebalance = {.started_at = now()}; });
    settle();
    advance(1s);
  }

  // What allocator and agents do with one task: one step further towards what is desired.
  bool step(const model::Task& task) {
    const TaskState state = task.status.state;
    const bool held = task.desired_state == TaskState::Ready;
    TaskState next = state;
    if (state == TaskState::New) next = TaskState::Pending;
    if (state == TaskState::Assigned) next = TaskState::Ready;
    if (state == TaskState::Ready && !held) next = fails ? TaskState::Failed : TaskState::Running;
    if (!orchestrator::is_live(task) && !model::is_terminal(state)) next = TaskState::Shutdown;
    if (next == state) return false;
    edit_task(task.id.view(), [&](model::Task& changed) {
      changed.status.state = next;
      if (next == TaskState::Failed) changed.status.error = "task: non-zero exit (1)";
    });
    return true;
  }
  // One step of the first task that has one to do; false when there is none.
  bool one_step() {
    for (const auto& [id, task] : read().tasks().all()) {
      if (!step(*task)) continue;
      settle();
      advance(1ms);
      return true;
    }
    return false;
  }
  void steps(std::string_view name) {
    for (int count = 0; one_step(); ++count) {
      ASSERT_LT(count, 1000);
      running_min = std::min(running_min, running_count(name));
      moving_max = std::max(moving_max, moving());
    }
  }

  size_t running_count(std::string_view name) const {
    const auto all = tasks(name);
    return size_t(std::ranges::count_if(all, [](const auto& task) {
      return orchestrator::is_live(*task) && task->status.state == TaskState::Running;
    }));
  }
  // Slots with a task that is on its way, or on its way out.
  size_t moving() const {
    std::set<orchestrator::SlotKey> slots;
    for (const auto& [id, task] : read().tasks().all()) {
      const bool runs = task->status.state == TaskState::Running && orchestrator::is_live(*task);
      if (!runs && !orchestrator::has_ended(*task)) slots.insert(orchestrator::slot_of(*task));
    }
    return slots.size();
  }
  // Live tasks on n1, n2, n3.
  std::vector<int> spread(std::string_view name) const {
    std::vector<int> counts(3);
    for (const auto& task : tasks(name)) {
      if (!orchestrator::is_live(*task) || !task->node_id) continue;
      ++counts[size_t(task->node_id.view()[1] - '1')];
    }
    return counts;
  }
  const model::Rebalance& rebalance(std::string_view name) const {
    return *service_ref(name)->rebalance;
  }
  TaskState desired(std::string_view id) const { return task_ref(id)->desired_state; }
};

TEST_F(Rebalancing, SixOnTwoOfThreeNodesBecomeTwoEach) {
  running("web", {"n1", "n2", "n1", "n2", "n1", "n2"});
  request("web");
  steps("web");
  EXPECT_THAT(spread("web"), ElementsAre(2, 2, 2));
  EXPECT_EQ(running_min, 5u);
  EXPECT_EQ(moving_max, 1u);
  EXPECT_EQ(tasks("web").size(), 8u) << "two moved, no more";
  EXPECT_EQ(rebalance("web").state, RebalanceState::Completed);
  EXPECT_EQ(rebalance("web").message, "the spread is even");
  EXPECT_GT(rebalance("web").ended_at, rebalance("web").started_at);
  EXPECT_EQ(settle_after(1h), "");
}

TEST_F(Rebalancing, StopFirstTheOldOneStopsAndTheNewOneWaitsForThatAlone) {
  running("web", {"n1", "n1"});
  edit_service("web", [&](model::Service& s) { s.rebalance = {.started_at = now()}; });
  EXPECT_EQ(settle(),
            "create task new1 service=web slot=2 state=new desired=ready message=\"created\"\n"
            "update task web2 service=web slot=2 node=n1 state=running desired=shutdown\n");
  const std::string next = live("web", 2)[0]->id.str();
  report(next, TaskState::Pending);
  EXPECT_THAT(settle(), HasSubstr("node=n2 state=assigned desired=ready"));
  EXPECT_EQ(settle_after(1min), "") << "the old one still runs";
  report("web2", TaskState::Shutdown);
  settle();
  EXPECT_EQ(desired(next), TaskState::Running) << "no restart delay";
}

TEST_F(Rebalancing, StartFirstTheNewOneRunsBeforeTheOldOneStops) {
  running("web", {"n1", "n2", "n1", "n2", "n1", "n2"});
  start_first("web");
  request("web");
  steps("web");
  EXPECT_THAT(spread("web"), ElementsAre(2, 2, 2));
  EXPECT_GE(running_min, 6u);
  EXPECT_EQ(moving_max, 1u);
  EXPECT_EQ(tasks("web").size(), 8u);
  EXPECT_EQ(rebalance("web").state, RebalanceState::Completed);
}

TEST_F(Rebalancing, OfSeveralServicesOneTaskMovesAtATime) {
  running("a", {"n1", "n1", "n1", "n1", "n1"});
  running("b", {"n2", "n2", "n2", "n2"});
  start_first("b");
  request("a");
  request("b");
  steps("a");
  EXPECT_EQ(moving_max, 1u);
  EXPECT_THAT(spread("a"), ElementsAre(2, 1, 2));
  EXPECT_THAT(spread("b"), ElementsAre(1, 2, 1));
  EXPECT_EQ(rebalance("b").state, RebalanceState::Completed);
}

TEST_F(Rebalancing, WithAConstraintToTheOthersNothingMoves) {
  model::TaskSpec spec;
  spec.placement = model::Placement{.constraints = {"node.hostname != n3"}};
  running("web", {"n1", "n2", "n1", "n2"}, spec);
  request("web");
  EXPECT_FALSE(one_step());
  EXPECT_EQ(rebalance("web").state, RebalanceState::Completed);
  EXPECT_EQ(tasks("web").size(), 4u);
}

TEST_F(Rebalancing, AReplacementThatFailsEndsIt) {
  running("web", {"n1", "n1", "n1", "n1"});
  fails = true;
  request("web");
  while (rebalance("web").state == RebalanceState::Moving) ASSERT_TRUE(one_step());
  EXPECT_EQ(rebalance("web").state, RebalanceState::Ended);
  EXPECT_EQ(rebalance("web").message, "web.4 failed on n2: task: non-zero exit (1)");
  fails = false;
  advance(10s);
  settle();
  steps("web");
  EXPECT_EQ(running_count("web"), 4u) << "the slot is the restart supervisor's as ever";
  EXPECT_THAT(spread("web"), ElementsAre(3, 1, 0));
}

TEST_F(Rebalancing, StartFirstOneThatFailsLeavesTheOldOneWhereItIs) {
  running("web", {"n1", "n1", "n1", "n1"});
  start_first("web");
  fails = true;
  request("web");
  steps("web");
  EXPECT_EQ(rebalance("web").state, RebalanceState::Ended);
  EXPECT_EQ(running_min, 4u);
  EXPECT_THAT(spread("web"), ElementsAre(4, 0, 0));
  EXPECT_EQ(tasks("web").size(), 5u);
  EXPECT_EQ(settle_after(1h), "");
}

TEST_F(Rebalancing, OneThatFindsNoNodeEndsItAndTheOldOneStays) {
  running("web", {"n1", "n1"});
  start_first("web");
  request("web");
  set_node("n2", Availability::Pause);
  set_node("n3", Availability::Pause);
  set_node("n1", Availability::Pause);
  steps("web");
  EXPECT_EQ(rebalance("web").state, RebalanceState::Ended);
  EXPECT_EQ(rebalance("web").message,
            "web.2 has no node: no suitable node (3 nodes not available for new tasks)");
  EXPECT_EQ(live("web", 2).size(), 1u);
  EXPECT_EQ(desired("web2"), TaskState::Running);
}

TEST_F(Rebalancing, ATaskThatHasNoNodeAtTheBeginningIsNamed) {
  model::TaskSpec spec;
  spec.placement = model::Placement{.max_replicas = 1};
  make_service("web", 4, spec);
  settle();
  for (const auto& task : tasks("web")) step(*task);
  settle();
  steps("web");
  request("web");
  EXPECT_EQ(rebalance("web").state, RebalanceState::Ended);
  EXPECT_THAT(rebalance("web").message, HasSubstr(" has no node: no suitable node (max replicas"));
}

TEST_F(Rebalancing, ATaskThatRestartsIsWaitedFor) {
  running("web", {"n1", "n1", "n1"});
  report("web1", TaskState::Failed);
  settle();
  request("web");
  steps("web");
  EXPECT_EQ(rebalance("web").state, RebalanceState::Moving);
  EXPECT_EQ(running_count("web"), 2u) << "its delay";
  EXPECT_EQ(outlook_of(read(), *service_ref("web")).reason, "web.1 is ready on n2");
  advance(10s);
  settle();
  steps("web");
  EXPECT_EQ(rebalance("web").state, RebalanceState::Completed);
  EXPECT_THAT(spread("web"), ElementsAre(1, 1, 1));
}

TEST_F(Rebalancing, AnotherLeaderGoesOnWithIt) {
  for (const bool first : {false, true}) {
    for (int handover = 0; handover < 12; ++handover) {
      const std::string name = fmt::format("web{}{}", first ? "f" : "s", handover);
      running(name, {"n1", "n2", "n1", "n2", "n1", "n2"});
      if (first) start_first(name);
      request(name);
      for (int i = 0; i < handover; ++i) one_step();
      loop->reset(read());
      restarts.reset(read());
      scheduler.reset(read());
      settle();
      steps(name);
      EXPECT_EQ(rebalance(name).state, RebalanceState::Completed) << name;
      EXPECT_THAT(spread(name), ElementsAre(2, 2, 2)) << name;
      EXPECT_EQ(tasks(name).size(), 8u) << name;
    }
  }
  EXPECT_EQ(moving_max, 1u);
}

TEST_F(Rebalancing, AScaleInBetweenIsPlannedAnew) {
  running("web", {"n1", "n1", "n1", "n1", "n1", "n1"});
  request("web");
  one_step();
  scale("web", 9);
  settle();
  steps("web");
  EXPECT_EQ(rebalance("web").state, RebalanceState::Completed);
  EXPECT_THAT(spread("web"), ElementsAre(3, 3, 3));
  running("less", {"n1", "n1", "n1", "n1", "n1", "n1"});
  start_first("less");
  request("less");
  one_step();
  scale("less", 2);
  settle();
  steps("less");
  EXPECT_EQ(rebalance("less").state, RebalanceState::Completed);
  EXPECT_EQ(running_count("less"), 2u);
  EXPECT_EQ(std::ranges::max(spread("less")), 1);
}

TEST_F(Rebalancing, AServiceThatIsRemovedInBetweenIsForgotten) {
  running("web", {"n1", "n1", "n1"});
  request("web");
  remove_service("web");
  settle();
  steps("web");
  EXPECT_EQ(running_count("web"), 0u);
  EXPECT_FALSE(loop->next_deadline());
}

TEST_F(Rebalancing, AUserEndsItAndTheOldOneStays) {
  running("web", {"n1", "n1", "n1"});
  start_first("web");
  request("web");
  ASSERT_EQ(live("web", 3).size(), 2u);
  edit_service("web", [](model::Service& s) { s.rebalance->state = RebalanceState::Ended; });
  settle();
  EXPECT_THAT(live("web", 3), testing::SizeIs(1));
  EXPECT_EQ(desired("web3"), TaskState::Running);
  steps("web");
  EXPECT_THAT(spread("web"), ElementsAre(3, 0, 0));
}

TEST_F(Rebalancing, TheNodeOfTheReplacementIsLost) {
  running("web", {"n1", "n1", "n1"});
  start_first("web");
  request("web");
  while (live("web", 3).back()->node_id.empty() && live("web", 3).front()->node_id.empty()) {
    ASSERT_TRUE(one_step());
  }
  one_step();
  set_node("n2", NodeState::Down);
  settle();
  steps("web");
  EXPECT_EQ(rebalance("web").state, RebalanceState::Completed);
  EXPECT_EQ(running_count("web"), 3u);
  EXPECT_GE(running_min, 3u);
}

TEST_F(Rebalancing, AClockThatWasSetBackEndsIt) {
  running("web", {"n1", "n1", "n1"});
  edit_service("web", [&](model::Service& s) { s.rebalance = {.started_at = now() + 1h}; });
  settle();
  EXPECT_EQ(rebalance("web").message, "the clock was set back");
  EXPECT_EQ(tasks("web").size(), 3u);
}

TEST_F(Rebalancing, ANodeThatJoinsBeginsItWhereTheLabelSaysSo) {
  for (const char* name : {"asks", "never", "silent"}) running(name, {"n1", "n2", "n1", "n2"});
  const auto label = [&](std::string_view name, std::string_view value) {
    edit_service(name, [&](model::Service& s) {
      s.spec.annotations.labels[std::string(model::kRebalanceLabel)] = value;
    });
  };
  label("asks", model::kRebalanceOnJoin);
  label("never", model::kRebalanceNever);
  EXPECT_EQ(settle(), "");
  set_node("n3", NodeState::Down);
  EXPECT_EQ(settle(), "");
  set_node("n3", NodeState::Ready);
  settle();
  steps("asks");
  EXPECT_EQ(rebalance("asks").state, RebalanceState::Completed);
  EXPECT_THAT(spread("asks"), testing::Each(testing::Ge(1)));
  EXPECT_THAT(spread("never"), ElementsAre(2, 2, 0));
  EXPECT_FALSE(service_ref("never")->rebalance);
  EXPECT_FALSE(service_ref("silent")->rebalance);
  label("asks", model::kRebalanceNever);
  set_node("n3", Availability::Drain);
  settle();
  steps("asks");
  const auto ended_at = rebalance("asks").ended_at;
  set_node("n3", Availability::Active);
  settle();
  EXPECT_EQ(rebalance("asks").ended_at, ended_at);
}

}  // namespace
}  // namespace shoal::rebalancer

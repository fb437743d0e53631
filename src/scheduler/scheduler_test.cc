#include "scheduler/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/testing.h"
#include "store/testing_attachments.h"

namespace shoal::scheduler {
namespace {

using model::NodeId;
using model::TaskId;
using model::TaskState;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

class SchedulerTest : public testing::Test {
 protected:
  SchedulerTest() { start(); }

  void start() {
    scheduler.reset(swarm.read());
    watch = swarm.store().watch([this](const store::Batch& batch) { scheduler.on_batch(batch); });
  }

  // Runs until nothing is due at this moment; returns the number of changes written.
  size_t settle() {
    size_t changes = 0;
    for (int round = 0; round < 50; ++round) {
      const auto due = scheduler.next_deadline();
      if (!due || *due > swarm.now()) return changes;
      store::Plan plan = scheduler.plan(swarm.read(), swarm.now());
      changes += plan.size();
      swarm.apply(std::move(plan));
    }
    ADD_FAILURE() << "the scheduler never comes to rest";
    return changes;
  }

  void zone(std::string_view node, std::string zone, std::string rack = "") {
    swarm.node(node, [&](model::Node& one) {
      one.spec.annotations.labels["zone"] = zone;
      if (!rack.empty()) one.spec.annotations.labels["rack"] = rack;
    });
  }
  void service(std::string_view name, std::function<void(model::TaskSpec&)> edit = nullptr) {
    auto builder = swarm.service(name);
    if (edit) builder.task_spec(edit);
  }
  void reserve(model::TaskSpec& spec, int64_t cpus) {
    spec.resources.emplace();
    spec.resources->reservations.nano_cpus = cpus * 1'000'000'000;
  }
  std::string pending(std::string_view service, uint64_t slot, std::string_view node = "") {
    return swarm.task(service, slot, TaskState::Pending, node)->id.str();
  }
  std::vector<std::string> pending_many(std::string_view service, int count) {
    std::vector<std::string> ids;
    for (int slot = 1; slot <= count; ++slot) ids.push_back(pending(service, uint64_t(slot)));
    return ids;
  }

  std::string node_of(std::string_view task) { return swarm.task_ref(task)->node_id.str(); }
  TaskState state_of(std::string_view task) { return swarm.task_ref(task)->status.state; }
  std::string error_of(std::string_view task) { return swarm.task_ref(task)->status.error; }
  std::map<std::string, int> load() {
    std::map<std::string, int> count;
    for (const auto& [id, task] : swarm.read().tasks().all()) {
      if (task->status.state == TaskState::Assigned) ++count[task->node_id.str()];
    }
    return count;
  }

  store::Swarm swarm;
  Scheduler scheduler;
  std::unique_ptr<store::Store::Watch> watch;
};

TEST_F(SchedulerTest, ATaskGetsANodeAndSaysSo) {
  swarm.node("n1");
  service("web");
  const auto task = pending("web", 1);
  settle();
  EXPECT_EQ(node_of(task), "n1");
  EXPECT_EQ(state_of(task), TaskState::Assigned);
  EXPECT_EQ(swarm.task_ref(task)->status.message, "scheduler assigned task to node");
  EXPECT_EQ(settle(), 0u);
}

TEST_F(SchedulerTest, TasksOfAServiceSpreadOverTheNodes) {
  for (const auto node : {"n1", "n2", "n3"}) swarm.node(node);
  service("web");
  pending_many("web", 7);
  settle();
  EXPECT_THAT(load(),
              ElementsAre(testing::Pair("n1", 3), testing::Pair("n2", 2), testing::Pair("n3", 2)));
}

TEST_F(SchedulerTest, FewestTasksOfTheServiceComeFirstThenFewestTasks) {
  swarm.service("db").running_on({"n1", "n1", "n2"});
  swarm.service("web").running_on({"n2"});
  swarm.node("n3", [](model::Node& node) { node.spec.availability = model::Availability::Drain; });
  service("web2");
  const auto a = pending("web", 2), b = pending("web2", 1);
  settle();
  EXPECT_EQ(node_of(a), "n1") << "n2 has one of the service";
  EXPECT_EQ(node_of(b), "n2") << "n1 has three tasks by now";
}

TEST_F(SchedulerTest, EndedTasksDoNotCountAndGiveTheirResourcesBack) {
  swarm.node("n1");
  service("web", [&](auto& spec) { reserve(spec, 4); });
  const auto first = pending("web", 1), second = pending("web", 2);
  settle();
  EXPECT_EQ(error_of(second), "no suitable node (insufficient resources on 1 node)");
  swarm.edit_task(first, [](auto& task) { task.status.state = TaskState::Complete; });
  settle();
  EXPECT_EQ(node_of(second), "n1");
  EXPECT_EQ(error_of(second), "");
}

TEST_F(SchedulerTest, ReasonsNameEachFilterTheMostFrequentFirst) {
  swarm.node("n1", [](model::Node& node) { node.status.state = model::NodeState::Down; });
  for (const auto node : {"n2", "n3"}) {
    swarm.node(node, [](model::Node& one) { one.description.resources.nano_cpus = 1; });
  }
  for (const auto node : {"n4", "n5", "n6"}) swarm.node(node);
  service("web", [&](auto& spec) {
    reserve(spec, 1);
    spec.placement = model::Placement{.constraints = {"node.labels.disk == ssd"}};
  });
  const auto task = pending("web", 1);
  settle();
  EXPECT_EQ(error_of(task),
            "no suitable node (scheduling constraints not satisfied on 3 nodes; insufficient "
            "resources on 2 nodes; 1 node not available for new tasks)");
  EXPECT_EQ(state_of(task), TaskState::Pending);
}

TEST_F(SchedulerTest, WithoutAnyNodeThereIsNothingToName) {
  service("web");
  const auto task = pending("web", 1);
  settle();
  EXPECT_EQ(error_of(task), "no suitable node");
}

TEST_F(SchedulerTest, AReasonIsWrittenOnlyWhenItsTextChanges) {
  swarm.node("n1", [](model::Node& node) { node.spec.availability = model::Availability::Pause; });
  service("web");
  pending_many("web", 3);
  EXPECT_EQ(settle(), 3u);
  swarm.advance(10s);
  swarm.edit_node("n1", [](model::Node& node) { node.status.message = "still here"; });
  EXPECT_EQ(settle(), 0u);
  const auto late = pending("web", 4);
  EXPECT_EQ(settle(), 1u);
  EXPECT_EQ(error_of(late), "no suitable node (1 node not available for new tasks)");
  swarm.node("n2", [](model::Node& node) { node.spec.availability = model::Availability::Pause; });
  EXPECT_EQ(settle(), 0u) << "not so soon after the last one";
  swarm.advance(kReasonPause);
  EXPECT_EQ(settle(), 4u);
  EXPECT_EQ(error_of(late), "no suitable node (2 nodes not available for new tasks)");
}

TEST_F(SchedulerTest, BlockedTasksFollowANodeThatBecomesFit) {
  swarm.node("n1", [](model::Node& node) { node.status.state = model::NodeState::Down; });
  service("web");
  const auto tasks = pending_many("web", 2);
  settle();
  swarm.edit_node("n1", [](model::Node& node) { node.status.state = model::NodeState::Ready; });
  settle();
  EXPECT_EQ(node_of(tasks[0]), "n1");
  EXPECT_EQ(node_of(tasks[1]), "n1");
}

TEST_F(SchedulerTest, ARemovedNodeLeavesTheReasonToo) {
  for (const auto node : {"n1", "n2"}) {
    swarm.node(node, [](model::Node& one) { one.spec.availability = model::Availability::Drain; });
  }
  service("web");
  const auto task = pending("web", 1);
  settle();
  swarm.remove(NodeId::of("n2"));
  swarm.advance(kReasonPause);
  settle();
  EXPECT_EQ(error_of(task), "no suitable node (1 node not available for new tasks)");
}

TEST_F(SchedulerTest, WhatFitsIsPlacedAndTheRestSaysWhyNot) {
  for (const auto node : {"n1", "n2"}) swarm.node(node);
  service("web", [](auto& spec) { spec.placement = model::Placement{.max_replicas = 2}; });
  const auto tasks = pending_many("web", 5);
  settle();
  EXPECT_THAT(load(), Each(testing::Field(&std::pair<const std::string, int>::second, 2)));
  EXPECT_EQ(error_of(tasks[4]), "no suitable node (max replicas per node limit exceed)");
}

TEST_F(SchedulerTest, MaxReplicasLooksAgainWhenATaskIsToldToStop) {
  swarm.node("n1");
  service("web", [](auto& spec) { spec.placement = model::Placement{.max_replicas = 1}; });
  const auto tasks = pending_many("web", 2);
  settle();
  swarm.edit_task(tasks[0], [](auto& task) { task.desired_state = TaskState::Shutdown; });
  settle();
  EXPECT_EQ(node_of(tasks[1]), "n1");
}

TEST_F(SchedulerTest, HostPortsExcludeEachOther) {
  for (const auto node : {"n1", "n2"}) swarm.node(node);
  service("web");
  const auto tasks = pending_many("web", 3);
  const auto endpoint = std::make_shared<model::Endpoint>();
  endpoint->ports = {{.published_port = 8080, .mode = model::PublishMode::Host}};
  for (const auto& id : tasks) swarm.edit_task(id, [&](auto& task) { task.endpoint = endpoint; });
  settle();
  EXPECT_EQ(node_of(tasks[0]), "n1");
  EXPECT_EQ(node_of(tasks[1]), "n2");
  EXPECT_EQ(error_of(tasks[2]), "no suitable node (host-mode port already in use on 2 nodes)");
}

TEST_F(SchedulerTest, GenericResourcesAreHandedOutByName) {
  swarm.node("n1", [](model::Node& node) {
    node.description.resources.generic = {{"gpu", "one"}, {"gpu", "two"}, {"disk", int64_t{3}}};
  });
  service("web", [](auto& spec) {
    spec.resources.emplace();
    spec.resources->reservations.generic = {{"gpu", int64_t{1}}, {"disk", int64_t{1}}};
  });
  const auto tasks = pending_many("web", 3);
  settle();
  using model::GenericResource;
  EXPECT_THAT(swarm.task_ref(tasks[0])->assigned_generic,
              ElementsAre(GenericResource{"gpu", "one"}, GenericResource{"disk", int64_t{1}}));
  EXPECT_THAT(swarm.task_ref(tasks[1])->assigned_generic,
              ElementsAre(GenericResource{"gpu", "two"}, GenericResource{"disk", int64_t{1}}));
  EXPECT_EQ(error_of(tasks[2]), "no suitable node (insufficient resources on 1 node)");
  swarm.remove(TaskId::of(tasks[0]));
  settle();
  EXPECT_THAT(swarm.task_ref(tasks[2])->assigned_generic,
              ElementsAre(GenericResource{"gpu", "one"}, GenericResource{"disk", int64_t{1}}));
}

TEST_F(SchedulerTest, ANodeWhereTheServiceKeepsFailingComesLast) {
  for (const auto node : {"n1", "n2"}) swarm.node(node);
  service("web");
  for (uint64_t slot = 1; slot <= kFailuresMax; ++slot) {
    const auto task = swarm.task("web", slot, TaskState::Running, "n1")->id.str();
    swarm.edit_task(task, [](auto& one) { one.status.state = TaskState::Failed; });
  }
  std::vector<std::string> tasks = {pending("web", 10), pending("web", 11)};
  settle();
  EXPECT_EQ(node_of(tasks[0]), "n2");
  EXPECT_EQ(node_of(tasks[1]), "n2");
  swarm.advance(kFailureWindow);
  const auto later = pending("web", 12);
  settle();
  EXPECT_EQ(node_of(later), "n1");
}

TEST_F(SchedulerTest, AnotherSpecVersionIsNotPunished) {
  for (const auto node : {"n1", "n2"}) swarm.node(node);
  service("web");
  for (uint64_t slot = 1; slot <= kFailuresMax; ++slot) {
    const auto task = swarm.task("web", slot, TaskState::Running, "n1")->id.str();
    swarm.edit_task(task, [](auto& one) { one.status.state = TaskState::Rejected; });
  }
  swarm.edit_service("web", [](auto& one) { one.spec_version += 1000; });
  const auto task = pending("web", 10);
  settle();
  EXPECT_EQ(node_of(task), "n1");
}

TEST_F(SchedulerTest, APreassignedTaskIsOnlyChecked) {
  swarm.node("n1", [](model::Node& node) { node.spec.availability = model::Availability::Pause; });
  swarm.node("n2");
  service("agent");
  const auto bad = pending("agent", 0, "n1"), good = pending("agent", 0, "n2");
  settle();
  EXPECT_EQ(state_of(good), TaskState::Assigned);
  EXPECT_EQ(swarm.task_ref(good)->status.message,
            "scheduler confirmed task can run on preassigned node");
  EXPECT_EQ(state_of(bad), TaskState::Pending);
  EXPECT_EQ(error_of(bad), "no suitable node (1 node not available for new tasks)");
  EXPECT_EQ(settle(), 0u);
  swarm.edit_node("n1", [](auto& node) { node.spec.availability = model::Availability::Active; });
  settle();
  EXPECT_EQ(state_of(bad), TaskState::Assigned);
}

TEST_F(SchedulerTest, APreassignedTaskNeverGoesElsewhere) {
  swarm.node("n1", [](model::Node& node) { node.status.state = model::NodeState::Down; });
  swarm.node("n2");
  service("agent");
  const auto task = pending("agent", 0, "n1");
  settle();
  EXPECT_EQ(node_of(task), "n1");
  EXPECT_EQ(error_of(task), "no suitable node (1 node not available for new tasks)");
  swarm.edit_node("n1", [](auto& node) { node.status.state = model::NodeState::Ready; });
  settle();
  EXPECT_EQ(state_of(task), TaskState::Assigned);
  EXPECT_EQ(error_of(task), "");
}

TEST_F(SchedulerTest, APreassignedTaskIsTriedAgainWhenItsNodeHasRoom) {
  for (const auto node : {"n1", "n2"}) swarm.node(node);
  service("db", [&](auto& spec) { reserve(spec, 3); });
  service("agent", [&](auto& spec) { reserve(spec, 2); });
  const auto here = swarm.task("db", 1, TaskState::Running, "n1")->id.str();
  const auto there = swarm.task("db", 2, TaskState::Running, "n2")->id.str();
  const auto task = pending("agent", 0, "n1");
  settle();
  EXPECT_EQ(error_of(task), "no suitable node (insufficient resources on 1 node)");
  swarm.edit_task(there, [](auto& one) { one.status.state = TaskState::Failed; });
  EXPECT_EQ(settle(), 0u) << "room on another node is none of its business";
  swarm.edit_task(here, [](auto& one) { one.status.state = TaskState::Failed; });
  settle();
  EXPECT_EQ(state_of(task), TaskState::Assigned);
}

TEST_F(SchedulerTest, APreassignedTaskIsTriedAgainWhenAHostPortIsFree) {
  swarm.node("n1");
  service("agent");
  const auto old = pending("agent", 0, "n1"), next = pending("agent", 0, "n1");
  const auto endpoint = std::make_shared<model::Endpoint>();
  endpoint->ports = {{.published_port = 8080, .mode = model::PublishMode::Host}};
  for (const auto& id : {old, next}) {
    swarm.edit_task(id, [&](auto& task) { task.endpoint = endpoint; });
  }
  settle();
  EXPECT_EQ(error_of(next), "no suitable node (host-mode port already in use on 1 node)");
  swarm.edit_task(old, [](auto& task) { task.desired_state = TaskState::Shutdown; });
  settle();
  EXPECT_EQ(state_of(next), TaskState::Pending) << "it is told to stop, and still there";
  swarm.edit_task(old, [](auto& task) { task.status.state = TaskState::Shutdown; });
  settle();
  EXPECT_EQ(state_of(next), TaskState::Assigned);
}

TEST_F(SchedulerTest, APreassignedTaskIsTriedAgainWhenItsNodeChanges) {
  swarm.node("n1", [](auto& node) { node.description.platform.architecture = "aarch64"; });
  service("agent", [](auto& spec) {
    spec.placement = model::Placement{.platforms = {{.architecture = "amd64", .os = "linux"}}};
  });
  const auto task = pending("agent", 0, "n1");
  settle();
  EXPECT_EQ(error_of(task), "no suitable node (unsupported platform on 1 node)");
  swarm.edit_node("n1", [](auto& node) { node.description.platform.architecture = "x86_64"; });
  settle();
  EXPECT_EQ(state_of(task), TaskState::Assigned);
}

TEST_F(SchedulerTest, APreassignedTaskWaitsForANodeThatItDoesNotKnowYet) {
  service("agent");
  const auto task = pending("agent", 0, "n1");
  settle();
  EXPECT_EQ(error_of(task), "no suitable node");
  swarm.node("n1");
  settle();
  EXPECT_EQ(state_of(task), TaskState::Assigned);
}

TEST_F(SchedulerTest, APreassignedTaskOfARemovedNodeEndsWhenItIsSentAway) {
  swarm.node("n1", [](model::Node& node) { node.spec.availability = model::Availability::Pause; });
  service("agent");
  const auto task = pending("agent", 0, "n1");
  settle();
  swarm.remove(NodeId::of("n1"));
  settle();
  swarm.edit_task(task, [](auto& one) { one.desired_state = TaskState::Remove; });
  settle();
  EXPECT_EQ(state_of(task), TaskState::Shutdown);
  EXPECT_EQ(scheduler.next_deadline(), std::nullopt);
}

TEST_F(SchedulerTest, PreassignedTasksTakeRoomOnTheirNode) {
  for (const auto node : {"n1", "n2"}) swarm.node(node);
  service("agent", [&](auto& spec) { reserve(spec, 3); });
  service("web", [&](auto& spec) { reserve(spec, 2); });
  pending("agent", 0, "n1");
  const auto web = pending("web", 1);
  settle();
  EXPECT_EQ(node_of(web), "n2");
}

TEST_F(SchedulerTest, APendingTaskToldToStopEndsHere) {
  service("web");
  const auto task = pending("web", 1);
  settle();
  swarm.edit_task(task, [](auto& one) { one.desired_state = TaskState::Shutdown; });
  settle();
  EXPECT_EQ(state_of(task), TaskState::Shutdown);
  EXPECT_EQ(scheduler.next_deadline(), std::nullopt);
}

TEST_F(SchedulerTest, ARemovedPendingTaskIsForgotten) {
  service("web");
  const auto task = pending("web", 1);
  settle();
  swarm.remove(TaskId::of(task));
  swarm.node("n1");
  EXPECT_EQ(settle(), 0u);
}

TEST_F(SchedulerTest, ItsOwnDecisionsCountBeforeTheyAreDurable) {
  swarm.node("n1");
  service("web", [&](auto& spec) { reserve(spec, 3); });
  service("db", [&](auto& spec) { reserve(spec, 3); });
  pending("web", 1);
  const store::Plan first = scheduler.plan(swarm.read(), swarm.now());
  ASSERT_EQ(first.update_tasks.size(), 1u);
  ASSERT_TRUE(
      swarm.store().update(swarm.now(), [&](store::WriteTx& tx) { return apply(first, tx); }));
  // The other service arrives while the first decision waits for the disk.
  const auto other = pending("db", 1);
  settle();
  EXPECT_EQ(error_of(other), "no suitable node (insufficient resources on 1 node)");
}

TEST_F(SchedulerTest, AnotherLeaderSeesWhatRunsAndWhatWaits) {
  for (const auto node : {"n1", "n2"}) swarm.node(node);
  service("web", [&](auto& spec) { reserve(spec, 3); });
  const auto tasks = pending_many("web", 3);
  settle();
  scheduler.reset(swarm.read());
  settle();
  EXPECT_EQ(error_of(tasks[2]), "no suitable node (insufficient resources on 2 nodes)");
  swarm.remove(TaskId::of(tasks[1]));
  settle();
  EXPECT_EQ(node_of(tasks[2]), "n2");
}

TEST_F(SchedulerTest, PreferencesSpreadOverBranchesThenNodes) {
  zone("n1", "a"), zone("n2", "a"), zone("n3", "a"), zone("n4", "b");
  service("web",
          [](auto& spec) { spec.placement = model::Placement{.spread = {"node.labels.zone"}}; });
  pending_many("web", 6);
  settle();
  auto loads = load();
  EXPECT_EQ(loads["n4"], 3);
  EXPECT_EQ(loads["n1"], 1);
  EXPECT_EQ(loads["n2"], 1);
  EXPECT_EQ(loads["n3"], 1);
}

TEST_F(SchedulerTest, AFullBranchSpillsOver) {
  zone("n1", "a"), zone("n2", "b");
  swarm.edit_node("n2", [](auto& node) { node.description.resources.nano_cpus = 1'000'000'000; });
  service("web", [&](auto& spec) {
    reserve(spec, 1);
    spec.placement = model::Placement{.spread = {"node.labels.zone"}};
  });
  pending_many("web", 5);
  settle();
  auto loads = load();
  EXPECT_EQ(loads["n1"], 4);
  EXPECT_EQ(loads["n2"], 1);
}

TEST_F(SchedulerTest, AnUnknownPreferenceIsPassedOver) {
  swarm.node("n1");
  service("web", [](auto& spec) { spec.placement = model::Placement{.spread = {"moon.phase"}}; });
  const auto task = pending("web", 1);
  settle();
  EXPECT_EQ(node_of(task), "n1");
}

TEST_F(SchedulerTest, AnAttachmentGoesToItsNodeWhateverBecameOfThat) {
  swarm.node("n1", [](model::Node& node) {
    node.spec.availability = model::Availability::Drain;
    node.description.resources = {};
  });
  swarm.create(store::attachment("one", "n1", "net1", TaskState::Pending));
  swarm.create(store::attachment("two", "n2", "net1", TaskState::Pending));
  settle();
  EXPECT_EQ(state_of("one"), TaskState::Assigned);
  EXPECT_EQ(state_of("two"), TaskState::Pending);
  EXPECT_EQ(error_of("two"), "no suitable node");
  swarm.node("n2");
  settle();
  EXPECT_EQ(state_of("two"), TaskState::Assigned);
}

}  // namespace
}  // namespace shoal::scheduler

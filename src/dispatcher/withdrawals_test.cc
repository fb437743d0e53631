#include "dispatcher/withdrawals.h"

#include "dispatcher/support_test.h"

namespace shoal::dispatcher {
namespace {

// Three nodes of one network, a running task on each; everybody has acknowledged everything.
struct WithdrawalsTest : NetworksTest {
  void SetUp() override {
    for (const auto node : {"n1", "n2", "n3"}) shoal_node(node);
    network("net1");
    network("net2");
    swarm.service("web");
    for (const auto node : {"n1", "n2", "n3"}) {
      tasks.push_back(task("web", TaskState::Running, node, {"net1"}));
    }
    start();
    for (const auto node : {"n1", "n2", "n3"}) join(node);
    acknowledge_all();
  }
  bool is_stopped(const std::string& task) { return desired.at(task) >= TaskState::Shutdown; }

  std::vector<std::string> tasks;
};

TEST_F(WithdrawalsTest, ATaskIsToldToStopWhenEverybodyWhoCarriesItHasTakenItOut) {
  stop(tasks[0]);
  settle();
  for (const auto node : {"n1", "n2", "n3"}) {
    EXPECT_FALSE(told[node].serves("net1", tasks[0]));
    EXPECT_TRUE(told[node].records.contains("net1 task " + tasks[0]));
    EXPECT_FALSE(is_stopped(tasks[0]));
    ASSERT_TRUE(acknowledge(node));
  }
  EXPECT_EQ(desired.at(tasks[0]), TaskState::Shutdown);
  EXPECT_FALSE(is_stopped(tasks[1]));
}

TEST_F(WithdrawalsTest, AnAnswerToAnOlderMessageIsNotEnough) {
  // A message is on its way to n3 when the task is withdrawn.
  const auto fresh = task("web", TaskState::Starting, "n1", {"net1"});
  settle();
  ASSERT_TRUE(acknowledge("n1"));
  ASSERT_TRUE(acknowledge("n2"));
  stop(tasks[0]);
  settle();
  ASSERT_TRUE(acknowledge("n1"));
  ASSERT_TRUE(acknowledge("n2"));
  ASSERT_TRUE(acknowledge("n3"));
  EXPECT_FALSE(is_stopped(tasks[0]));
  ASSERT_TRUE(acknowledge("n3"));
  EXPECT_TRUE(is_stopped(tasks[0]));
}

TEST_F(WithdrawalsTest, NobodyIsWaitedForLongerThanTwoSeconds) {
  stop(tasks[0]);
  settle();
  ASSERT_TRUE(acknowledge("n1"));
  ASSERT_TRUE(acknowledge("n2"));
  pass(kWithdrawWait - 1ms);
  EXPECT_FALSE(is_stopped(tasks[0]));
  pass(1ms);
  EXPECT_TRUE(is_stopped(tasks[0]));
}

TEST_F(WithdrawalsTest, ANodeThatLetOthersWaitInVainIsNotWaitedForUntilItAnswers) {
  stop(tasks[0]);
  settle();
  ASSERT_TRUE(acknowledge("n1"));
  ASSERT_TRUE(acknowledge("n2"));
  pass(kWithdrawWait);
  stop(tasks[1]);
  settle();
  ASSERT_TRUE(acknowledge("n1"));
  EXPECT_FALSE(is_stopped(tasks[1]));
  ASSERT_TRUE(acknowledge("n2"));
  EXPECT_TRUE(is_stopped(tasks[1]));

  ASSERT_TRUE(acknowledge("n3"));
  stop(tasks[2]);
  settle();
  ASSERT_TRUE(acknowledge("n1"));
  ASSERT_TRUE(acknowledge("n2"));
  EXPECT_FALSE(is_stopped(tasks[2]));
  ASSERT_TRUE(acknowledge("n3"));
  ASSERT_TRUE(acknowledge("n3"));
  EXPECT_TRUE(is_stopped(tasks[2]));
}

TEST_F(WithdrawalsTest, ANewSessionIsNoAnswer) {
  stop(tasks[0]);
  settle();
  ASSERT_TRUE(acknowledge("n1"));
  ASSERT_TRUE(acknowledge("n2"));
  join("n3");
  EXPECT_FALSE(is_stopped(tasks[0]));
  EXPECT_FALSE(told["n3"].serves("net1", tasks[0]));
  ASSERT_TRUE(acknowledge("n3"));
  EXPECT_TRUE(is_stopped(tasks[0]));
}

// A node that subscribes again meanwhile gets everything, and must not learn it from there.
TEST_F(WithdrawalsTest, ACompleteAssignmentShowsWhatTheTaskWasToldBefore) {
  stop(tasks[0]);
  ASSERT_TRUE(dispatcher.subscribe(NodeId::of("n1"), sessions["n1"]));
  settle();
  EXPECT_EQ(desired.at(tasks[0]), TaskState::Running);
  for (const auto node : {"n1", "n2", "n3"}) ASSERT_TRUE(acknowledge(node));
  EXPECT_TRUE(is_stopped(tasks[0]));
}

TEST_F(WithdrawalsTest, NodesThatAreNotReadyAreNotWaitedFor) {
  node_state("n3", model::NodeState::Disconnected);
  settle();
  acknowledge_all();
  stop(tasks[0]);
  settle();
  ASSERT_TRUE(acknowledge("n1"));
  EXPECT_FALSE(is_stopped(tasks[0]));
  // One that goes while it is waited for is waited for no longer.
  node_state("n2", model::NodeState::Down);
  settle();
  EXPECT_TRUE(is_stopped(tasks[0]));
}

TEST_F(WithdrawalsTest, ANodeThatIsRemovedMeanwhileIsNotWaitedFor) {
  stop(tasks[0]);
  settle();
  ASSERT_TRUE(acknowledge("n1"));
  ASSERT_TRUE(acknowledge("n2"));
  swarm.remove(NodeId::of("n3"));
  settle();
  EXPECT_TRUE(is_stopped(tasks[0]));
}

TEST_F(WithdrawalsTest, DockerEnginesCarryNothing) {
  docker_node("docker");
  task("web", TaskState::Running, "docker", {"net1"});
  join("docker");
  acknowledge_all();
  stop(tasks[0]);
  settle();
  for (const auto node : {"n1", "n2", "n3"}) ASSERT_TRUE(acknowledge(node));
  EXPECT_TRUE(is_stopped(tasks[0]));
}

TEST_F(WithdrawalsTest, WhoDoesNotTakePartIsNotWaitedFor) {
  shoal_node("n4");
  join("n4");
  const auto alone = task("web", TaskState::Running, "n4", {"net2"});
  settle();
  ASSERT_TRUE(acknowledge("n4"));
  ASSERT_TRUE(acknowledge("n4"));
  stop(alone);
  settle();
  EXPECT_FALSE(is_stopped(alone));
  ASSERT_TRUE(acknowledge("n4"));
  EXPECT_TRUE(is_stopped(alone));
}

TEST_F(WithdrawalsTest, ATaskOfTwoNetworksWaitsForThoseOfBoth) {
  shoal_node("n4");
  join("n4");
  const auto both = task("web", TaskState::Running, "n1", {"net1", "net2"});
  task("web", TaskState::Running, "n4", {"net2"});
  settle();
  acknowledge_all();
  acknowledge_all();
  stop(both);
  settle();
  for (const auto node : {"n1", "n2", "n3"}) ASSERT_TRUE(acknowledge(node));
  EXPECT_FALSE(is_stopped(both));
  ASSERT_TRUE(acknowledge("n4"));
  EXPECT_TRUE(is_stopped(both));
}

TEST_F(WithdrawalsTest, SeveralAreWithdrawnWithOneMessage) {
  for (const auto& task : tasks) stop(task, TaskState::Remove);
  settle();
  for (const auto node : {"n1", "n2", "n3"}) {
    EXPECT_EQ(count(node), count("n1"));
    ASSERT_TRUE(acknowledge(node));
  }
  for (const auto& task : tasks) EXPECT_EQ(desired.at(task), TaskState::Remove);
}

TEST_F(WithdrawalsTest, WhoGivesNoAnswersIsStoppedAtOnce) {
  const auto starting = task("web", TaskState::Starting, "n1", {"net1"});
  const auto lonely = task("web", TaskState::Running, "n1", {});
  settle();
  acknowledge_all();
  stop(starting);
  stop(lonely);
  settle();
  EXPECT_TRUE(is_stopped(starting));
  EXPECT_TRUE(is_stopped(lonely));
}

TEST_F(WithdrawalsTest, ATaskThatEndsMeanwhileIsReleasedAtOnce) {
  stop(tasks[0]);
  settle();
  observe(tasks[0], TaskState::Failed);
  settle();
  EXPECT_TRUE(is_stopped(tasks[0]));
  stop(tasks[1]);
  settle();
  swarm.remove(TaskId::of(tasks[1]));
  settle();
  EXPECT_EQ(desired.at(tasks[1]), TaskState::Remove);
  pass(kWithdrawWait);
  EXPECT_EQ(desired.at(tasks[1]), TaskState::Remove);
}

TEST_F(WithdrawalsTest, ATaskWhoseNodeIsDownIsReleasedAtOnce) {
  stop(tasks[0]);
  settle();
  node_state("n1", model::NodeState::Down);
  settle();
  EXPECT_TRUE(is_stopped(tasks[0]));
  node_state("n2", model::NodeState::Down);
  stop(tasks[1]);
  settle();
  EXPECT_TRUE(is_stopped(tasks[1]));
}

TEST_F(WithdrawalsTest, WhatIsDecidedMeanwhileIsToldInTheEnd) {
  stop(tasks[0], TaskState::Shutdown);
  settle();
  stop(tasks[0], TaskState::Remove);
  settle();
  EXPECT_EQ(desired.at(tasks[0]), TaskState::Running);
  for (const auto node : {"n1", "n2", "n3"}) ASSERT_TRUE(acknowledge(node));
  EXPECT_EQ(desired.at(tasks[0]), TaskState::Remove);
}

TEST_F(WithdrawalsTest, ANewLeaderStartsTheWaitAgain) {
  stop(tasks[0]);
  settle();
  for (const auto node : {"n1", "n2"}) ASSERT_TRUE(acknowledge(node));
  start();
  for (const auto node : {"n1", "n2", "n3"}) join(node);
  EXPECT_EQ(desired.at(tasks[0]), TaskState::Running);
  for (const auto node : {"n1", "n2", "n3"}) {
    EXPECT_FALSE(is_stopped(tasks[0]));
    ASSERT_TRUE(acknowledge(node));
  }
  EXPECT_TRUE(is_stopped(tasks[0]));
}

TEST_F(WithdrawalsTest, ANewLeaderWaitsNoLongerForNodesThatDoNotComeBack) {
  stop(tasks[0]);
  start();
  join("n1");
  EXPECT_EQ(desired.at(tasks[0]), TaskState::Running);
  pass(kWithdrawWait);
  EXPECT_TRUE(is_stopped(tasks[0]));
}

TEST_F(WithdrawalsTest, AJobsTaskServesWhileItWorks) {
  const auto job = task("web", TaskState::Running, "n1", {"net1"});
  swarm.edit_task(job, [](model::Task& t) { t.desired_state = TaskState::Complete; });
  settle();
  acknowledge_all();
  EXPECT_TRUE(told["n2"].serves("net1", job));
  EXPECT_EQ(desired.at(job), TaskState::Complete);
}

}  // namespace
}  // namespace shoal::dispatcher

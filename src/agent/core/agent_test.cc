#include "agent/core/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/check.h"

namespace shoal::agent {
namespace {

using model::AssignmentAction;
using model::AssignmentsMessage;
using model::AssignmentsType;
using model::SessionId;
using model::TaskId;
using model::TaskState;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

model::Ref<model::Task> make_task(std::string_view id, TaskState desired = TaskState::Running,
                                  TaskState state = TaskState::Assigned) {
  auto task = std::make_shared<model::Task>();
  task->id = TaskId::of(id);
  task->desired_state = desired;
  task->status.state = state;
  return task;
}

std::string word(OperationKind kind) {
  switch (kind) {
    case OperationKind::Prepare:
      return "prepare";
    case OperationKind::Start:
      return "start";
    case OperationKind::Stop:
      return "stop";
    case OperationKind::Remove:
      return "remove";
  }
  return "?";
}

// An agent with an open session; steps collect what it asks and says.
class AgentTest : public testing::Test {
 protected:
  AgentTest() { connect("s1"); }

  void connect(std::string_view session) {
    agent.on_session({.session = SessionId::of(session), .node = nullptr, .managers = {}});
  }

  void complete(std::vector<model::Ref<model::Task>> tasks) {
    AssignmentsMessage message{.type = AssignmentsType::Complete, .results_in = next_sequence()};
    for (auto& task : tasks) {
      message.changes.push_back({AssignmentAction::Update, task->id, task});
    }
    ASSERT_TRUE(agent.on_assignments(message, now));
    step();
  }

  Result<void> incremental(std::vector<model::AssignmentChange> changes) {
    AssignmentsMessage message{.type = AssignmentsType::Incremental,
                               .applies_to = std::to_string(sequence),
                               .results_in = next_sequence(),
                               .changes = std::move(changes)};
    auto result = agent.on_assignments(message, now);
    step();
    return result;
  }
  void update(model::Ref<model::Task> task) {
    ASSERT_TRUE(incremental({{AssignmentAction::Update, task->id, task}}));
  }
  void remove(std::string_view id) {
    ASSERT_TRUE(incremental({{AssignmentAction::Remove, TaskId::of(id), nullptr}}));
  }

  void outcome(std::string_view id, decltype(Outcome::result) result) {
    agent.on_outcome({TaskId::of(id), std::move(result)}, now);
    step();
  }

  // Runs the agent at this moment; operations and reports are added to what was seen.
  void step() {
    Effects effects = agent.step(now);
    for (const auto& op : effects.operations)
      asked.push_back(word(op.kind) + " " + op.task_id.str());
    for (auto& report : effects.reports) reports.push_back(std::move(report));
    report_count += !effects.reports.empty();
  }
  void pass(Duration by) {
    now = now + by;
    step();
  }

  void run(std::string_view id) {
    complete({make_task(id)});
    outcome(id, Prepared{{.container_id = "c1"}});
    outcome(id, Started{{.container_id = "c1", .pid = 42}, {}});
    asked.clear();
  }

  const model::TaskStatus& status(std::string_view id) {
    const TaskMachine* machine = agent.find(TaskId::of(id));
    CHECK(machine);
    return machine->status();
  }
  TaskState state(std::string_view id) { return status(id).state; }
  std::string next_sequence() { return std::to_string(++sequence); }

  Agent agent;
  Time now{1'700'000'000'000'000'000};
  int sequence = 0;
  std::vector<std::string> asked;
  std::vector<model::StatusUpdate> reports;
  int report_count = 0;
};

TEST_F(AgentTest, ATaskIsPreparedStartedAndReportedAsRunning) {
  complete({make_task("a")});
  EXPECT_THAT(asked, ElementsAre("prepare a"));
  outcome("a", Prepared{{.container_id = "c1"}});
  outcome("a", Started{{.container_id = "c1", .pid = 42}, {}});
  EXPECT_THAT(asked, ElementsAre("prepare a", "start a"));
  pass(kReportPause);
  ASSERT_FALSE(reports.empty());
  EXPECT_EQ(reports.back().status.state, TaskState::Running);
  EXPECT_EQ(reports.back().status.message, "started");
  EXPECT_EQ(reports.back().status.container->pid, 42);
}

TEST_F(AgentTest, TheFirstReportGoesAtOnceAndStepsOnTheWayWait) {
  complete({make_task("a"), make_task("b")});
  EXPECT_EQ(report_count, 1);
  outcome("a", Prepared{});
  outcome("b", Prepared{});
  EXPECT_EQ(report_count, 1);
  pass(kReportPause);
  EXPECT_EQ(report_count, 2);
  EXPECT_THAT(reports, SizeIs(4));
}

TEST_F(AgentTest, AnEndIsReportedWithoutTheLongPause) {
  run("a");
  pass(kReportPause);
  pass(kReportPause);
  const int before = report_count;
  outcome("a", Exited{{.exit_code = 1}, ""});
  EXPECT_EQ(report_count, before + 1);
  EXPECT_EQ(reports.back().status.state, TaskState::Failed);
}

TEST_F(AgentTest, DesiredReadyHoldsThePreparedTask) {
  complete({make_task("a", TaskState::Ready)});
  outcome("a", Prepared{});
  EXPECT_THAT(asked, ElementsAre("prepare a"));
  EXPECT_EQ(state("a"), TaskState::Ready);
  update(make_task("a", TaskState::Running));
  EXPECT_THAT(asked, ElementsAre("prepare a", "start a"));
}

TEST_F(AgentTest, AJobsTaskRunsToCompletion) {
  complete({make_task("a", TaskState::Complete)});
  outcome("a", Prepared{});
  outcome("a", Started{});
  outcome("a", Exited{{.exit_code = 0}, ""});
  EXPECT_EQ(state("a"), TaskState::Complete);
  EXPECT_EQ(status("a").message, "finished");
}

TEST_F(AgentTest, FailureBeforeStartingIsRejectedAndAfterwardsFailed) {
  complete({make_task("a"), make_task("b")});
  outcome("a", OperationFailed{OperationKind::Prepare, "No such image: nope:latest", false});
  EXPECT_EQ(state("a"), TaskState::Rejected);
  EXPECT_EQ(status("a").error, "No such image: nope:latest");
  outcome("b", Prepared{});
  outcome("b", OperationFailed{OperationKind::Start, "exec: not found", false});
  EXPECT_EQ(state("b"), TaskState::Failed);
}

TEST_F(AgentTest, ExitCodesAreExplained) {
  run("a");
  outcome("a", Exited{{.container_id = "c1", .exit_code = 137}, "dockerexec: unhealthy container"});
  EXPECT_EQ(state("a"), TaskState::Failed);
  EXPECT_EQ(status("a").error, "task: non-zero exit (137): dockerexec: unhealthy container");
  EXPECT_EQ(status("a").container->exit_code, 137);
  EXPECT_THAT(asked, IsEmpty()) << "the container stays for its logs";
}

TEST_F(AgentTest, AnExitWhileStartingIsAFailure) {
  complete({make_task("a")});
  outcome("a", Prepared{});
  outcome("a", Exited{{.exit_code = 3}, ""});
  EXPECT_EQ(state("a"), TaskState::Failed);
  EXPECT_EQ(status("a").error, "task: non-zero exit (3)");
}

TEST_F(AgentTest, DesiredShutdownStopsTheContainerAndKeepsIt) {
  run("a");
  update(make_task("a", TaskState::Shutdown));
  EXPECT_THAT(asked, ElementsAre("stop a"));
  outcome("a", Exited{{.container_id = "c1", .exit_code = 143}, ""});
  EXPECT_EQ(state("a"), TaskState::Running) << "not before the executor says so";
  outcome("a", Stopped{});
  EXPECT_EQ(state("a"), TaskState::Shutdown);
  EXPECT_EQ(status("a").container->exit_code, 143);
  EXPECT_THAT(asked, ElementsAre("stop a"));
}

// A leader that begins says once more what held before, until it may tell the task to stop.
TEST_F(AgentTest, AStopThatWasToldOnceStands) {
  run("t1");
  update(make_task("t1", TaskState::Shutdown));
  outcome("t1", OperationFailed{.kind = OperationKind::Stop, .error = "busy", .temporary = true});
  connect("s2");
  complete({make_task("t1", TaskState::Running)});
  pass(kRetryPauseMax);
  EXPECT_THAT(asked, ElementsAre("stop t1", "stop t1"));
  outcome("t1", Stopped{});
  EXPECT_EQ(state("t1"), TaskState::Shutdown);
}

TEST_F(AgentTest, ShutdownWhilePreparingStopsThat) {
  complete({make_task("a")});
  update(make_task("a", TaskState::Shutdown));
  outcome("a", Prepared{});
  EXPECT_THAT(asked, ElementsAre("prepare a", "stop a"));
  outcome("a", Stopped{});
  EXPECT_EQ(state("a"), TaskState::Shutdown);
}

TEST_F(AgentTest, ATaskToldToStopBeforeAnythingHappenedNeedsNoExecutor) {
  complete({make_task("a", TaskState::Shutdown)});
  EXPECT_THAT(asked, IsEmpty());
  EXPECT_EQ(state("a"), TaskState::Shutdown);
}

TEST_F(AgentTest, AWithdrawnTaskIsStoppedRemovedAndForgotten) {
  run("a");
  pass(kReportPause);
  const size_t reported = reports.size();
  remove("a");
  outcome("a", Stopped{});
  EXPECT_THAT(asked, ElementsAre("stop a", "remove a"));
  outcome("a", Removed{});
  EXPECT_EQ(agent.task_count(), 0u);
  pass(kReportPause);
  EXPECT_EQ(reports.size(), reported) << "the manager no longer knows it";
}

TEST_F(AgentTest, ADeadTasksContainerIsRemovedOnWithdrawal) {
  run("a");
  outcome("a", Exited{{.exit_code = 0}, ""});
  remove("a");
  EXPECT_THAT(asked, ElementsAre("remove a"));
}

TEST_F(AgentTest, ACompleteAssignmentRemovesWhatItDoesNotName) {
  run("a");
  complete({make_task("b")});
  EXPECT_THAT(asked, ElementsAre("stop a", "prepare b"));
}

TEST_F(AgentTest, AnIncrementThatDoesNotApplyChangesNothing) {
  run("a");
  AssignmentsMessage stray{.type = AssignmentsType::Incremental,
                           .applies_to = "another",
                           .results_in = "x",
                           .changes = {{AssignmentAction::Remove, TaskId::of("a"), nullptr}}};
  const auto result = agent.on_assignments(stray, now);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::FailedPrecondition);
  step();
  EXPECT_THAT(asked, IsEmpty());
}

TEST_F(AgentTest, AnIncrementWithoutACompleteFirstIsRefused) {
  connect("s2");
  EXPECT_FALSE(incremental({}));
}

TEST_F(AgentTest, RemovalOfAnUnknownTaskIsPassedOver) {
  complete({});
  remove("nobody");
  EXPECT_THAT(asked, IsEmpty());
}

TEST_F(AgentTest, ContainersGoOnWithoutAManagerAndEverythingIsReportedAnew) {
  run("a");
  pass(kReportPause);
  agent.on_session_lost();
  outcome("a", Exited{{.exit_code = 9}, ""});
  pass(1s);
  reports.clear();
  connect("s2");
  step();
  ASSERT_THAT(reports, SizeIs(1));
  EXPECT_EQ(reports[0].status.state, TaskState::Failed);
}

TEST_F(AgentTest, PassingFailuresAreTriedAgainWithGrowingPauses) {
  complete({make_task("a")});
  const OperationFailed failure{OperationKind::Prepare, "registry is away", true};
  outcome("a", failure);
  EXPECT_EQ(state("a"), TaskState::Preparing);
  EXPECT_EQ(status("a").error, "registry is away");
  EXPECT_THAT(asked, SizeIs(1));
  pass(kRetryPauseMin);
  EXPECT_THAT(asked, SizeIs(2));
  outcome("a", failure);
  pass(kRetryPauseMin);
  EXPECT_THAT(asked, SizeIs(2));
  pass(kRetryPauseMin);
  EXPECT_THAT(asked, SizeIs(3));
  outcome("a", Prepared{});
  EXPECT_EQ(status("a").error, "");
}

TEST_F(AgentTest, AFailureForGoodAfterAPassingOneLeavesNothingDue) {
  complete({make_task("a")});
  outcome("a", OperationFailed{OperationKind::Prepare, "registry is away", true});
  pass(kRetryPauseMin);
  outcome("a", OperationFailed{OperationKind::Prepare, "no such image", false});
  EXPECT_EQ(state("a"), TaskState::Rejected);
  pass(kReportPause);
  EXPECT_FALSE(agent.next_deadline());
}

TEST_F(AgentTest, AFailedStopIsTriedAgainAndEndsNothing) {
  run("a");
  update(make_task("a", TaskState::Shutdown));
  outcome("a", OperationFailed{OperationKind::Stop, "kill: timed out", false});
  EXPECT_EQ(state("a"), TaskState::Running);
  pass(kRetryPauseMin);
  EXPECT_THAT(asked, ElementsAre("stop a", "stop a"));
}

TEST_F(AgentTest, ALateOutcomeOfAnAbandonedOperationIsPassedOver) {
  complete({make_task("a")});
  remove("a");
  EXPECT_THAT(asked, ElementsAre("prepare a", "remove a"));
  outcome("a", Prepared{});
  outcome("a", Removed{});
  outcome("a", Exited{});
  EXPECT_EQ(agent.task_count(), 0u);
}

TEST_F(AgentTest, WhatAnAdoptedTaskHasBeenSinceStaysSo) {
  Agent restarted;
  restarted.adopt({{TaskId::of("a"), FoundContainer::Condition::Running, {"c1", 7, 0}, {}}}, now);
  agent = std::move(restarted);
  connect("s1");
  auto known =
      std::make_shared<model::Task>(*make_task("a", TaskState::Running, TaskState::Running));
  known->status.timestamp = Time{5};
  known->status.message = "started";
  complete({known});
  EXPECT_EQ(status("a").timestamp, Time{5});
  EXPECT_EQ(status("a").container->container_id, "c1");
}

TEST_F(AgentTest, ANodeThatWasRemovedStopsAndRemovesEverything) {
  run("a");
  agent.on_session_lost();
  agent.on_removed();
  step();
  EXPECT_THAT(asked, ElementsAre("stop a"));
  outcome("a", Stopped{});
  outcome("a", Removed{});
  EXPECT_EQ(agent.task_count(), 0u);
}

TEST_F(AgentTest, AdoptedContainersGoOnOnceTheManagerNamesThem) {
  Agent restarted;
  restarted.adopt({{TaskId::of("a"), FoundContainer::Condition::Running, {"c1", 7, 0}, {}},
                   {TaskId::of("b"), FoundContainer::Condition::Running, {"c2", 8, 0}, {}},
                   {TaskId::of("c"), FoundContainer::Condition::Exited, {"c3", 0, 2}, {}}},
                  now);
  agent = std::move(restarted);
  connect("s1");
  step();
  EXPECT_THAT(asked, IsEmpty()) << "nothing before the manager has spoken";
  complete({make_task("a", TaskState::Running, TaskState::Running),
            make_task("c", TaskState::Running, TaskState::Running)});
  EXPECT_THAT(asked, ElementsAre("stop b"));
  EXPECT_EQ(state("a"), TaskState::Running);
  EXPECT_EQ(state("c"), TaskState::Failed);
  EXPECT_EQ(status("c").error, "task: non-zero exit (2)");
}

TEST_F(AgentTest, AnAdoptedContainerWhoseStartTheManagerDidNotSeeIsStartedToItsEnd) {
  Agent restarted;
  restarted.adopt({{TaskId::of("a"), FoundContainer::Condition::Running, {"c1", 7, 0}, {}}}, now);
  agent = std::move(restarted);
  connect("s1");
  complete({make_task("a", TaskState::Running, TaskState::Preparing)});
  EXPECT_THAT(asked, ElementsAre("start a"));
  EXPECT_EQ(state("a"), TaskState::Starting);
  outcome("a", Started{{"c1", 7, 0}, {}});
  EXPECT_EQ(state("a"), TaskState::Running);
}

TEST_F(AgentTest, AnAdoptedContainerWhoseStartNobodySawIsStoppedWhenThatIsWanted) {
  Agent restarted;
  restarted.adopt({{TaskId::of("a"), FoundContainer::Condition::Running, {"c1", 7, 0}, {}}}, now);
  agent = std::move(restarted);
  connect("s1");
  complete({make_task("a", TaskState::Shutdown, TaskState::Preparing)});
  EXPECT_THAT(asked, ElementsAre("stop a"));
}

TEST_F(AgentTest, AContainerThatNeverRanCannotBeThatOfARunningTask) {
  Agent restarted;
  restarted.adopt({{TaskId::of("a"), FoundContainer::Condition::Created, {"c1", 0, 0}, {}}}, now);
  agent = std::move(restarted);
  connect("s1");
  complete({make_task("a", TaskState::Running, TaskState::Running)});
  EXPECT_THAT(asked, IsEmpty());
  EXPECT_EQ(state("a"), TaskState::Failed);
}

TEST_F(AgentTest, ARunningTaskWhoseContainerIsGoneHasFailed) {
  complete({make_task("a", TaskState::Running, TaskState::Running)});
  EXPECT_THAT(asked, IsEmpty());
  EXPECT_EQ(state("a"), TaskState::Failed);
}

TEST_F(AgentTest, AnOrphanedTaskThatStillRunsIsStopped) {
  run("a");
  agent.on_session_lost();
  connect("s2");
  complete({make_task("a", TaskState::Running, TaskState::Orphaned)});
  EXPECT_THAT(asked, ElementsAre("stop a"));
}

TEST_F(AgentTest, ADeadTaskOfTheHistoryAsksForNothing) {
  complete({make_task("a", TaskState::Shutdown, TaskState::Failed)});
  EXPECT_THAT(asked, IsEmpty());
  EXPECT_THAT(reports, IsEmpty());
  remove("a");
  EXPECT_EQ(agent.task_count(), 0u);
}

}  // namespace
}  // namespace shoal::agent

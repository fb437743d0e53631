#include "dispatcher/dispatcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/testing.h"

namespace shoal::dispatcher {
namespace {

using model::NodeId;
using model::NodeState;
using model::SessionId;
using model::TaskId;
using model::TaskState;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const NodeId kN1 = NodeId::of("n1");

// A dispatcher over a small store, driven as the manager does.
class DispatcherTest : public testing::Test {
 protected:
  void start() {
    dispatcher.reset(swarm.read());
    watch = swarm.store().watch([this](const store::Batch& batch) { dispatcher.on_batch(batch); });
    settle();
  }

  // Commits plans until nothing is due at this moment.
  void settle() {
    for (int round = 0; round < 20; ++round) {
      const auto due = dispatcher.next_deadline();
      if (!due || *due > swarm.now()) return;
      swarm.apply(dispatcher.plan(swarm.read(), swarm.now()));
    }
    FAIL() << "the dispatcher never comes to rest";
  }

  SessionId join(std::string_view node = "n1") {
    auto session = dispatcher.open_session(
        NodeId::of(node), {.description = swarm.node_ref(node)->description, .address = "10.0.0.1"},
        swarm.now());
    EXPECT_TRUE(session) << session.error().message;
    settle();
    return session.value_or(SessionId{});
  }

  SessionId join_and_subscribe() {
    const SessionId session = join();
    EXPECT_TRUE(dispatcher.subscribe(kN1, session));
    dispatcher.take_outgoing();
    return session;
  }

  Result<void> report(const SessionId& session, std::string_view task, TaskState state,
                      std::string error = "") {
    swarm.advance(1ms);
    model::TaskStatus status{.timestamp = swarm.now(), .state = state, .error = std::move(error)};
    auto result = dispatcher.update_task_status(
        swarm.read(), kN1, session, {{TaskId::of(task), std::move(status)}}, swarm.now());
    settle();
    return result;
  }

  // The assignments among what waits to be sent.
  std::vector<model::AssignmentsMessage> assignments() {
    std::vector<model::AssignmentsMessage> found;
    for (auto& outgoing : dispatcher.take_outgoing()) {
      if (auto* message = std::get_if<model::AssignmentsMessage>(&outgoing.message)) {
        found.push_back(std::move(*message));
      }
    }
    return found;
  }

  NodeState node_state(std::string_view node = "n1") { return swarm.node_ref(node)->status.state; }
  TaskState task_state(std::string_view task) { return swarm.task_ref(task)->status.state; }

  store::Swarm swarm;
  Rng rng{1};
  Dispatcher dispatcher{rng};
  std::unique_ptr<store::Store::Watch> watch;
};

std::vector<std::string> described(const model::AssignmentsMessage& message) {
  std::vector<std::string> lines;
  for (const auto& change : message.changes) {
    lines.push_back((change.action == model::AssignmentAction::Remove ? "-" : "+") +
                    change.task_id.str());
  }
  return lines;
}

TEST_F(DispatcherTest, ARegisteredNodeIsReadyWithItsAddressAndDescription) {
  swarm.node("n1", [](model::Node& node) { node.status = {}; });
  start();
  model::NodeDescription description{.hostname = "renamed"};
  const auto session = dispatcher.open_session(
      kN1, {.description = description, .previous = {}, .address = "10.0.0.9"}, swarm.now());
  ASSERT_TRUE(session);
  settle();

  const auto node = swarm.node_ref("n1");
  EXPECT_EQ(node->status.state, NodeState::Ready);
  EXPECT_EQ(node->status.address, "10.0.0.9");
  EXPECT_EQ(node->description, description);
  const auto sent = dispatcher.take_outgoing();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(std::get<model::SessionMessage>(sent[0].message).session, *session);
}

TEST_F(DispatcherTest, AnUnknownNodeGetsNoSession) {
  start();
  const auto session = dispatcher.open_session(NodeId::of("stranger"), {}, swarm.now());
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error(), (Error{ErrorCode::NotFound, "node not found"}));
}

TEST_F(DispatcherTest, NothingIsTakenBeforeTheStateIsLoaded) {
  swarm.node("n1");
  const auto session = dispatcher.open_session(kN1, {}, swarm.now());
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, ErrorCode::Unavailable);
}

TEST_F(DispatcherTest, TheFourthRegistrationWithinEightSecondsIsRefused) {
  swarm.node("n1");
  start();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(dispatcher.open_session(kN1, {}, swarm.now()));
  EXPECT_EQ(dispatcher.open_session(kN1, {}, swarm.now()).error().code, ErrorCode::Unavailable);
  swarm.advance(9s);
  EXPECT_TRUE(dispatcher.open_session(kN1, {}, swarm.now()));
}

TEST_F(DispatcherTest, ANewDescriptionKeepsTheSession) {
  swarm.node("n1");
  start();
  const SessionId session = join();
  for (int i = 0; i < 10; ++i) {
    const auto again = dispatcher.open_session(kN1, {.previous = session}, swarm.now());
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, session);
  }
}

TEST_F(DispatcherTest, ALateCopyOfTheRequestDoesNotSilenceTheAssignments) {
  swarm.service("web").running_on({"n1"});
  start();
  const SessionId session = join_and_subscribe();
  ASSERT_TRUE(dispatcher.open_session(kN1, {.previous = session}, swarm.now()));
  swarm.edit_task("web.1.a", [](model::Task& t) { t.desired_state = TaskState::Shutdown; });
  EXPECT_THAT(assignments(), SizeIs(1));
}

TEST_F(DispatcherTest, ASecondSessionEndsTheFirst) {
  swarm.node("n1");
  start();
  const SessionId first = join(), second = join();
  EXPECT_NE(first, second);
  EXPECT_EQ(dispatcher.heartbeat(kN1, first, swarm.now()).error(),
            (Error{ErrorCode::InvalidArgument, "session invalid"}));
  EXPECT_TRUE(dispatcher.heartbeat(kN1, second, swarm.now()));
}

TEST_F(DispatcherTest, ThreeMissedHeartbeatsTakeANodeDown) {
  swarm.node("n1");
  start();
  const SessionId session = join();
  for (int beat = 0; beat < 5; ++beat) {
    swarm.advance(1s);
    settle();
    ASSERT_EQ(dispatcher.heartbeat(kN1, session, swarm.now()), Result<Duration>(1s));
  }
  swarm.advance(2999ms);
  settle();
  EXPECT_EQ(node_state(), NodeState::Ready);
  swarm.advance(1ms);
  settle();
  EXPECT_EQ(node_state(), NodeState::Down);
  EXPECT_EQ(swarm.node_ref("n1")->status.message, "heartbeat failure");
  EXPECT_EQ(dispatcher.heartbeat(kN1, session, swarm.now()).error().message, "node not registered");
}

TEST_F(DispatcherTest, ARestartGivesNodesTimeToComeBack) {
  swarm.node("n1");
  swarm.node("n2");
  start();
  swarm.advance(9s);
  settle();
  EXPECT_EQ(node_state("n1"), NodeState::Ready);
  join("n1");
  swarm.advance(1s);
  settle();
  EXPECT_EQ(node_state("n1"), NodeState::Ready);
  EXPECT_EQ(node_state("n2"), NodeState::Down);
}

TEST_F(DispatcherTest, ANodeThatLeavesIsDownAtOnce) {
  swarm.node("n1");
  start();
  const SessionId session = join();
  ASSERT_TRUE(dispatcher.leave(kN1, session, swarm.now()));
  settle();
  EXPECT_EQ(node_state(), NodeState::Down);
}

TEST_F(DispatcherTest, ALostConnectionAloneTakesNothingDown) {
  swarm.node("n1");
  start();
  dispatcher.end_session(kN1, join());
  swarm.advance(1s);
  settle();
  EXPECT_EQ(node_state(), NodeState::Ready);
  join();
  swarm.advance(2500ms);
  settle();
  EXPECT_EQ(node_state(), NodeState::Ready);
}

TEST_F(DispatcherTest, TheFirstAssignmentIsCompleteAndLaterOnesHoldWhatChanged) {
  swarm.service("web").running_on({"n1", "n2"});
  swarm.task("web", 3, TaskState::Pending);
  start();
  const SessionId session = join();
  ASSERT_TRUE(dispatcher.subscribe(kN1, session));
  auto sent = assignments();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].type, model::AssignmentsType::Complete);
  EXPECT_THAT(described(sent[0]), ElementsAre("+web.1.a"));
  const std::string at = sent[0].results_in;

  swarm.edit_task("web.3.c", [](model::Task& task) {
    task.node_id = kN1;
    task.status.state = TaskState::Assigned;
  });
  swarm.remove(TaskId::of("web.1.a"));
  swarm.edit_task("web.2.b", [](model::Task& t) { t.desired_state = TaskState::Shutdown; });
  sent = assignments();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].type, model::AssignmentsType::Incremental);
  EXPECT_EQ(sent[0].applies_to, at);
  EXPECT_THAT(described(sent[0]), ElementsAre("-web.1.a", "+web.3.c"));
}

TEST_F(DispatcherTest, AKeptSessionGoesOnHearingOfItsTasks) {
  swarm.service("web").running_on({"n1"});
  start();
  const SessionId session = join_and_subscribe();
  ASSERT_TRUE(dispatcher.open_session(kN1, {.previous = session}, swarm.now()));
  settle();
  dispatcher.take_outgoing();
  swarm.edit_task("web.1.a", [](model::Task& t) { t.desired_state = TaskState::Shutdown; });
  EXPECT_THAT(assignments(), SizeIs(1));
}

TEST_F(DispatcherTest, AnAgentDoesNotHearItsOwnReports) {
  swarm.service("web").running_on({"n1"});
  swarm.task("web", 2, TaskState::Assigned, "n1");
  start();
  const SessionId session = join_and_subscribe();
  ASSERT_TRUE(report(session, "web.2.b", TaskState::Running));
  EXPECT_EQ(task_state("web.2.b"), TaskState::Running);
  EXPECT_THAT(assignments(), IsEmpty());
  swarm.edit_task("web.2.b", [](model::Task& t) { t.desired_state = TaskState::Shutdown; });
  EXPECT_THAT(assignments(), SizeIs(1));
}

TEST_F(DispatcherTest, OnlyDurableTasksAreSent) {
  swarm.service("web").running_on({"n1"});
  start();
  join_and_subscribe();
  ASSERT_TRUE(swarm.store().update(swarm.now(), [&](store::WriteTx& tx) {
    model::Task task = *swarm.task_ref("web.1.a");
    task.desired_state = TaskState::Shutdown;
    return tx.update(std::move(task));
  }));
  EXPECT_THAT(assignments(), IsEmpty());
  swarm.engine().flush();
  EXPECT_THAT(assignments(), SizeIs(1));
}

TEST_F(DispatcherTest, AReportForAnotherNodesTaskIsRefusedWhole) {
  swarm.service("web").running_on({"n1", "n2"});
  swarm.task("web", 3, TaskState::Assigned, "n1");
  start();
  const SessionId session = join();
  const auto result =
      dispatcher.update_task_status(swarm.read(), kN1, session,
                                    {{TaskId::of("web.3.c"), {.state = TaskState::Running}},
                                     {TaskId::of("web.2.b"), {.state = TaskState::Failed}}},
                                    swarm.now());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::PermissionDenied);
  EXPECT_EQ(result.error().message, "cannot update a task not assigned this node");
  settle();
  EXPECT_EQ(task_state("web.2.b"), TaskState::Running);
  EXPECT_EQ(task_state("web.3.c"), TaskState::Assigned);
}

TEST_F(DispatcherTest, ReportsThatDoNotRiseArePassedOver) {
  swarm.service("web").running_on({"n1"});
  start();
  const SessionId session = join();
  EXPECT_TRUE(report(session, "web.1.a", TaskState::Preparing));
  EXPECT_EQ(task_state("web.1.a"), TaskState::Running);
  EXPECT_TRUE(report(session, "web.1.a", TaskState::Failed, "task: non-zero exit (1)"));
  EXPECT_TRUE(report(session, "web.1.a", TaskState::Failed, "something else"));
  EXPECT_EQ(swarm.task_ref("web.1.a")->status.error, "task: non-zero exit (1)");
}

TEST_F(DispatcherTest, StatesThatNoAgentMayReportArePassedOver) {
  swarm.service("web").running_on({"n1"});
  start();
  const SessionId session = join();
  for (const TaskState state : {TaskState::New, TaskState::Pending, TaskState::Assigned,
                                TaskState::Remove, TaskState::Orphaned}) {
    EXPECT_TRUE(report(session, "web.1.a", state));
    EXPECT_EQ(task_state("web.1.a"), TaskState::Running);
  }
}

TEST_F(DispatcherTest, ReportsOfUnknownTasksArePassedOver) {
  swarm.node("n1");
  start();
  const SessionId session = join();
  EXPECT_TRUE(report(session, "nobody", TaskState::Running));
}

TEST_F(DispatcherTest, ReportsNeedTheNodesPresentSession) {
  swarm.service("web").running_on({"n1"});
  start();
  EXPECT_EQ(report(SessionId::of("x"), "web.1.a", TaskState::Failed).error().message,
            "node not registered");
  join();
  EXPECT_EQ(report(SessionId::of("x"), "web.1.a", TaskState::Failed).error().message,
            "session invalid");
  EXPECT_EQ(task_state("web.1.a"), TaskState::Running);
}

TEST_F(DispatcherTest, AReportOfAbsurdSizeIsRefused) {
  swarm.node("n1");
  start();
  const SessionId session = join();
  std::vector<model::StatusUpdate> many(model::kStatusUpdatesMax + 1);
  EXPECT_EQ(
      dispatcher.update_task_status(swarm.read(), kN1, session, many, swarm.now()).error().code,
      ErrorCode::InvalidArgument);
}

TEST_F(DispatcherTest, AMissingTimestampIsFilledIn) {
  swarm.service("web");
  swarm.node("n1");
  swarm.task("web", 1, TaskState::Assigned, "n1");
  start();
  const SessionId session = join();
  ASSERT_TRUE(dispatcher.update_task_status(
      swarm.read(), kN1, session, {{TaskId::of("web.1.a"), {.state = TaskState::Accepted}}},
      swarm.now()));
  settle();
  EXPECT_EQ(swarm.task_ref("web.1.a")->status.timestamp, swarm.now());
}

TEST_F(DispatcherTest, TasksOfANodeThatIsDownForADayAreOrphaned) {
  swarm.service("web").running_on({"n1"});
  start();
  swarm.advance(10s);
  settle();
  ASSERT_EQ(node_state(), NodeState::Down);
  swarm.advance(23h);
  settle();
  EXPECT_EQ(task_state("web.1.a"), TaskState::Running);
  swarm.advance(1h);
  settle();
  EXPECT_EQ(task_state("web.1.a"), TaskState::Orphaned);
}

TEST_F(DispatcherTest, TasksOfARemovedNodeAreOrphanedAtOnce) {
  swarm.service("web").running_on({"n1"});
  swarm.task("web", 2, TaskState::Failed, "n1");
  start();
  const SessionId session = join();
  swarm.remove(kN1);
  settle();
  EXPECT_EQ(task_state("web.1.a"), TaskState::Orphaned);
  EXPECT_EQ(task_state("web.2.b"), TaskState::Failed);
  EXPECT_FALSE(dispatcher.heartbeat(kN1, session, swarm.now()));
}

TEST_F(DispatcherTest, ARootRotationRenewsTheCertificatesThatAreOld) {
  swarm.node("n1");
  swarm.edit_node("n1", [](model::Node& node) { node.description.tls = {"", "ca", "old"}; });
  model::Cluster cluster;
  cluster.id = model::ClusterId::of("swarm1");
  cluster.root_ca.trust_root = "old root";
  swarm.create(cluster);
  start();
  join();
  const auto first = dispatcher.take_outgoing();
  EXPECT_EQ(std::get<model::SessionMessage>(first.at(0).message).root_ca, "old root");
  EXPECT_FALSE(std::get<model::SessionMessage>(first.at(0).message).renew_certificate);

  cluster = *swarm.read().clusters().all().begin()->second;
  cluster.rotation = model::RootRotation{.root = {"new root", "ca", "new"}, .key = ""};
  swarm.update(cluster);
  const auto rotate = dispatcher.take_outgoing();
  ASSERT_THAT(rotate, SizeIs(1));
  EXPECT_TRUE(std::get<model::SessionMessage>(rotate[0].message).renew_certificate);
  EXPECT_EQ(std::get<model::SessionMessage>(rotate[0].message).root_ca, "old root");

  swarm.edit_node("n1", [](model::Node& node) { node.description.tls = {"", "ca", "new"}; });
  cluster = *swarm.read().clusters().all().begin()->second;
  cluster.root_ca = cluster.rotation->root;
  cluster.rotation.reset();
  swarm.update(cluster);
  const auto over = dispatcher.take_outgoing();
  ASSERT_THAT(over, SizeIs(1));
  EXPECT_FALSE(std::get<model::SessionMessage>(over[0].message).renew_certificate);
  EXPECT_EQ(std::get<model::SessionMessage>(over[0].message).root_ca, "new root");
}

TEST_F(DispatcherTest, EverySessionHearsOfANewManager) {
  swarm.node("n1");
  swarm.node("n2");
  start();
  join();
  dispatcher.take_outgoing();
  swarm.edit_node("n2", [](model::Node& node) { node.manager_address = "10.0.0.2:2377"; });
  const auto sent = dispatcher.take_outgoing();
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_THAT(std::get<model::SessionMessage>(sent[0].message).managers,
              ElementsAre(model::ManagerPeer{NodeId::of("n2"), "10.0.0.2:2377", 10}));
}

}  // namespace
}  // namespace shoal::dispatcher

#include "store/plan.h"

#include <gmock/gmock.h>

#include "store/testing.h"

namespace shoal::store {
namespace {

using model::TaskState;

TEST(Plan, IsPrintedOneLineAChange) {
  Swarm swarm;
  swarm.service("web").replicas(2).running_on({"n1"});
  Plan plan;
  plan.create_tasks.push_back(
      {.id = model::TaskId::of("t2"), .service_id = model::ServiceId::of("web"), .slot = 2});
  plan.update_tasks.push_back(*swarm.task_ref("web.1.a"));
  plan.update_tasks[0].desired_state = TaskState::Shutdown;
  plan.update_tasks[0].status.message = "started";
  plan.update_tasks[0].status.error = "no";
  plan.remove_tasks.push_back(model::TaskId::of("t0"));
  plan.update_services.push_back(*swarm.service_ref("web"));
  plan.update_services[0].update_status = model::UpdateStatus{model::UpdateState::Paused};
  plan.remove_services.push_back(model::ServiceId::of("old"));
  plan.update_nodes.push_back(*swarm.node_ref("n1"));
  plan.update_nodes[0].status.message = "heartbeat failure";

  EXPECT_EQ(plan.size(), 6u);
  EXPECT_FALSE(plan.empty());
  EXPECT_EQ(to_string(plan),
            "create task t2 service=web slot=2 state=new desired=running\n"
            "update task web.1.a service=web slot=1 node=n1 state=running desired=shutdown "
            "message=\"started\" error=\"no\"\n"
            "remove task t0\n"
            "update service web name=web update=paused\n"
            "remove service old\n"
            "update node n1 state=ready availability=active message=\"heartbeat failure\"\n");
}

TEST(Plan, IsWrittenWhole) {
  Swarm swarm;
  swarm.service("web").replicas(2).running_on({"n1", "n2"});
  swarm.service("old");
  Plan plan;
  plan.create_tasks.push_back(
      {.id = model::TaskId::of("t3"), .service_id = model::ServiceId::of("web"), .slot = 3});
  plan.update_tasks.push_back(*swarm.task_ref("web.1.a"));
  plan.update_tasks[0].desired_state = TaskState::Shutdown;
  plan.remove_tasks.push_back(model::TaskId::of("web.2.b"));
  plan.remove_services.push_back(model::ServiceId::of("old"));
  plan.update_nodes.push_back(*swarm.node_ref("n1"));
  plan.update_nodes[0].status.state = model::NodeState::Down;
  swarm.apply(plan);

  EXPECT_EQ(swarm.read().tasks().size(), 2u);
  EXPECT_EQ(swarm.task_ref("web.1.a")->desired_state, TaskState::Shutdown);
  EXPECT_FALSE(swarm.read().services().by_name("old"));
  EXPECT_EQ(swarm.node_ref("n1")->status.state, model::NodeState::Down);
}

TEST(Plan, AStaleVersionRefusesTheWholePlan) {
  Swarm swarm;
  swarm.service("web").running_on({"n1"});
  Plan plan;
  plan.create_tasks.push_back(
      {.id = model::TaskId::of("t2"), .service_id = model::ServiceId::of("web"), .slot = 2});
  plan.update_tasks.push_back(*swarm.task_ref("web.1.a"));
  swarm.edit_task("web.1.a", [](model::Task& t) { t.status.message = "moved on"; });

  const auto result =
      swarm.store().update(swarm.now(), [&](WriteTx& tx) { return apply(plan, tx); });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::OutOfSequence);
  EXPECT_EQ(swarm.read().tasks().size(), 1u);
}

TEST(Plan, AnEmptyPlanIsEmpty) {
  EXPECT_TRUE(Plan().empty());
  EXPECT_EQ(to_string(Plan()), "");
}

}  // namespace
}  // namespace shoal::store

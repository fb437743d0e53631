#include "manager/core/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/testing.h"

namespace shoal::manager {
namespace {

using testing::SizeIs;

void settle(Control& control, store::Swarm& swarm) {
  do {
    while (control.step(swarm.now())) {
    }
  } while (swarm.engine().flush() > 0);
}

TEST(Control, TurnsAServiceIntoTasks) {
  store::Swarm swarm;
  Rng rng(1);
  Control control(swarm.store(), rng);
  int wakes = 0;
  control.on_wake([&] { ++wakes; });
  settle(control, swarm);
  EXPECT_FALSE(control.next_deadline());
  swarm.service("web").replicas(3);
  EXPECT_GT(wakes, 0);
  settle(control, swarm);
  EXPECT_THAT(swarm.read().tasks().by_service(model::ServiceId::of("web")), SizeIs(3));
  EXPECT_EQ(control.counters().refused, 0u);
}

TEST(Control, GivesEveryTaskANodeOrAReason) {
  store::Swarm swarm;
  Rng rng(1);
  swarm.node("n1");
  swarm.service("web").replicas(2);
  swarm.service("picky").replicas(1).task_spec([](model::TaskSpec& spec) {
    spec.placement = model::Placement{.constraints = {"node.hostname == elsewhere"}};
  });
  Control control(swarm.store(), rng);
  settle(control, swarm);
  for (const auto& task : swarm.read().tasks().by_service(model::ServiceId::of("web"))) {
    EXPECT_EQ(task->status.state, model::TaskState::Assigned);
    EXPECT_EQ(task->node_id, model::NodeId::of("n1"));
  }
  const auto picky = swarm.read().tasks().by_service(model::ServiceId::of("picky"));
  ASSERT_THAT(picky, SizeIs(1));
  EXPECT_EQ(picky[0]->status.state, model::TaskState::Pending);
  EXPECT_EQ(picky[0]->status.error,
            "no suitable node (scheduling constraints not satisfied on 1 node)");
}

TEST(Control, DecidesNothingBeforeTheServiceIsDurable) {
  store::Swarm swarm;
  Rng rng(1);
  Control control(swarm.store(), rng);
  settle(control, swarm);
  ASSERT_TRUE(swarm.store().update(swarm.now(), [](store::WriteTx& tx) {
    model::Service service;
    service.id = model::ServiceId::of("web");
    service.spec.annotations.name = "web";
    return tx.create(std::move(service));
  }));
  EXPECT_FALSE(control.next_deadline());
  EXPECT_FALSE(control.step(swarm.now()));
  EXPECT_EQ(swarm.read().tasks().size(), 0u);
}

TEST(Control, OneStepRunsOneLoop) {
  store::Swarm swarm;
  Rng rng(1);
  swarm.service("web").replicas(2 * store::kPlanChangesMax);
  Control control(swarm.store(), rng);
  EXPECT_TRUE(control.step(swarm.now()));
  EXPECT_EQ(control.counters().plans, 1u);
  EXPECT_EQ(control.counters().changes, store::kPlanChangesMax);
}

TEST(Control, StopsWhenTheStoreFails) {
  store::Swarm swarm;
  Rng rng(1);
  swarm.service("web").replicas(3);
  Control control(swarm.store(), rng);
  control.step(swarm.now());
  swarm.engine().fail(internal_error("disk full").error());
  swarm.engine().flush();
  EXPECT_FALSE(control.next_deadline());
  EXPECT_FALSE(control.step(swarm.now()));
}

// Always wants a task changed by a version that it never had.
class Liar {
 public:
  void reset(const store::Tables&) { ++resets; }
  void on_batch(const store::Batch&) {}
  store::Plan plan(const store::Tables& tables, Time) {
    store::Plan plan;
    plan.update_tasks.push_back(*tables.tasks().all().begin()->second);
    plan.update_tasks[0].meta.version = 0;
    return plan;
  }
  std::optional<Time> next_deadline() const { return Time{0}; }
  int resets = 0;
};

TEST(Control, ARefusedPlanChangesNothingAndItsLoopLooksAgainLater) {
  store::Swarm swarm;
  Rng rng(1);
  swarm.service("web").running_on({"n1"});
  Control control(swarm.store(), rng);
  settle(control, swarm);
  Liar liar;
  control.add_loop(drive("liar", liar));
  settle(control, swarm);
  EXPECT_EQ(control.counters().refused, 1u);
  EXPECT_EQ(control.counters().last_refusal, "liar: update out of sequence");
  EXPECT_EQ(liar.resets, 2);
  swarm.advance(kRefusedPause);
  settle(control, swarm);
  EXPECT_EQ(control.counters().refused, 2u);
}

}  // namespace
}  // namespace shoal::manager

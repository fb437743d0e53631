// What no seed does: moves off a drained node that are begun without reason or never end.
#include "sim/slot_checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/testing.h"

namespace shoal::sim {
namespace {

using model::TaskState;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class MoveCheck : public testing::Test {
 protected:
  MoveCheck() {
    swarm_.service("web").spec([](model::ServiceSpec& spec) {
      spec.update = model::UpdateConfig{.order = model::UpdateOrder::StartFirst};
    });
    swarm_.node("n1");
    swarm_.node("n2");
    old_ = swarm_.task("web", 1, TaskState::Running, "n1")->id.str();
    checker_.on_load(swarm_.read());
    watch_ = swarm_.store().watch([this](const store::Batch& batch) { checker_.on_batch(batch); });
  }

  void drain(model::Availability availability = model::Availability::Drain) {
    swarm_.edit_node("n1", [&](model::Node& node) { node.spec.availability = availability; });
  }
  void start_next() {
    swarm_.advance(1s);
    next_ = swarm_.task("web", 1, TaskState::New)->id.str();
  }
  void next_runs() {
    swarm_.edit_task(next_, [](model::Task& task) {
      task.node_id = model::NodeId::of("n2");
      task.status.state = TaskState::Running;
    });
  }
  void retire_old() {
    swarm_.edit_task(old_, [](model::Task& t) { t.desired_state = TaskState::Shutdown; });
  }
  void pass(Duration time) {
    loop_.run_until(loop_.now() + time);
    swarm_.edit_node("n2", [](model::Node& node) { node.status.message += "."; });
  }
  const std::vector<std::string>& breaches() const { return trace_.breaches(); }

  store::Swarm swarm_;
  VirtualLoop loop_{swarm_.now()};
  Trace trace_{loop_};
  SlotChecker checker_{loop_, trace_};
  std::unique_ptr<store::Store::Watch> watch_;
  std::string old_, next_;
};

TEST_F(MoveCheck, AMoveThatEndsIsFine) {
  drain();
  start_next();
  pass(5min);
  next_runs();
  pass(1s);
  retire_old();
  pass(5min);
  EXPECT_THAT(breaches(), IsEmpty());
  EXPECT_EQ(checker_.moves(), 1u);
}

TEST_F(MoveCheck, AMoveOffANodeThatIsNotDrainedIsCaught) {
  start_next();
  EXPECT_THAT(breaches(), Contains(HasSubstr("has 2 tasks meant to run")));
}

TEST_F(MoveCheck, AMoveOfAServiceThatStopsFirstIsCaught) {
  swarm_.edit_service("web", [](model::Service& service) { service.spec.update.reset(); });
  drain();
  start_next();
  EXPECT_THAT(breaches(), Contains(HasSubstr("has 2 tasks meant to run")));
}

TEST_F(MoveCheck, AMoveOfATaskThatDoesNotRunIsCaught) {
  swarm_.edit_task(old_, [](model::Task& task) { task.status.state = TaskState::Failed; });
  drain();
  start_next();
  EXPECT_THAT(breaches(), Contains(HasSubstr("has 2 tasks meant to run")));
}

TEST_F(MoveCheck, AThirdTaskIsCaught) {
  drain();
  start_next();
  EXPECT_THAT(breaches(), IsEmpty());
  start_next();
  EXPECT_THAT(breaches(), Contains(HasSubstr("has 3 tasks meant to run")));
}

TEST_F(MoveCheck, AnOldTaskThatGoesOnBesideTheNewOneIsCaught) {
  drain();
  start_next();
  next_runs();
  pass(30s);
  EXPECT_THAT(breaches(), IsEmpty());
  pass(1s);
  EXPECT_THAT(breaches(), Contains(HasSubstr("does not come to an end")));
}

TEST_F(MoveCheck, AMoveThatGoesOnWhenTheNodeIsActiveAgainIsCaught) {
  drain();
  start_next();
  pass(5min);
  drain(model::Availability::Active);
  pass(31s);
  EXPECT_THAT(breaches(), Contains(HasSubstr("does not come to an end")));
}

}  // namespace
}  // namespace shoal::sim

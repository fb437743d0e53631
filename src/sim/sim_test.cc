// A hundred seeds, and the proof that each checker can fail: broken loops planted beside the real
// ones must be caught.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/swarm.h"

namespace shoal::sim {
namespace {

using model::TaskState;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kSeeds = 100;

TEST(Simulation, NoSeedBreaksARule) {
  uint64_t starts = 0, overlaps = 0, leaderships = 0, moves = 0, stops = 0, rebalanced = 0;
  uint64_t given = 0, filled = 0, withdrawn = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Swarm swarm({.seed = seed});
    swarm.run();
    ASSERT_THAT(swarm.breaches(), IsEmpty()) << swarm.report();
    starts += swarm.container_starts();
    overlaps += swarm.slots().accepted_overlaps();
    leaderships += swarm.manager().leadership_count();
    moves += swarm.slots().moves();
    stops += swarm.stops().count();
    rebalanced += swarm.stops().rebalanced();
    given += swarm.addresses().given();
    filled += swarm.filled_networks();
    withdrawn += swarm.networks().count();
  }
  // The runs were worth something.
  EXPECT_GT(starts, 50 * kSeeds);
  EXPECT_GT(leaderships, 2 * kSeeds);
  EXPECT_GT(overlaps, 0u);
  EXPECT_GT(2 * moves, kSeeds);
  EXPECT_GT(stops, 20 * kSeeds);
  EXPECT_GT(rebalanced, kSeeds);
  EXPECT_GT(given, 50 * kSeeds);
  EXPECT_GT(filled, kSeeds / 4);
  EXPECT_GT(withdrawn, 5 * kSeeds);
}

TEST(Simulation, TheSeedDecidesEveryEvent) {
  Swarm first({.seed = 7}), again({.seed = 7}), other({.seed = 8});
  first.run();
  again.run();
  other.run();
  EXPECT_EQ(first.trace().fingerprint(), again.trace().fingerprint());
  EXPECT_NE(first.trace().fingerprint(), other.trace().fingerprint());
}

TEST(Simulation, WithoutFaultsItConvergesAtOnce) {
  Swarm swarm({.seed = 1, .troubled = 0s, .faults = {}});
  swarm.run();
  EXPECT_THAT(swarm.breaches(), IsEmpty()) << swarm.report();
  EXPECT_LT(swarm.time_to_converge(), 10s);
}

// A loop under a name of choice that does one thing to one task, once a second.
class Saboteur final : public manager::ControlLoop {
 public:
  using Deed = std::function<void(const model::Task&, store::Plan&)>;

  Saboteur(std::string name, Deed deed) : name_(std::move(name)), deed_(std::move(deed)) {}

  std::string_view name() const override { return name_; }
  void reset(const store::Tables&) override {}
  void on_batch(const store::Batch&) override { due_ = true; }
  store::Plan plan(const store::Tables& tables, Time now) override {
    store::Plan plan;
    due_ = false;
    if (now < next_) return plan;
    next_ = now + 1s;
    for (const auto& [id, task] : tables.tasks().all()) {
      if (plan.empty()) deed_(*task, plan);
    }
    return plan;
  }
  std::optional<Time> next_deadline() const override {
    return due_ ? std::optional(Time{0}) : std::nullopt;
  }

 private:
  std::string name_;
  Deed deed_;
  bool due_ = true;
  Time next_;
};

// The breaches of a run with that saboteur among the loops.
std::vector<std::string> breaches_with(std::string name, Saboteur::Deed deed,
                                       Faults faults = Faults::some(), uint64_t seed = 4) {
  Options options{.seed = seed, .faults = faults};
  options.on_lead = [name, deed](manager::Control& control) {
    control.add_loop(std::make_unique<Saboteur>(name, deed));
  };
  Swarm swarm(options);
  swarm.run();
  return swarm.breaches();
}

model::Task twin_of(const model::Task& task) {
  model::Task twin = task;
  twin.id = model::TaskId::of("x" + task.id.str());
  twin.meta = {};
  if (!orchestrator::is_global(task)) twin.node_id = {};
  twin.status = {.timestamp = {}, .state = TaskState::New};
  return twin;
}

TEST(Checkers, TwoTasksMeantToRunInOneSlotAreCaught) {
  const auto breaches = breaches_with("replicated", [](const model::Task& task, auto& plan) {
    if (task.desired_state == TaskState::Running) plan.create_tasks.push_back(twin_of(task));
  });
  EXPECT_THAT(breaches, Contains(HasSubstr("has 2 tasks meant to run")));
}

TEST(Checkers, AReplacementThatDoesNotWaitIsCaught) {
  const auto breaches = breaches_with("restart", [](const model::Task& task, auto& plan) {
    if (task.desired_state != TaskState::Running || task.status.state != TaskState::Running) return;
    plan.update_tasks.push_back(task);
    plan.update_tasks.back().desired_state = TaskState::Shutdown;
    plan.create_tasks.push_back(twin_of(task));
  });
  EXPECT_THAT(breaches, Contains(HasSubstr("was let go while")));
}

TEST(Checkers, AStateThatGoesBackIsCaught) {
  const auto breaches = breaches_with("dispatcher", [](const model::Task& task, auto& plan) {
    if (task.status.state != TaskState::Running) return;
    plan.update_tasks.push_back(task);
    plan.update_tasks.back().status.state = TaskState::Starting;
  });
  EXPECT_THAT(breaches, Contains(HasSubstr("went back from running to starting")));
}

TEST(Checkers, ADesiredStateThatGoesBackIsCaught) {
  const auto breaches = breaches_with("restart", [](const model::Task& task, auto& plan) {
    if (task.desired_state != TaskState::Shutdown) return;
    plan.update_tasks.push_back(task);
    plan.update_tasks.back().desired_state = TaskState::Running;
  });
  EXPECT_THAT(breaches, Contains(HasSubstr("is desired running after shutdown")));
}

TEST(Checkers, AFieldOfAnotherWriterIsCaught) {
  const auto breaches = breaches_with("reaper", [](const model::Task& task, auto& plan) {
    if (!orchestrator::is_live(task)) return;
    plan.update_tasks.push_back(task);
    plan.update_tasks.back().desired_state = TaskState::Shutdown;
  });
  EXPECT_THAT(breaches, Contains(HasSubstr("reaper wrote the desired state")));
}

TEST(Checkers, ADeletedTaskThatMayRunIsCaught) {
  const auto breaches = breaches_with("reaper", [](const model::Task& task, auto& plan) {
    if (task.status.state == TaskState::Running) plan.remove_tasks.push_back(task.id);
  });
  EXPECT_THAT(breaches, Contains(HasSubstr("was deleted while running")));
}

// An end that the manager only believes in lets the next task start beside the old container.
TEST(Checkers, TwoContainersOfOneSlotAreCaught) {
  Faults faults = Faults::some();
  faults.stop_ignored = 1;
  const auto breaches = breaches_with(
      "dispatcher",
      [](const model::Task& task, auto& plan) {
        if (task.status.state != TaskState::Running) return;
        plan.update_tasks.push_back(task);
        plan.update_tasks.back().status.state = TaskState::Failed;
      },
      faults);
  EXPECT_THAT(breaches, Contains(HasSubstr("of the same slot runs")));
}

TEST(Checkers, AServiceThatNeverComesBackIsCaught) {
  const auto breaches = breaches_with("replicated", [](const model::Task& task, auto& plan) {
    if (task.status.state != TaskState::Running) return;
    plan.update_tasks.push_back(task);
    plan.update_tasks.back().desired_state = TaskState::Remove;
  });
  EXPECT_THAT(breaches, Contains(HasSubstr("not converged")));
}

TEST(Checkers, AStopWithoutReasonIsCaught) {
  const auto breaches = breaches_with("restart", [](const model::Task& task, auto& plan) {
    if (task.desired_state != TaskState::Running) return;
    plan.update_tasks.push_back(task);
    plan.update_tasks.back().desired_state = TaskState::Shutdown;
  });
  EXPECT_THAT(breaches, Contains(HasSubstr("with which nothing was wrong")));
}

TEST(Checkers, AMoveThatNobodyAskedForIsCaught) {
  const auto breaches = breaches_with("rebalance", [](const model::Task& task, auto& plan) {
    if (task.status.state != TaskState::Running || orchestrator::is_global(task)) return;
    plan.create_tasks.push_back(twin_of(task));
    plan.create_tasks.back().desired_state = TaskState::Ready;
  });
  EXPECT_THAT(breaches, Contains(HasSubstr("is moved, but nobody asked for it")));
}

TEST(Checkers, ATaskTakenOffANodeThatFitsIsCaught) {
  const auto breaches = breaches_with("constraints", [](const model::Task& task, auto& plan) {
    if (task.status.state != TaskState::Running) return;
    plan.update_tasks.push_back(task);
    plan.update_tasks.back().status.state = TaskState::Rejected;
  });
  EXPECT_THAT(breaches, Contains(HasSubstr("which it fits")));
}

TEST(Checkers, ATaskOfAGlobalServiceWithoutANodeIsCaught) {
  const auto breaches = breaches_with("global", [](const model::Task& task, auto& plan) {
    if (!orchestrator::is_global(task)) return;
    plan.create_tasks.push_back(twin_of(task));
    plan.create_tasks.back().node_id = {};
  });
  EXPECT_THAT(breaches, Contains(HasSubstr("was made for slot 0")));
}

TEST(Checkers, AStopWhileANodeStillSendsThereIsCaught) {
  Faults faults = Faults::some();
  faults.networks_untrue = 0.3;
  std::vector<std::string> breaches;
  // Not in every run does a node that lies carry a task that is stopped.
  for (const uint64_t seed : {4, 5, 6, 7, 8, 9}) {
    for (auto& breach : breaches_with("restart", [](const model::Task&, auto&) {}, faults, seed)) {
      breaches.push_back(std::move(breach));
    }
  }
  EXPECT_THAT(breaches, Contains(HasSubstr("gives it work")));
}

// The attachments of the first task that has some, given to the others as well.
TEST(Checkers, OneAddressForTwoTasksIsCaught) {
  const auto first = std::make_shared<model::Task>();
  const auto breaches = breaches_with("allocator", [first](const model::Task& task, auto& plan) {
    if (task.networks.empty() || !orchestrator::is_live(task) || task.id == first->id) return;
    if (first->networks.empty()) *first = task;
    plan.update_tasks.push_back(task);
    plan.update_tasks.back().networks = first->networks;
  });
  EXPECT_THAT(breaches, Contains(HasSubstr(" both have ")));
}

TEST(Checkers, AnAddressOutsideItsNetworkIsCaught) {
  const auto breaches = breaches_with("allocator", [](const model::Task& task, auto& plan) {
    if (task.networks.empty() || !orchestrator::is_live(task)) return;
    plan.update_tasks.push_back(task);
    plan.update_tasks.back().networks.front().addresses = {"192.0.2.7/24"};
  });
  EXPECT_THAT(breaches, Contains(HasSubstr("has 192.0.2.7/24, which is not in ")));
}

TEST(Checkers, NetworksOfAnotherWriterAreCaught) {
  const auto breaches = breaches_with("scheduler", [](const model::Task& task, auto& plan) {
    if (task.networks.empty()) return;
    plan.update_tasks.push_back(task);
    plan.update_tasks.back().networks.clear();
  });
  EXPECT_THAT(breaches, Contains(HasSubstr("scheduler wrote the networks")));
}

}  // namespace
}  // namespace shoal::sim

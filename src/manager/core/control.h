// The leader's mind: owns every control loop, feeds them what became durable, lets one at a time
// plan, and commits its plan.
//
// Lives as long as one leadership over one loaded store. It begins by looking at everything once;
// when a commit fails the store is dead, nothing is planned any more, and the owner makes a new
// store and a new Control. The loops never call each other; they meet at the store.
//
// The shell around it:
//   - calls step() until it returns false, giving way to other work between two calls;
//   - does so again at next_deadline(), when `wake` was called, and after every call that it made
//     into the dispatcher;
//   - after each of these sends what dispatcher().take_outgoing() returns.
//
// Thread: the control thread. Store and Rng must outlive it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "allocator/allocator.h"
#include "ca/root_rotation.h"
#include "dispatcher/dispatcher.h"
#include "manager/core/control_loop.h"
#include "orchestrator/constraint_enforcer.h"
#include "orchestrator/global.h"
#include "orchestrator/reaper.h"
#include "orchestrator/replicated.h"
#include "orchestrator/restart.h"
#include "rebalancer/rebalance_loop.h"
#include "scheduler/scheduler.h"

namespace shoal::manager {

inline constexpr Duration kRefusedPause = 1s;

class Control {
 public:
  // `store` is loaded. `rng` makes the ids of tasks and sessions.
  Control(store::Store& store, Rng& rng);
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // Runs after every durable batch, when the loops have seen it. It must not call step() itself.
  void on_wake(std::function<void()> wake) { wake_ = std::move(wake); }

  // Lets the next loop that is due plan once and commits the plan. True when more is due at `now`.
  bool step(Time now);
  // When step() is wanted next; at or before now: at once; empty: only after the next batch, or
  // because the store has failed.
  std::optional<Time> next_deadline() const;

  // The node protocol's side. Never its plan(): that is step()'s.
  dispatcher::Dispatcher& dispatcher() { return dispatcher_; }

  // Sees every plan before it is committed, with the name of its loop: for the debug log and the
  // simulator's checkers.
  using OnPlan = std::function<void(std::string_view loop, const store::Plan& plan)>;
  void on_plan(OnPlan hook) { on_plan_ = std::move(hook); }

  // One more loop, after all others; it begins with what is stored now. The simulator plants broken
  // ones.
  void add_loop(std::unique_ptr<ControlLoop> loop);

  // What happened so far. A refused plan is a fault of its loop (a plan is committed before
  // anything else runs); that loop then looks at everything anew.
  struct Counters {
    uint64_t plans = 0;  // committed, without the empty ones
    uint64_t changes = 0;
    uint64_t refused = 0;
    std::string last_refusal;
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Entry {
    std::unique_ptr<ControlLoop> loop;
    Time held_until;  // after a refused plan

    std::optional<Time> next_deadline() const;
  };
  void run(Entry& entry, Time now);
  void on_batch(const store::Batch& batch);

  store::Store& store_;
  orchestrator::ReplicatedLoop replicated_;
  orchestrator::GlobalLoop global_;
  rebalancer::RebalanceLoop rebalance_;
  orchestrator::RestartLoop restart_;
  allocator::Allocator allocator_;
  scheduler::Scheduler scheduler_;
  dispatcher::Dispatcher dispatcher_;
  orchestrator::ConstraintEnforcer constraints_;
  orchestrator::Reaper reaper_;
  ca::RootRotationLoop root_rotation_;
  std::vector<Entry> loops_;  // in the order of a task's life
  size_t turn_ = 0;           // the loop that is asked first
  Counters counters_;
  std::function<void()> wake_;
  OnPlan on_plan_;
  std::unique_ptr<store::Store::Watch> watch_;
};

}  // namespace shoal::manager

// The restart supervisor: puts a new task in the slot of one that ended, or whose node is lost or
// drained, and lets it run when its time has come.
//
// The replacement is made at once with desired state Ready, so that its image is there when the
// delay is over; it is set Running after the delay and after the old one has stopped (semantics
// 2.2; the rules are in slot_plan.h and restart_rules.h). Service and slot, for a global service
// its node, decide which tasks belong together; a slot is looked at only when one of its tasks or
// their node changed, or a delay is over.
//
// Invariant: a slot has at most one task that is meant to run, but for the start-first move to
// another node (slot_plan.h), and none is released while a task before it that was told to stop may
// still run on a node that the manager reaches, but for the timeout.
// Thread: the control thread. The shape of the class is explained in store/plan.h.
#pragma once

#include <optional>
#include <set>

#include "orchestrator/deadlines.h"
#include "orchestrator/slot.h"
#include "store/plan.h"

namespace shoal::orchestrator {

class RestartLoop {
 public:
  // `rng` makes the ids of new tasks and must outlive the loop.
  explicit RestartLoop(Rng& rng) : rng_(rng) {}

  void reset(const store::Tables& tables);
  void on_batch(const store::Batch& batch);
  store::Plan plan(const store::Tables& tables, Time now);
  std::optional<Time> next_deadline() const;

 private:
  void on_task(const model::Ref<model::Task>& before, const model::Ref<model::Task>& after);
  void on_node(const model::Ref<model::Node>& before, const model::Ref<model::Node>& after);
  void on_service(const model::Ref<model::Service>& before,
                  const model::Ref<model::Service>& after);
  void take_changed_nodes(const store::Tables& tables);
  void work_on(const store::Tables& tables, const SlotKey& key, Time now, store::Plan& plan);
  void release(const store::Tables& tables, const model::Task& task,
               const store::TaskTable::Tasks& slot, Time now, store::Plan& plan);

  Rng& rng_;
  std::set<SlotKey> dirty_;
  std::set<model::NodeId> changed_nodes_;  // their tasks were not looked at since
  std::set<SlotKey> moving_;               // to another node, start-first
  Deadlines<SlotKey> deadlines_;
};

}  // namespace shoal::orchestrator

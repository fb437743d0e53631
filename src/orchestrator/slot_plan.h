// What is to be done about the tasks of one slot that are meant to run, as a value.
//
// A task that ended, or whose node is lost, is told to stop and replaced. So is one on a drained
// node; but where the service's update order is start-first, one that runs there goes on until its
// replacement runs ("moving", targets B4): the one case in which two tasks of a slot are meant to
// run. It ends when the younger one runs, or when the older one's node takes tasks again. If the
// younger one fails it is replaced as ever; if it is not to be replaced, the older one goes all the
// same. A task of a global service is not moved: off its node it has no place.
//
// A rebalance moves in the same way: it makes the younger task (rebalancer/), and where that one
// does not come to run, or the rebalance ends before it does, the older one simply stays.
#pragma once

#include <optional>

#include "orchestrator/restart_rules.h"

namespace shoal::orchestrator {

struct SlotPlan {
  store::TaskTable::Tasks retire;     // to be told to stop, by age
  model::Ref<model::Task> succeed;    // a task is to follow this one; null: none is wanted
  model::Ref<model::Task> keep;       // runs on, or waits to be let go; null: none
  bool is_moving = false;             // look again at every change in the slot
  std::optional<Time> look_again_at;  // a task that ended waits until then to be replaced
};

// `tasks` are all tasks of the slot by age. Expects nothing of a slot that has no live task:
// whether one is filled again is its orchestrator's.
SlotPlan plan_slot(const store::TaskTable::Tasks& tasks, const model::Service& service,
                   const store::Tables& tables, Time now);

}  // namespace shoal::orchestrator

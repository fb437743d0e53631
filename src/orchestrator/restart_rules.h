// The rules of restarting (semantics 2.2), read off the tasks of one slot. Nothing is remembered
// beside the stored tasks: a new leader comes to the same answers, and the reaper keeps as many
// tasks of a slot as the rules need.
#pragma once

#include "orchestrator/slot.h"

namespace shoal::orchestrator {

// The longest that a replacement waits for the task before it, beyond that one's stop grace period.
inline constexpr Duration kOldTaskTimeout = 60s;
inline constexpr Duration kDefaultStopGrace = 10s;

// The delay before a replacement of a task with this spec runs.
Duration restart_delay(const model::TaskSpec& spec);

// Whether `ended` (a task of `slot` that ended, or whose node is lost or drained) is to be
// replaced. Its policy decides: the condition, and how often the slot was restarted with this spec
// version, with a window only within the window before its end (before `now` while it has not
// ended). A global service's coming back to a node is no restart. `slot` holds all tasks of the
// slot by age.
bool should_restart(const model::Task& ended, const store::TaskTable::Tasks& slot, Time now);

// When `task`, desired Ready, may run.
struct Release {
  Time not_before;  // the restart delay is over
  Time at;          // and the tasks before it have stopped, or had all the time they get
};
// No delay when the task takes over from a node that is drained or lost, follows a slot that was
// taken away, is moved by a rebalance, or comes back to its node. A task that is meant to run on
// beside it (start-first) is not waited for.
Release release_time(const model::Task& task, const store::TaskTable::Tasks& slot,
                     const store::Tables& tables);

// A new task for the slot that holds `tasks`: desired Ready as long as it may not run.
model::Task make_next(const model::Service& service, model::Ref<model::Annotations> annotations,
                      const SlotKey& key, const store::TaskTable::Tasks& tasks,
                      const store::Tables& tables, Time now, Rng& rng);

// The task's own end, not the stop that it was told, and no loop's decision either.
bool ended_by_itself(const model::Task& task);

}  // namespace shoal::orchestrator

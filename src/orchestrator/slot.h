// A slot is one place of a service: "web.3" lives on while tasks come and go in it. A global
// service has one on each node. Here is what the orchestrators agree on about the tasks of one
// slot.
//
//   live       meant to run: desired state at most Running
//   stopped    surely holds no container any more, nor ever will
//   occupied   the slot counts as a replica: some task of it is not desired Remove. A slot whose
//              restart attempts are exhausted has no live task and stays occupied: it stays dead.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/rng.h"
#include "store/tables.h"

namespace shoal::orchestrator {

// next_deadline() of a loop that has something to do now.
inline constexpr Time kAtOnce{0};

struct SlotKey {
  model::ServiceId service;
  uint64_t slot = 0;   // 1 … of a replicated service
  model::NodeId node;  // of a global one, which has the slot 0 on every node

  bool is_global() const { return slot == 0; }
  auto operator<=>(const SlotKey&) const = default;
};

inline bool is_global(const model::Task& task) {
  return task.slot == 0;
}

inline SlotKey slot_of(const model::Task& task) {
  return {task.service_id, task.slot, is_global(task) ? task.node_id : model::NodeId()};
}

// All tasks of the slot, in id order. Costs what the slot holds, of a global service what the node
// holds.
store::TaskTable::Tasks tasks_in(const store::Tables& tables, const SlotKey& key);

inline bool is_live(const model::Task& task) {
  return task.desired_state <= model::TaskState::Running;
}

// Was never given to a node and, being no longer meant to run, never will be.
inline bool will_never_run(const model::Task& task) {
  return !is_live(task) && task.status.state < model::TaskState::Assigned;
}

// Its container is gone for good, or there never was one.
inline bool has_ended(const model::Task& task) {
  return model::is_terminal(task.status.state) || will_never_run(task);
}

// The task's node is drained, though up, or can not be reached: down or removed. Both are false
// when unassigned.
bool is_on_drained_node(const model::Task& task, const store::Tables& tables);
bool is_on_lost_node(const model::Task& task, const store::Tables& tables);

// Either of the two.
bool is_stranded(const model::Task& task, const store::Tables& tables);

// Nothing of the task runs where the manager could know of it: ended, or its node down or removed.
bool is_stopped(const model::Task& task, const store::Tables& tables);

// `task` is what the rebalance under way puts in the place of `before`. It moves a slot once: what
// it replaces is from before its beginning.
bool is_rebalance_of(const model::Task& before, const model::Task& task,
                     const model::Service& service);

// Oldest first; of one instant those that are not meant to run, then in id order.
void sort_by_age(store::TaskTable::Tasks& tasks);

// The service's annotations as one value shared by all of its tasks: `shared` (may be null) while
// they are still the same, else a new copy.
model::Ref<model::Annotations> share_annotations(const model::Service& service,
                                                 model::Ref<model::Annotations> shared);

// A task in state New for `slot`, a slot of the service, from its present spec. In a slot of a
// global service it belongs to its node from the beginning.
model::Task make_task(const model::Service& service, model::Ref<model::Annotations> annotations,
                      const SlotKey& slot, Time now, Rng& rng);

}  // namespace shoal::orchestrator

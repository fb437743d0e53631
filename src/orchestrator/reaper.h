// Deletes the tasks that nobody needs any more:
// - those sent away (desired Remove: all tasks of a service that is gone, and those of a global one
//   on a node that is), once their container is surely gone or when they never ran;
// - attachments (TaskSpec::attachment) that have ended or whose node is gone: they have no history;
// - of every slot the oldest ended ones beyond the history limit of the cluster's spec, a negative
//   limit meaning none. A service with max_attempts keeps max_attempts + 1: the restart rules count
//   them (restart_rules.h).
//
// Never a task that may still run, and never the newest one of a slot, which says why the slot is
// dead. Waits kReapPause after the first change to work off many at once.
// Thread: the control thread. The shape of the class is explained in store/plan.h.
#pragma once

#include <optional>
#include <set>

#include "orchestrator/slot.h"
#include "store/plan.h"

namespace shoal::orchestrator {

inline constexpr Duration kReapPause = 250ms;
// Dirty slots and tasks that end the pause at once.
inline constexpr size_t kReapDirtyMax = 1000;

class Reaper {
 public:
  void reset(const store::Tables& tables);
  void on_batch(const store::Batch& batch);
  store::Plan plan(const store::Tables& tables, Time now);
  std::optional<Time> next_deadline() const;

 private:
  void mark(const model::Task& task);
  void mark_attachments_of(const store::Tables& tables, const model::NodeId& node);
  size_t dirty_count() const { return slots_.size() + leaving_.size(); }
  void plan_history(const store::Tables& tables, const SlotKey& key, store::Plan& plan) const;

  std::set<SlotKey> slots_;          // have a new task or one that ended
  std::set<model::TaskId> leaving_;  // deletable, and desired Remove or attachments
  std::set<model::NodeId> gone_nodes_;
  bool limit_changed_ = false;       // look at every slot
  std::optional<Time> pause_until_;  // set by the first plan() that sees something
};

}  // namespace shoal::orchestrator

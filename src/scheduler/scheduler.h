// The scheduler: gives every pending task a node, or says why it cannot.
//
// Pure, a control loop (store/plan.h). Writes node_id, PENDING -> ASSIGNED, and the error text of a
// pending task ("no suitable node (insufficient resources on 2 nodes)"). Tasks of one service and
// spec version form a group: they are alike, so the nodes are filtered once and the reason is made
// once for all of them. A group that found no node is looked at again only when a node changed or
// got room, and then only at that node.
//
// Order of choice (semantics 2.5): placement preferences spread the tasks over the branches of a
// tree of labels; within a branch nodes with 5 or more recent failures of the group come last, then
// the fewest active tasks of the service wins, then the fewest active tasks, then the lowest id.
//
// Its picture of the nodes comes from durable batches and, at once, from its own decisions.
//
// Thread: the control thread.
#pragma once

#include <memory>
#include <optional>

#include "store/plan.h"

namespace shoal::scheduler {

// The reason of a group that stays blocked is written again at most this often.
inline constexpr Duration kReasonPause = 1s;

class Scheduler {
 public:
  Scheduler();
  ~Scheduler();

  void reset(const store::Tables& tables);
  void on_batch(const store::Batch& batch);
  store::Plan plan(const store::Tables& tables, Time now);
  std::optional<Time> next_deadline() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::scheduler

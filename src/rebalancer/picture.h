// What runs where, as the scheduler sees it: its own NodeSet, filled from what is stored.
//
// A picture of a large swarm takes a while to make. So it is made in pieces, between which others
// may work, and a loop that needs it for longer keeps it up to date with on_batch(), from the first
// piece on.
//
// Thread: the control thread.
#pragma once

#include "scheduler/node_set.h"
#include "store/tables.h"

namespace shoal::rebalancer {

// Tasks taken in with one piece: about a millisecond.
inline constexpr size_t kTasksPerPiece = 2'000;

class Picture {
 public:
  // Takes in one more piece. True when nothing is left.
  bool build(const store::Tables& tables);
  void on_batch(const store::Batch& batch);

  // Complete once build() has said so.
  scheduler::NodeSet& nodes() { return nodes_; }

 private:
  void on_task(const model::Ref<model::Task>& before, const model::Ref<model::Task>& after);

  scheduler::NodeSet nodes_;
  model::NodeId reached_;  // the last node taken in
  bool complete_ = false;
};

}  // namespace shoal::rebalancer

// Safety of slots: no slot ever has two tasks meant to run, none is let go while one before it may
// still run on a node that counts as up (but for the timeout), and never do two containers of one
// slot run together unless the manager had reason to accept that.
//
// The one exception is the move to another node, start-first: off a drained one, or by a rebalance.
// It begins while the older task runs, never has more than two tasks, and ends soon after the
// younger one runs, or the node takes tasks again, or the rebalance is over.
//
// Follows the durable batches in their own order, so it sees what each decision saw.
#pragma once

#include <map>
#include <set>

#include "orchestrator/slot.h"
#include "sim/executor.h"
#include "sim/manager_host.h"

namespace shoal::sim {

class SlotChecker final : public ManagerObserver, public ContainerObserver {
 public:
  explicit SlotChecker(const VirtualLoop& loop, Trace& trace) : loop_(loop), trace_(trace) {}

  void on_load(const store::Tables& tables) override;
  void on_batch(const store::Batch& batch) override;
  void on_plan(std::string_view, const store::Tables&, const store::Plan&) override {}
  void on_started(const model::NodeId& node, const model::TaskId& task) override;
  void on_ended(const model::NodeId& node, const model::TaskId& task) override;

  // How often two containers of a slot ran together with reason. A run without any proves little.
  uint64_t accepted_overlaps() const { return accepted_overlaps_; }
  // How often a task moved to another node start-first.
  uint64_t moves() const { return moves_; }

 private:
  void on_change(const model::Ref<model::Task>& before, const model::Ref<model::Task>& after);
  void check_slot(const model::Task& changed);
  void check_release(const model::Task& task);
  bool may_run_unseen(const model::Task& task) const;
  bool leaves_node(const model::Task& older) const;
  bool may_move(const model::Task& older) const;
  void check_moves();

  const VirtualLoop& loop_;
  Trace& trace_;
  store::Tables durable_;
  std::map<model::TaskId, orchestrator::SlotKey> slots_;      // of every task ever seen
  std::map<model::TaskId, std::set<model::TaskId>> overlap_;  // accepted when it was let go
  std::set<model::TaskId> given_up_;                          // as orphaned
  std::map<orchestrator::SlotKey, std::set<model::TaskId>> running_;
  // Under way, and since when each could have ended; not set: it could not yet.
  std::map<orchestrator::SlotKey, Time> moving_;
  uint64_t accepted_overlaps_ = 0;
  uint64_t moves_ = 0;
};

}  // namespace shoal::sim

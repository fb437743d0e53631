// Nobody loses a task that was fine: when a loop tells a task to stop, or takes it off its node,
// there is a reason in what is stored at that moment. Tasks that are sent away with their slot,
// their service or their node are not looked at. And a rebalance moves a task only from a node that
// has at least two more of the service than another one that takes tasks, and only while all others
// of it run.
#pragma once

#include "sim/manager_host.h"

namespace shoal::sim {

class StopChecker final : public ManagerObserver {
 public:
  explicit StopChecker(Trace& trace) : trace_(trace) {}

  void on_load(const store::Tables&) override {}
  void on_batch(const store::Batch&) override {}
  void on_plan(std::string_view loop, const store::Tables& tables,
               const store::Plan& plan) override;

  // Stops that were looked at. A run without any proves nothing.
  uint64_t count() const { return count_; }
  // Tasks that a rebalance moved.
  uint64_t rebalanced() const { return rebalanced_; }

 private:
  void check_rebalance(const store::Tables& tables, const store::Plan& plan);

  Trace& trace_;
  uint64_t count_ = 0;
  uint64_t rebalanced_ = 0;
};

}  // namespace shoal::sim

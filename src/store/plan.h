// Plan: what a control loop wants changed, as plain values that can be printed and compared.
//
// Every control loop (orchestrators, restart supervisor, reaper, allocator, scheduler, dispatcher's
// bookkeeping) has the same shape, and manager/core drives them all alike:
//
//   // Leadership begins: look at everything once.
//   void reset(const Tables&);
//   // Durable changes: remember what is dirty, in O(changes).
//   void on_batch(const Batch&);
//   // Decide what is due, at most kPlanChangesMax changes; what is left over stays due.
//   Plan plan(const Tables&, Time now);
//   // When plan() is wanted next. At or before now: at once. Empty: only after the next batch.
//   std::optional<Time> next_deadline() const;
//
// The manager calls plan() and commits the result in one transaction, without letting anything run
// in between, so a plan is never stale; apply() still checks every version and refuses the whole
// plan when one does not match, and the loop then plans again from its dirty set.
#pragma once

#include <string>
#include <vector>

#include "store/store.h"

namespace shoal::store {

// Bounds one transaction to less than a millisecond of the control thread; larger work comes in
// several plans, which the engine makes durable together.
inline constexpr size_t kPlanChangesMax = 250;

struct Plan {
  std::vector<model::Task> create_tasks;
  std::vector<model::Task> update_tasks;  // meta.version as read
  std::vector<model::TaskId> remove_tasks;
  std::vector<model::Service> update_services;  // meta.version as read
  std::vector<model::ServiceId> remove_services;
  std::vector<model::Node> update_nodes;        // meta.version as read
  std::vector<model::Cluster> update_clusters;  // meta.version as read
  std::vector<model::Network> update_networks;  // meta.version as read

  bool empty() const;
  size_t size() const;
  bool operator==(const Plan&) const = default;
};

// One line a change, for golden tests and the debug log.
std::string to_string(const Plan& plan);

// Writes the plan. An error (OutOfSequence, NotFound …) leaves the transaction to be undone.
Result<void> apply(Plan plan, WriteTx& tx);

}  // namespace shoal::store

// One task on its node: from its desired state, its observed state and the executor's outcomes to
// the next operation.
//
// The observed state only rises: ACCEPTED, PREPARING, READY, STARTING, RUNNING, then one of
// COMPLETE, SHUTDOWN, FAILED, REJECTED. Desired READY holds a prepared task; desired RUNNING or
// COMPLETE releases it; desired SHUTDOWN or REMOVE stops it. A failure before STARTING is REJECTED,
// from STARTING on FAILED; exit code 0 is COMPLETE, or SHUTDOWN when the task was told to stop.
// The container of a dead task stays, for its logs, until the task is withdrawn.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/core/executor_ops.h"

namespace shoal::agent {

// Pauses between tries of an operation that failed for a passing reason; each doubles the last.
inline constexpr Duration kRetryPauseMin = 100ms;
inline constexpr Duration kRetryPauseMax = 8s;

class TaskMachine {
 public:
  // Assigned by a manager. A terminal observed state is kept: there is nothing left to do.
  TaskMachine(model::Ref<model::Task> task, Time now);
  // Found at start, not yet confirmed by a manager: nothing is done until assign() or withdraw().
  TaskMachine(const FoundContainer& found, Time now);

  // New instructions for the same task. Only the desired state can differ, and it only rises: a
  // lower one is passed over. The first ones for a container that was found also say how far the
  // manager knows it to have come.
  void assign(model::Ref<model::Task> task, Time now);
  // The task is no longer the node's: stop it and remove its container; no more reports.
  void withdraw();
  void on_outcome(const Outcome& outcome, Time now);

  // The operation to ask for now, if any; it then counts as under way. Call until it is empty.
  std::optional<Operation> next(Time now);
  // When next() may have something although nothing happened.
  std::optional<Time> retry_at() const;
  // Whether the status changed since this was last asked.
  bool take_changed() { return std::exchange(changed_, false); }

  const model::TaskId& id() const { return id_; }
  const model::TaskStatus& status() const { return status_; }
  const model::Ref<model::Task>& task() const { return task_; }  // null while only adopted
  bool withdrawn() const { return withdrawn_; }
  // Withdrawn and its container is gone: forget it.
  bool gone() const { return gone_; }

 private:
  bool wants_stop() const;
  bool is_ended() const { return model::is_terminal(status_.state); }
  void compare_with_manager(Time now);
  void enter(model::TaskState state, Time now);
  void fail(std::string error, Time now);
  void finish(const Exited& result, Time now);
  void retry_at_once();
  void succeeded();
  void on_prepared(const Prepared& result, Time now);
  void on_started(const Started& result, Time now);
  void on_exited(const Exited& result, Time now);
  void on_stopped(const Stopped& result, Time now);
  void on_failed(const OperationFailed& result, Time now);
  std::optional<OperationKind> wanted() const;

  model::TaskId id_;
  model::Ref<model::Task> task_;
  model::TaskStatus status_;
  std::optional<OperationKind> under_way_;
  bool touched_ = false;  // the executor may have something of the task to remove
  bool running_ = false;  // its process runs, as far as is known
  bool changed_ = false;
  bool withdrawn_ = false;
  bool gone_ = false;
  int failures_ = 0;  // of the operation wanted now, in a row
  Time not_before_;   // the next try
};

}  // namespace shoal::agent

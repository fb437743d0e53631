// The agent's core: applies what the dispatcher assigns, takes every task through its life by
// asking the executor, and says how they do.
//
// Pure: the shell feeds messages and outcomes, then calls step() and carries out the effects; it
// calls again at next_deadline(). Without a manager everything goes on as it is; a new session gets
// every task's status again, whatever was sent before. Tasks that a COMPLETE assignment does not
// name are removed.
//
// Thread: one, the agent's. Work per call is proportional to what it names.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/core/executor_ops.h"
#include "agent/core/task_machine.h"
#include "model/node_protocol.h"

namespace shoal::agent {

// After a report was sent, later steps on the way wait this long and go together. The first goes at
// once.
inline constexpr Duration kReportPause = 100ms;
// A task that runs or has ended waits only this long: somebody waits for it.
inline constexpr Duration kUrgentReportPause = 5ms;

struct Effects {
  std::vector<Operation> operations;         // for the executor, in order
  std::vector<model::StatusUpdate> reports;  // one message to the manager; may be empty

  bool empty() const { return operations.empty() && reports.empty(); }
};

class Agent {
 public:
  // Once, before anything else: the containers that outlived the agent's last run.
  void adopt(const std::vector<FoundContainer>& found, Time now);

  // A session is open: reports flow, all of them anew. The node's own record is kept for templates.
  void on_session(const model::SessionMessage& message);
  // Reports wait from now on; containers go on.
  void on_session_lost();
  // The swarm does not hold this machine for a node of it any more: nothing that runs here is
  // wanted.
  void on_removed();
  // An error (FailedPrecondition) when an INCREMENTAL message does not apply to what the agent has:
  // nothing is changed, the shell must subscribe again.
  Result<void> on_assignments(const model::AssignmentsMessage& message, Time now);
  // An outcome that fits nothing is passed over.
  void on_outcome(const Outcome& outcome, Time now);

  // What is due now. Call it after every on_…() and at next_deadline().
  Effects step(Time now);
  // Empty: only after the next event.
  std::optional<Time> next_deadline() const;

  // The task as the node sees it; null when it is not here. For `docker ps`, logs and tests.
  const TaskMachine* find(const model::TaskId& id) const;
  size_t task_count() const { return tasks_.size(); }
  // Null before the first session.
  const model::Ref<model::Node>& node() const { return node_; }

 private:
  void assign(const model::Ref<model::Task>& task, Time now);
  void withdraw(const model::TaskId& id);
  void note(TaskMachine& machine);
  void collect_operations(Time now, Effects& effects);
  void collect_reports(Time now, Effects& effects);
  std::optional<Time> reports_due() const;

  std::map<model::TaskId, TaskMachine> tasks_;
  std::set<model::TaskId> dirty_;                     // to be stepped
  std::set<std::pair<Time, model::TaskId>> retries_;  // to be stepped when the time comes
  std::set<model::TaskId> unreported_;
  model::Ref<model::Node> node_;
  model::SessionId session_;
  std::string sequence_;  // results_in of the last message
  bool connected_ = false;
  bool urgent_ = false;  // something unreported runs or has ended
  Time last_report_;     // unset: none in this session
};

}  // namespace shoal::agent

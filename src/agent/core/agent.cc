#include "agent/core/agent.h"

#include <utility>

namespace shoal::agent {

using model::AssignmentAction;
using model::AssignmentsType;

void Agent::adopt(const std::vector<FoundContainer>& found, Time now) {
  for (const FoundContainer& container : found) {
    tasks_.try_emplace(container.task_id, container, now);
  }
}

void Agent::on_session(const model::SessionMessage& message) {
  node_ = message.node;
  if (message.session == session_ && connected_) return;
  session_ = message.session;
  connected_ = true;
  sequence_.clear();
  last_report_ = {};
  for (const auto& [id, machine] : tasks_) {
    if (machine.task() && !machine.withdrawn()) unreported_.insert(id);
  }
}

void Agent::on_session_lost() {
  connected_ = false;
}

void Agent::on_removed() {
  connected_ = false;
  for (const auto& [id, machine] : tasks_) withdraw(id);
}

Result<void> Agent::on_assignments(const model::AssignmentsMessage& message, Time now) {
  if (message.type == AssignmentsType::Incremental) {
    if (sequence_.empty() || message.applies_to != sequence_) {
      return failed_precondition("assignment applies to \"{}\", but the node is at \"{}\"",
                                 message.applies_to, sequence_);
    }
  } else {
    std::set<model::TaskId> named;
    for (const auto& change : message.changes) named.insert(change.task_id);
    for (const auto& [id, machine] : tasks_) {
      if (!named.contains(id)) withdraw(id);
    }
  }
  sequence_ = message.results_in;
  for (const auto& change : message.changes) {
    if (change.action == AssignmentAction::Remove) {
      withdraw(change.task_id);
    } else if (change.task) {
      assign(change.task, now);
    }
  }
  return {};
}

void Agent::assign(const model::Ref<model::Task>& task, Time now) {
  const auto [at, fresh] = tasks_.try_emplace(task->id, task, now);
  if (!fresh) at->second.assign(task, now);
  note(at->second);
}

void Agent::withdraw(const model::TaskId& id) {
  const auto at = tasks_.find(id);
  if (at == tasks_.end()) return;
  at->second.withdraw();
  unreported_.erase(id);
  note(at->second);
}

void Agent::on_outcome(const Outcome& outcome, Time now) {
  const auto at = tasks_.find(outcome.task_id);
  if (at == tasks_.end()) return;
  at->second.on_outcome(outcome, now);
  note(at->second);
}

void Agent::note(TaskMachine& machine) {
  dirty_.insert(machine.id());
  if (!machine.take_changed() || machine.withdrawn() || !machine.task()) return;
  unreported_.insert(machine.id());
  urgent_ |= machine.status().state >= model::TaskState::Running;
}

Effects Agent::step(Time now) {
  Effects effects;
  collect_operations(now, effects);
  collect_reports(now, effects);
  return effects;
}

void Agent::collect_operations(Time now, Effects& effects) {
  while (!retries_.empty() && retries_.begin()->first <= now) {
    dirty_.insert(retries_.begin()->second);
    retries_.erase(retries_.begin());
  }
  for (const model::TaskId& id : std::exchange(dirty_, {})) {
    const auto at = tasks_.find(id);
    if (at == tasks_.end()) continue;
    TaskMachine& machine = at->second;
    if (auto operation = machine.next(now)) effects.operations.push_back(std::move(*operation));
    note(machine);
    dirty_.erase(id);
    if (machine.gone()) {
      unreported_.erase(id);
      tasks_.erase(at);
    } else if (const auto retry = machine.retry_at()) {
      retries_.insert({*retry, id});
    }
  }
}

std::optional<Time> Agent::reports_due() const {
  if (!connected_ || unreported_.empty()) return std::nullopt;
  if (!last_report_.is_set()) return Time{};
  return last_report_ + (urgent_ ? kUrgentReportPause : kReportPause);
}

void Agent::collect_reports(Time now, Effects& effects) {
  const auto due = reports_due();
  if (!due || *due > now) return;
  while (!unreported_.empty() && effects.reports.size() < model::kStatusUpdatesMax) {
    const TaskMachine& machine = tasks_.at(*unreported_.begin());
    effects.reports.push_back({.task = machine.id(), .status = machine.status()});
    unreported_.erase(unreported_.begin());
  }
  urgent_ = !unreported_.empty();
  last_report_ = now;
}

std::optional<Time> Agent::next_deadline() const {
  if (!dirty_.empty()) return Time{};
  std::optional<Time> next = reports_due();
  if (!retries_.empty() && (!next || retries_.begin()->first < *next)) {
    next = retries_.begin()->first;
  }
  return next;
}

const TaskMachine* Agent::find(const model::TaskId& id) const {
  const auto at = tasks_.find(id);
  return at == tasks_.end() ? nullptr : &at->second;
}

}  // namespace shoal::agent

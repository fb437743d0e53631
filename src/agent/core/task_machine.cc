#include "agent/core/task_machine.h"

#include <algorithm>

namespace shoal::agent {
namespace {

using model::TaskState;

Duration retry_pause(int failures) {
  const int doublings = std::min(failures - 1, 10);  // kRetryPauseMax is reached before.
  return std::min(kRetryPauseMax, kRetryPauseMin * (int64_t{1} << doublings));
}

// The words that Swarm's agents use in a status.
std::string_view message_of(TaskState state) {
  switch (state) {
    case TaskState::Accepted:
      return "accepted";
    case TaskState::Preparing:
      return "preparing";
    case TaskState::Ready:
      return "prepared";
    case TaskState::Starting:
      return "starting";
    case TaskState::Running:
      return "started";
    case TaskState::Complete:
      return "finished";
    case TaskState::Shutdown:
      return "shutdown";
    default:
      return "";
  }
}

}  // namespace

TaskMachine::TaskMachine(model::Ref<model::Task> task, Time now)
    : id_(task->id), task_(std::move(task)) {
  status_ = task_->status;
  if (is_ended()) return;
  // A container that the manager knows to have started, and that is not here, is lost.
  if (status_.state >= TaskState::Starting) {
    fail("task: its container is gone", now);
    return;
  }
  status_ = {};
  enter(TaskState::Accepted, now);
}

TaskMachine::TaskMachine(const FoundContainer& found, Time now)
    : id_(found.task_id), touched_(true) {
  status_.timestamp = now;
  status_.container = found.container;
  status_.host_ports = found.host_ports;
  switch (found.condition) {
    case FoundContainer::Condition::Created:
      enter(TaskState::Ready, now);
      break;
    case FoundContainer::Condition::Running:
      running_ = true;
      enter(TaskState::Running, now);
      break;
    case FoundContainer::Condition::Exited:
      status_.state = TaskState::Running;
      status_.message = message_of(TaskState::Running);
      finish({.container = found.container, .error = ""}, now);
      break;
  }
}

void TaskMachine::assign(model::Ref<model::Task> task, Time now) {
  const bool stopping = wants_stop();
  const bool adopted = !task_;
  // A leader that begins holds back what the one before had told already.
  const bool is_late = task_ && task->desired_state < task_->desired_state;
  if (!is_late) task_ = std::move(task);
  withdrawn_ = false;
  if (adopted) compare_with_manager(now);
  if (wants_stop() && !stopping) retry_at_once();
}

// What was found on the node meets what the manager was told before the agent went.
void TaskMachine::compare_with_manager(Time now) {
  const model::TaskStatus& known = task_->status;
  changed_ = true;
  if (model::is_terminal(known.state)) {
    status_ = known;  // The end stays the end.
  } else if (status_.state == known.state) {
    status_.message = known.message;
    status_.timestamp = known.timestamp;  // It has been so since then, not since it was found.
  } else if (status_.state == TaskState::Running && known.state < TaskState::Running) {
    // Its start was not seen to its end: asked for again, it waits until the container is healthy
    // and serves its ports, and leaves the process alone.
    status_.state = TaskState::Starting;
    status_.message = message_of(TaskState::Starting);
  } else if (!is_ended() && !running_ && known.state >= TaskState::Running) {
    // Only the container is left of it (its record was not on the disk when the power failed).
    status_.state = known.state;
    fail("task: its container is gone", now);
  }
}

void TaskMachine::withdraw() {
  if (!wants_stop()) retry_at_once();
  withdrawn_ = true;
}

// The pause after a failure is that of the operation that is not wanted any more.
void TaskMachine::retry_at_once() {
  failures_ = 0;
  not_before_ = {};
}

bool TaskMachine::wants_stop() const {
  if (withdrawn_ || is_ended()) return true;
  if (!task_) return false;
  return task_->desired_state >= TaskState::Shutdown || model::is_terminal(task_->status.state);
}

// What has to be done next if nothing were under way.
std::optional<OperationKind> TaskMachine::wanted() const {
  if (gone_) return std::nullopt;
  const bool starting = under_way_ == OperationKind::Start;
  if (wants_stop()) {
    if (running_ || starting) return OperationKind::Stop;
    if (withdrawn_) return OperationKind::Remove;
    if (is_ended()) return std::nullopt;
    return OperationKind::Stop;
  }
  if (!task_) return std::nullopt;
  if (status_.state <= TaskState::Preparing) return OperationKind::Prepare;
  const bool released = task_->desired_state >= TaskState::Running;
  if (status_.state <= TaskState::Starting && released) return OperationKind::Start;
  return std::nullopt;
}

std::optional<Operation> TaskMachine::next(Time now) {
  const auto kind = wanted();
  if (!kind || not_before_ > now || under_way_ == kind) return std::nullopt;
  const bool ends = *kind == OperationKind::Stop || *kind == OperationKind::Remove;
  const bool ending = under_way_ == OperationKind::Stop || under_way_ == OperationKind::Remove;
  if (under_way_ && (!ends || ending)) return std::nullopt;
  if (ends && !touched_) {  // The executor has nothing of it.
    if (withdrawn_) {
      gone_ = true;
    } else {
      enter(TaskState::Shutdown, now);
    }
    return std::nullopt;
  }
  if (*kind == OperationKind::Prepare) enter(TaskState::Preparing, now);
  if (*kind == OperationKind::Start) enter(TaskState::Starting, now);
  touched_ = true;
  under_way_ = kind;
  return Operation{.kind = *kind, .task_id = id_, .task = task_};
}

std::optional<Time> TaskMachine::retry_at() const {
  // A pause may outlive what it was for: the task ended, or what is wanted was done.
  if (under_way_ || !not_before_.is_set() || !wanted()) return std::nullopt;
  return not_before_;
}

void TaskMachine::enter(TaskState state, Time now) {
  if (state <= status_.state) return;
  status_.state = state;
  status_.message = message_of(state);
  status_.error.clear();
  status_.timestamp = now;
  changed_ = true;
}

// The message stays: it says how far the task had come.
void TaskMachine::fail(std::string error, Time now) {
  if (is_ended()) return;
  const bool rejected = status_.state < TaskState::Starting;
  status_.state = rejected ? TaskState::Rejected : TaskState::Failed;
  status_.error = std::move(error);
  status_.timestamp = now;
  changed_ = true;
}

void TaskMachine::finish(const Exited& result, Time now) {
  const int64_t code = result.container.exit_code;
  if (code == 0 && result.error.empty()) {
    if (!is_ended()) enter(TaskState::Complete, now);
    return;
  }
  std::string error = fmt::format("task: non-zero exit ({})", code);
  if (!result.error.empty()) error += ": " + result.error;
  fail(std::move(error), now);
}

void TaskMachine::on_outcome(const Outcome& outcome, Time now) {
  if (gone_) return;
  if (const auto* prepared = std::get_if<Prepared>(&outcome.result)) on_prepared(*prepared, now);
  if (const auto* started = std::get_if<Started>(&outcome.result)) on_started(*started, now);
  if (const auto* exited = std::get_if<Exited>(&outcome.result)) on_exited(*exited, now);
  if (const auto* stopped = std::get_if<Stopped>(&outcome.result)) on_stopped(*stopped, now);
  if (const auto* failed = std::get_if<OperationFailed>(&outcome.result)) on_failed(*failed, now);
  if (std::holds_alternative<Removed>(outcome.result) && under_way_ == OperationKind::Remove) {
    under_way_.reset();
    touched_ = running_ = false;
    gone_ = withdrawn_;
  }
}

void TaskMachine::succeeded() {
  under_way_.reset();
  retry_at_once();
}

void TaskMachine::on_prepared(const Prepared& result, Time now) {
  if (under_way_ != OperationKind::Prepare) return;
  succeeded();
  status_.container = result.container;
  enter(TaskState::Ready, now);
}

void TaskMachine::on_started(const Started& result, Time now) {
  if (under_way_ != OperationKind::Start) return;
  succeeded();
  running_ = true;
  status_.container = result.container;
  status_.host_ports = result.host_ports;
  enter(TaskState::Running, now);
}

void TaskMachine::on_exited(const Exited& result, Time now) {
  running_ = false;
  if (is_ended()) return;
  status_.container = result.container;
  if (under_way_ == OperationKind::Stop || under_way_ == OperationKind::Remove) return;
  if (under_way_ == OperationKind::Start) succeeded();
  if (wants_stop()) {
    enter(TaskState::Shutdown, now);
  } else {
    finish(result, now);
  }
}

void TaskMachine::on_stopped(const Stopped& result, Time now) {
  if (under_way_ != OperationKind::Stop) return;
  succeeded();
  running_ = false;
  if (is_ended()) return;
  if (result.container) status_.container = result.container;
  enter(TaskState::Shutdown, now);
}

void TaskMachine::on_failed(const OperationFailed& result, Time now) {
  if (under_way_ != result.kind) return;
  under_way_.reset();
  const bool ends = result.kind == OperationKind::Stop || result.kind == OperationKind::Remove;
  if (!ends && !result.temporary) {
    fail(result.error, now);
    return;
  }
  not_before_ = now + retry_pause(++failures_);
  if (!is_ended() && status_.error != result.error) {
    status_.error = result.error;
    status_.timestamp = now;
    changed_ = true;
  }
}

}  // namespace shoal::agent

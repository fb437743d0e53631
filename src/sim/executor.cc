#include "sim/executor.h"

#include <utility>

namespace shoal::sim {
namespace {

using agent::FoundContainer;
using agent::OperationKind;
using model::TaskId;
using Condition = FoundContainer::Condition;

constexpr Duration kPrepareMax = 2s;
constexpr Duration kStartMax = 200ms;
constexpr Duration kStopMax = 1s;
constexpr Duration kRemoveMax = 100ms;
constexpr int64_t kKilled = 137;

}  // namespace

Executor::Executor(model::NodeId node, VirtualLoop& loop, Rng& rng, const Faults& faults,
                   Trace& trace, ContainerObserver& observer)
    : node_(node), loop_(loop), rng_(rng), faults_(faults), trace_(trace), observer_(observer) {}

void Executor::attach(Answer answer) {
  answer_ = std::move(answer);
}

void Executor::detach() {
  answer_ = nullptr;
  // A stop signal that was sent works on; of the rest some happens and some does not.
  std::erase_if(under_way_, [this](const auto&) { return rng_.chance(0.5); });
}

void Executor::lose_power() {
  for (auto& [id, container] : containers_) {
    if (container.condition == Condition::Running) end(id, container, kKilled);
  }
  under_way_.clear();
}

std::vector<FoundContainer> Executor::found() const {
  std::vector<FoundContainer> all;
  for (const auto& [id, container] : containers_) {
    all.push_back({.task_id = id,
                   .condition = container.condition,
                   .container = container.status,
                   .host_ports = {}});
  }
  return all;
}

std::vector<TaskId> Executor::running() const {
  std::vector<TaskId> ids;
  for (const auto& [id, container] : containers_) {
    if (container.condition == Condition::Running) ids.push_back(id);
  }
  return ids;
}

void Executor::run(const agent::Operation& operation) {
  // A newer operation of the task ends the one under way: its ticket is no longer the newest.
  const uint64_t ticket = under_way_[operation.task_id] = ++tickets_;
  switch (operation.kind) {
    case OperationKind::Prepare:
      return prepare(operation.task_id, ticket);
    case OperationKind::Start:
      return start(operation.task_id, ticket);
    case OperationKind::Stop:
      return stop(operation.task_id, ticket);
    case OperationKind::Remove:
      return remove(operation.task_id, ticket);
  }
}

void Executor::prepare(const TaskId& id, uint64_t ticket) {
  later(id, ticket, kPrepareMax, [this, id] {
    if (rng_.chance(faults_.prepare_failed)) {
      return fail(id, OperationKind::Prepare, "no such image", false);
    }
    if (rng_.chance(faults_.prepare_delayed)) {
      return fail(id, OperationKind::Prepare, "the registry is away", true);
    }
    Container& container = containers_[id];
    container.status.container_id = fmt::format("c-{}", id);
    tell(id, agent::Prepared{.container = container.status});
  });
}

void Executor::start(const TaskId& id, uint64_t ticket) {
  later(id, ticket, kStartMax, [this, id] {
    const auto at = containers_.find(id);
    if (at == containers_.end()) {
      return fail(id, OperationKind::Start, "no such container", false);
    }
    Container& container = at->second;
    if (container.condition == Condition::Exited) {
      return tell(id, agent::Exited{.container = container.status, .error = ""});
    }
    if (container.condition == Condition::Created) {
      if (rng_.chance(faults_.start_failed)) {
        return fail(id, OperationKind::Start, "exec: no such file", false);
      }
      container.condition = Condition::Running;
      container.status.pid = int64_t(++tickets_);
      container.life = tickets_;
      trace_.note("{} runs {}", node_, id);
      observer_.on_started(node_, id);
      plan_exit(id, container.life);
    }
    tell(id, agent::Started{.container = container.status, .host_ports = {}});
  });
}

void Executor::plan_exit(const TaskId& id, uint64_t life) {
  if (faults_.container_life == 0s) return;
  loop_.after(random_delay(rng_, 2 * faults_.container_life), [this, id, life] {
    const auto at = containers_.find(id);
    if (faults_.container_life == 0s || at == containers_.end()) return;
    if (at->second.life != life || at->second.condition != Condition::Running) return;
    end(id, at->second, rng_.chance(faults_.exit_failed) ? 1 : 0);
    tell(id, agent::Exited{.container = at->second.status, .error = ""});
  });
}

void Executor::stop(const TaskId& id, uint64_t ticket) {
  const bool stubborn = rng_.chance(faults_.stop_ignored);
  const Duration most = stubborn ? kStubbornStop : kStopMax;
  // The signal works also when nobody waits for it any more.
  later(id, ticket, most, [this, id] {
    const auto at = containers_.find(id);
    if (at == containers_.end()) return tell(id, agent::Stopped{});
    Container& container = at->second;
    if (container.condition == Condition::Running) {
      end(id, container, kKilled);
      if (rng_.chance(0.3)) tell(id, agent::Exited{.container = container.status, .error = ""});
    }
    tell(id, agent::Stopped{.container = container.status});
  });
}

void Executor::remove(const TaskId& id, uint64_t ticket) {
  later(id, ticket, kRemoveMax, [this, id] {
    const auto at = containers_.find(id);
    if (at != containers_.end()) {
      if (at->second.condition == Condition::Running) end(id, at->second, kKilled);
      containers_.erase(at);
    }
    tell(id, agent::Removed{});
  });
}

void Executor::end(const TaskId& id, Container& container, int64_t code) {
  container.condition = Condition::Exited;
  container.status.exit_code = code;
  container.status.pid = 0;
  trace_.note("{} ends {} with code {}", node_, id, code);
  observer_.on_ended(node_, id);
}

void Executor::later(const TaskId& id, uint64_t ticket, Duration most,
                     std::function<void()> action) {
  loop_.after(random_delay(rng_, most), [this, id, ticket, action = std::move(action)] {
    const auto at = under_way_.find(id);
    if (at == under_way_.end() || at->second != ticket) return;
    under_way_.erase(at);
    action();
  });
}

void Executor::tell(const TaskId& id, decltype(agent::Outcome::result) result) {
  if (answer_) answer_({.task_id = id, .result = std::move(result)});
}

void Executor::fail(const TaskId& id, OperationKind kind, std::string error, bool temporary) {
  tell(id, agent::OperationFailed{.kind = kind, .error = std::move(error), .temporary = temporary});
}

}  // namespace shoal::sim

#include "rebalancer/outlook.h"

#include <algorithm>
#include <span>

#include "orchestrator/restart_rules.h"

namespace shoal::rebalancer {
namespace {

using model::Ref;
using model::Task;
using model::TaskState;
using Kind = Outlook::Kind;
using Slot = std::span<const Ref<Task>>;

std::string host_of(const Task& task, const store::Tables& tables) {
  const auto node = tables.nodes().get(task.node_id);
  return node && !node->description.hostname.empty() ? node->description.hostname
                                                     : task.node_id.str();
}

// What one task says about the rebalance; the first word of the sentence is its slot.
Outlook outlook_of_task(const store::Tables& tables, const Task& task, const std::string& slot,
                        bool is_new) {
  const TaskState state = task.status.state;
  if (is_new && orchestrator::ended_by_itself(task)) {
    const std::string& why = task.status.error.empty() ? task.status.message : task.status.error;
    const std::string_view what = state == TaskState::Complete ? "ended" : "failed";
    return {Kind::Fails, fmt::format("{} {} on {}: {}", slot, what, host_of(task, tables), why)};
  }
  if (!orchestrator::is_live(task)) {
    if (orchestrator::is_stopped(task, tables)) return {};
    return {Kind::Waits, fmt::format("{} stops on {}", slot, host_of(task, tables))};
  }
  if (state == TaskState::Pending && !task.status.error.empty()) {
    return {Kind::Fails, fmt::format("{} has no node: {}", slot, task.status.error)};
  }
  if (state != TaskState::Running || task.desired_state != TaskState::Running) {
    const std::string where = task.node_id ? " on " + host_of(task, tables) : "";
    return {Kind::Waits, fmt::format("{} is {}{}", slot, model::to_string(state), where)};
  }
  if (orchestrator::is_stranded(task, tables)) {
    return {Kind::Waits, fmt::format("{} leaves {}", slot, host_of(task, tables))};
  }
  return {};
}

// All tasks of one slot, of which some may be from the time before the rebalance.
Outlook outlook_of_slot(const store::Tables& tables, const model::Service& service, Slot tasks) {
  const std::string slot = fmt::format("{}.{}", service.name(), tasks[0]->slot);
  Outlook all;
  size_t live = 0;
  bool has_new = false;
  for (const Ref<Task>& task : tasks) {
    const bool is_new = task->meta.created_at >= service.rebalance->started_at;
    has_new |= is_new;
    live += orchestrator::is_live(*task);
    all.moved |= is_new && orchestrator::is_live(*task) && task->status.state == TaskState::Running;
    Outlook one = outlook_of_task(tables, *task, slot, is_new);
    // Of two sentences the one about the newer task tells more; they need not come by age.
    if (one.kind > all.kind || (one.kind == all.kind && is_new && one.kind != Kind::Settled)) {
      all.kind = one.kind;
      all.reason = std::move(one.reason);
    }
  }
  if (live > 1 && all.kind < Kind::Waits) {
    all.kind = Kind::Waits;
    all.reason = slot + " gives way to the task that follows it";
  }
  if (has_new && all.kind == Kind::Waits) all.kind = Kind::Moves;
  return all;
}

bool is_occupied(Slot slot) {
  return std::ranges::any_of(
      slot, [](const Ref<Task>& task) { return task->desired_state != TaskState::Remove; });
}

}  // namespace

Outlook outlook_of(const store::Tables& tables, const model::Service& service) {
  const auto tasks = tables.tasks().by_service(service.id);
  Outlook all;
  size_t moved = 0;
  uint64_t occupied = 0;
  for (size_t begin = 0, end = 0; begin < tasks.size(); begin = end) {
    while (end < tasks.size() && tasks[end]->slot == tasks[begin]->slot) ++end;
    const Slot slot(tasks.data() + begin, end - begin);
    occupied += is_occupied(slot);
    Outlook one = outlook_of_slot(tables, service, slot);
    moved += one.moved;
    if (one.kind > all.kind) all = std::move(one);
  }
  all.moved = moved;
  const auto* mode = std::get_if<model::ReplicatedMode>(&service.spec.mode);
  if (mode && occupied != mode->replicas && all.kind < Kind::Waits) {
    all.kind = Kind::Waits;
    all.reason = fmt::format("{} has {} of {} replicas", service.name(), occupied, mode->replicas);
  }
  return all;
}

}  // namespace shoal::rebalancer

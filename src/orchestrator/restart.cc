#include "orchestrator/restart.h"

#include <algorithm>

#include "orchestrator/restart_rules.h"

namespace shoal::orchestrator {
namespace {

using model::Node;
using model::Ref;
using model::Task;
using model::TaskState;
using Tasks = store::TaskTable::Tasks;

bool is_usable(const Node& node) {
  return node.status.state != model::NodeState::Down &&
         node.spec.availability != model::Availability::Drain;
}

// Whether the slot must be looked at for the task's own sake.
bool wants_look(const Task& task) {
  return is_live(task) &&
         (model::is_terminal(task.status.state) || task.desired_state == TaskState::Ready);
}

}  // namespace

void RestartLoop::reset(const store::Tables& tables) {
  dirty_.clear();
  lost_nodes_.clear();
  deadlines_.clear();
  for (const auto& [id, task] : tables.tasks().all()) {
    if (wants_look(*task) || (is_live(*task) && is_stranded(*task, tables))) {
      dirty_.insert(slot_of(*task));
    }
  }
}

void RestartLoop::on_batch(const store::Batch& batch) {
  for (const store::Change& change : batch.changes) {
    // A creation has no `before`, a removal no `after`; the kind is the same on both sides.
    std::visit(
        [&]<class T>(const Ref<T>& after) {
          const auto* stored = std::get_if<Ref<T>>(&change.before);
          const Ref<T> before = stored ? *stored : nullptr;
          if constexpr (std::is_same_v<T, Task>) on_task(before, after);
          if constexpr (std::is_same_v<T, Node>) on_node(before, after);
        },
        change.after);
  }
}

void RestartLoop::on_task(const Ref<Task>& before, const Ref<Task>& after) {
  // One that stopped, or is gone, may be what a waiting replacement waits for.
  const bool stopped = before && !has_ended(*before) && (!after || has_ended(*after));
  if (stopped || (after && wants_look(*after))) dirty_.insert(slot_of(after ? *after : *before));
}

void RestartLoop::on_node(const Ref<Node>& before, const Ref<Node>& after) {
  if (!after) {
    lost_nodes_.insert(before->id);
    return;
  }
  const bool changed = !before || before->status.state != after->status.state ||
                       before->spec.availability != after->spec.availability;
  if (changed && !is_usable(*after)) lost_nodes_.insert(after->id);
}

store::Plan RestartLoop::plan(const store::Tables& tables, Time now) {
  take_lost_nodes(tables);
  while (const auto key = deadlines_.pop_due(now)) dirty_.insert(*key);
  store::Plan plan;
  while (!dirty_.empty() && plan.size() < store::kPlanChangesMax) {
    const SlotKey key = *dirty_.begin();
    dirty_.erase(dirty_.begin());
    plan_slot(tables, key, now, plan);
  }
  return plan;
}

std::optional<Time> RestartLoop::next_deadline() const {
  if (!dirty_.empty() || !lost_nodes_.empty()) return kAtOnce;
  return deadlines_.next();
}

void RestartLoop::take_lost_nodes(const store::Tables& tables) {
  for (const model::NodeId& node : lost_nodes_) {
    for (const Ref<Task>& task : tables.tasks().by_node(node)) dirty_.insert(slot_of(*task));
  }
  lost_nodes_.clear();
}

void RestartLoop::plan_slot(const store::Tables& tables, const SlotKey& key, Time now,
                            store::Plan& plan) {
  deadlines_.erase(key);
  const auto service = tables.services().get(key.service);
  if (!service) return;  // Its tasks are sent away by the replicated loop.
  Tasks slot = tables.tasks().by_slot(key.service, key.slot);
  sort_by_age(slot);
  for (const Ref<Task>& task : Tasks(slot)) {
    if (!is_live(*task)) continue;
    if (model::is_terminal(task->status.state) || is_stranded(*task, tables)) {
      replace(tables, *service, task, slot, now, plan);
    } else if (task->desired_state == TaskState::Ready) {
      release(tables, *task, slot, now, plan);
    }
  }
}

void RestartLoop::replace(const store::Tables& tables, const model::Service& service,
                          const Ref<Task>& ended, Tasks& slot, Time now, store::Plan& plan) {
  // One that failed before it was even released waits for its own delay first: no tight loop.
  if (ended->desired_state == TaskState::Ready && model::is_terminal(ended->status.state)) {
    const Time due = release_time(*ended, slot, tables).not_before;
    if (now < due) return deadlines_.set(slot_of(*ended), due);
  }
  Task retired = *ended;
  retired.desired_state = TaskState::Shutdown;
  plan.update_tasks.push_back(retired);

  const bool others_live = std::ranges::any_of(
      slot, [&](const Ref<Task>& other) { return is_live(*other) && other->id != ended->id; });
  if (others_live || !should_restart(*ended, slot, now)) return;
  Task task = make_task(service, share_annotations(service, ended.get()), ended->slot, now, rng_);
  task.meta.created_at = now;  // As it will be stored; release_time() reads it.
  *std::ranges::find(slot, ended) = std::make_shared<Task>(std::move(retired));
  slot.push_back(std::make_shared<Task>(task));
  const Release release = release_time(task, slot, tables);
  if (release.at > now) task.desired_state = TaskState::Ready;
  task.meta.created_at = {};
  plan.create_tasks.push_back(std::move(task));
}

void RestartLoop::release(const store::Tables& tables, const Task& task, const Tasks& slot,
                          Time now, store::Plan& plan) {
  const Time at = release_time(task, slot, tables).at;
  if (now < at) return deadlines_.set(slot_of(task), at);
  Task released = task;
  released.desired_state = TaskState::Running;
  plan.update_tasks.push_back(std::move(released));
}

}  // namespace shoal::orchestrator

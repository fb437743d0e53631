#include "orchestrator/restart.h"

#include <algorithm>

#include "orchestrator/slot_plan.h"

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
  changed_nodes_.clear();
  moving_.clear();
  deadlines_.clear();
  for (const auto& [id, service] : tables.services().all()) {
    const Task* before = nullptr;  // in the order of the slots
    const Tasks tasks = tables.tasks().by_service(id);
    for (const Ref<Task>& task : tasks) {
      if (!is_live(*task)) continue;
      // The leader before may not have lived to see the end of a move.
      const bool twice = before && slot_of(*before) == slot_of(*task);
      if (twice || wants_look(*task) || is_stranded(*task, tables)) dirty_.insert(slot_of(*task));
      before = task.get();
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
          if constexpr (std::is_same_v<T, model::Service>) on_service(before, after);
        },
        change.after);
  }
}

void RestartLoop::on_task(const Ref<Task>& before, const Ref<Task>& after) {
  const SlotKey key = slot_of(after ? *after : *before);
  // One that stopped, or is gone, may be what a waiting replacement waits for.
  const bool stopped = before && !has_ended(*before) && (!after || has_ended(*after));
  if (stopped || (after && wants_look(*after)) || moving_.contains(key)) dirty_.insert(key);
}

void RestartLoop::on_node(const Ref<Node>& before, const Ref<Node>& after) {
  if (!after) {
    changed_nodes_.insert(before->id);
    return;
  }
  const bool changed = !before || before->status.state != after->status.state ||
                       before->spec.availability != after->spec.availability;
  // One that takes tasks again matters to those that were about to leave it.
  if (changed && (!is_usable(*after) || !moving_.empty())) changed_nodes_.insert(after->id);
}

// The end of a rebalance decides which of the two tasks of a slot stays.
void RestartLoop::on_service(const Ref<model::Service>& before, const Ref<model::Service>& after) {
  if (!before || !before->is_rebalancing() || (after && after->is_rebalancing())) return;
  for (auto key = moving_.lower_bound({before->id}); key != moving_.end(); ++key) {
    if (key->service != before->id) break;
    dirty_.insert(*key);
  }
}

store::Plan RestartLoop::plan(const store::Tables& tables, Time now) {
  take_changed_nodes(tables);
  while (const auto key = deadlines_.pop_due(now)) dirty_.insert(*key);
  store::Plan plan;
  while (!dirty_.empty() && plan.size() < store::kPlanChangesMax) {
    const SlotKey key = *dirty_.begin();
    dirty_.erase(dirty_.begin());
    work_on(tables, key, now, plan);
  }
  return plan;
}

std::optional<Time> RestartLoop::next_deadline() const {
  if (!dirty_.empty() || !changed_nodes_.empty()) return kAtOnce;
  return deadlines_.next();
}

void RestartLoop::take_changed_nodes(const store::Tables& tables) {
  for (const model::NodeId& node : changed_nodes_) {
    for (const Ref<Task>& task : tables.tasks().by_node(node)) dirty_.insert(slot_of(*task));
  }
  changed_nodes_.clear();
}

void RestartLoop::work_on(const store::Tables& tables, const SlotKey& key, Time now,
                          store::Plan& plan) {
  deadlines_.erase(key);
  moving_.erase(key);
  const auto service = tables.services().get(key.service);
  if (!service) return;  // Its tasks are sent away by its orchestrator.
  Tasks slot = tasks_in(tables, key);
  sort_by_age(slot);
  const SlotPlan todo = plan_slot(slot, *service, tables, now);
  for (const Ref<Task>& task : todo.retire) {
    Task retired = *task;
    retired.desired_state = TaskState::Shutdown;
    *std::ranges::find(slot, task) = std::make_shared<Task>(retired);
    plan.update_tasks.push_back(std::move(retired));
  }
  if (todo.succeed) {
    auto annotations = share_annotations(*service, todo.succeed->service_annotations);
    plan.create_tasks.push_back(
        make_next(*service, std::move(annotations), key, slot, tables, now, rng_));
  }
  if (todo.keep && todo.keep->desired_state == TaskState::Ready) {
    release(tables, *todo.keep, slot, now, plan);
  }
  if (todo.look_again_at) deadlines_.set(key, *todo.look_again_at);
  if (todo.is_moving) moving_.insert(key);
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

#include "orchestrator/slot.h"

#include <algorithm>
#include <tuple>

namespace shoal::orchestrator {

using model::Task;

store::TaskTable::Tasks tasks_in(const store::Tables& tables, const SlotKey& key) {
  if (!key.is_global()) return tables.tasks().by_slot(key.service, key.slot);
  auto tasks = tables.tasks().by_node(key.node);
  std::erase_if(tasks, [&](const auto& task) { return slot_of(*task) != key; });
  return tasks;
}

bool is_on_drained_node(const Task& task, const store::Tables& tables) {
  if (task.node_id.empty()) return false;
  const auto node = tables.nodes().get(task.node_id);
  return node && node->status.state != model::NodeState::Down &&
         node->spec.availability == model::Availability::Drain;
}

bool is_on_lost_node(const Task& task, const store::Tables& tables) {
  if (task.node_id.empty()) return false;
  const auto node = tables.nodes().get(task.node_id);
  return !node || node->status.state == model::NodeState::Down;
}

bool is_stranded(const Task& task, const store::Tables& tables) {
  return is_on_drained_node(task, tables) || is_on_lost_node(task, tables);
}

bool is_stopped(const Task& task, const store::Tables& tables) {
  return has_ended(task) || is_on_lost_node(task, tables);
}

bool is_rebalance_of(const Task& before, const Task& task, const model::Service& service) {
  return service.is_rebalancing() && before.meta.created_at < service.rebalance->started_at &&
         task.meta.created_at >= service.rebalance->started_at;
}

void sort_by_age(store::TaskTable::Tasks& tasks) {
  std::ranges::sort(tasks, {}, [](const model::Ref<Task>& task) {
    return std::tuple(task->meta.created_at, is_live(*task), task->id);
  });
}

model::Ref<model::Annotations> share_annotations(const model::Service& service,
                                                 model::Ref<model::Annotations> shared) {
  if (shared && *shared == service.spec.annotations) return shared;
  return std::make_shared<model::Annotations>(service.spec.annotations);
}

Task make_task(const model::Service& service, model::Ref<model::Annotations> annotations,
               const SlotKey& slot, Time now, Rng& rng) {
  Task task;
  task.id = model::TaskId::random(rng);
  task.service_id = service.id;
  task.slot = slot.slot;
  task.node_id = slot.node;
  task.spec = service.spec.task;
  task.service_annotations = std::move(annotations);
  task.spec_version = service.spec_version;
  task.status.timestamp = now;
  task.status.state = model::TaskState::New;
  task.status.message = "created";
  task.desired_state = model::TaskState::Running;
  return task;
}

}  // namespace shoal::orchestrator

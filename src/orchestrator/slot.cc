#include "orchestrator/slot.h"

#include <algorithm>
#include <tuple>

namespace shoal::orchestrator {

using model::Task;

bool is_stranded(const Task& task, const store::Tables& tables) {
  if (task.node_id.empty()) return false;
  const auto node = tables.nodes().get(task.node_id);
  return !node || node->status.state == model::NodeState::Down ||
         node->spec.availability == model::Availability::Drain;
}

bool is_stopped(const Task& task, const store::Tables& tables) {
  if (has_ended(task)) return true;
  if (task.node_id.empty()) return false;
  const auto node = tables.nodes().get(task.node_id);
  return !node || node->status.state == model::NodeState::Down;
}

void sort_by_age(store::TaskTable::Tasks& tasks) {
  std::ranges::sort(tasks, {}, [](const model::Ref<Task>& task) {
    return std::tuple(task->meta.created_at, is_live(*task), task->id);
  });
}

model::Ref<model::Annotations> share_annotations(const model::Service& service,
                                                 const Task* sibling) {
  if (sibling && sibling->service_annotations &&
      *sibling->service_annotations == service.spec.annotations) {
    return sibling->service_annotations;
  }
  return std::make_shared<model::Annotations>(service.spec.annotations);
}

Task make_task(const model::Service& service, model::Ref<model::Annotations> annotations,
               uint64_t slot, Time now, Rng& rng) {
  Task task;
  task.id = model::TaskId::random(rng);
  task.service_id = service.id;
  task.slot = slot;
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

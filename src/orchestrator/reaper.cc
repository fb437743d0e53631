#include "orchestrator/reaper.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace shoal::orchestrator {
namespace {

using model::Ref;
using model::Task;
using model::TaskState;

constexpr int64_t kKeepAll = std::numeric_limits<int64_t>::max();

bool is_deletable(const Task& task) {
  return model::is_terminal(task.status.state) || task.status.state < TaskState::Assigned;
}

// Tasks to keep in each slot of the service.
int64_t history_limit(const store::Tables& tables, const model::Service& service) {
  const auto& restart = service.spec.task->restart;
  if (restart && restart->max_attempts > 0) {
    return restart->max_attempts >= uint64_t(kKeepAll) ? kKeepAll
                                                       : int64_t(restart->max_attempts) + 1;
  }
  const auto& clusters = tables.clusters().all();
  const int64_t limit = clusters.empty() ? model::ClusterSpec{}.task_history_limit
                                         : clusters.begin()->second->spec.task_history_limit;
  return limit < 0 ? kKeepAll : limit;
}

template <class T>
const Ref<T>* side(const store::Object& object) {
  const auto* ref = std::get_if<Ref<T>>(&object);
  return ref && *ref ? ref : nullptr;
}

}  // namespace

void Reaper::reset(const store::Tables& tables) {
  *this = Reaper();
  for (const auto& [id, task] : tables.tasks().all()) {
    mark(*task);
    if (model::is_attachment(*task) && !tables.nodes().get(task->node_id)) {
      gone_nodes_.insert(task->node_id);
    }
  }
}

void Reaper::mark(const Task& task) {
  const bool has_slot = !model::is_attachment(task);
  if (task.desired_state == TaskState::Remove || (!has_slot && has_ended(task))) {
    if (is_deletable(task)) leaving_.insert(task.id);
  } else if (has_slot) {
    slots_.insert(slot_of(task));
  }
}

void Reaper::on_batch(const store::Batch& batch) {
  for (const store::Change& change : batch.changes) {
    if (const auto* task = side<Task>(change.after)) {
      const auto* before = side<Task>(change.before);
      const bool ended = before && has_ended(**task) && !has_ended(**before);
      if (!before || ended || (*task)->desired_state == TaskState::Remove) mark(**task);
    } else if (const auto* cluster = side<model::Cluster>(change.after)) {
      const auto* before = side<model::Cluster>(change.before);
      limit_changed_ |=
          before && (*before)->spec.task_history_limit != (*cluster)->spec.task_history_limit;
    } else if (const auto* node = side<model::Node>(change.before)) {
      if (!side<model::Node>(change.after)) gone_nodes_.insert((*node)->id);
    }
  }
}

// Those that the node had got end as orphans; the others would wait for it for ever.
void Reaper::mark_attachments_of(const store::Tables& tables, const model::NodeId& node) {
  for (const Ref<Task>& task : tables.tasks().by_node(node)) {
    if (model::is_attachment(*task) && is_deletable(*task)) leaving_.insert(task->id);
  }
}

store::Plan Reaper::plan(const store::Tables& tables, Time now) {
  store::Plan plan;
  for (const auto& node : std::exchange(gone_nodes_, {})) mark_attachments_of(tables, node);
  if (!next_deadline()) return plan;
  if (!pause_until_) pause_until_ = now + kReapPause;
  if (now < *pause_until_ && dirty_count() < kReapDirtyMax) return plan;

  if (limit_changed_) {
    for (const auto& [id, task] : tables.tasks().all()) mark(*task);
    limit_changed_ = false;
  }
  while (!leaving_.empty() && plan.size() < store::kPlanChangesMax) {
    const auto task = tables.tasks().get(*leaving_.begin());
    leaving_.erase(leaving_.begin());
    if (task && is_deletable(*task)) plan.remove_tasks.push_back(task->id);
  }
  while (!slots_.empty() && plan.size() < store::kPlanChangesMax) {
    plan_history(tables, *slots_.begin(), plan);
    slots_.erase(slots_.begin());
  }
  if (dirty_count() == 0) pause_until_.reset();
  return plan;
}

std::optional<Time> Reaper::next_deadline() const {
  if (!gone_nodes_.empty()) return kAtOnce;
  if (dirty_count() == 0 && !limit_changed_) return std::nullopt;
  if (!pause_until_ || dirty_count() >= kReapDirtyMax) return kAtOnce;
  return pause_until_;
}

void Reaper::plan_history(const store::Tables& tables, const SlotKey& key,
                          store::Plan& plan) const {
  const auto service = tables.services().get(key.service);
  auto tasks = tasks_in(tables, key);
  std::erase_if(tasks,
                [](const Ref<Task>& task) { return task->desired_state == TaskState::Remove; });
  if (!service || tasks.size() < 2) return;
  const int64_t limit = history_limit(tables, *service);
  if (int64_t(tasks.size()) <= limit) return;
  sort_by_age(tasks);
  size_t surplus = tasks.size() - size_t(limit);
  for (auto task = tasks.begin(); task != std::prev(tasks.end()) && surplus > 0; ++task) {
    if (is_live(**task) || !is_deletable(**task)) continue;
    plan.remove_tasks.push_back((*task)->id);
    --surplus;
  }
}

}  // namespace shoal::orchestrator

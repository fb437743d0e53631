#include "orchestrator/constraint_enforcer.h"

#include <algorithm>

#include "model/resources.h"
#include "orchestrator/node_fit.h"

namespace shoal::orchestrator {
namespace {

using model::Node;
using model::Ref;
using model::Task;
using model::TaskState;

bool is_there(const model::GenericResource& wanted, const model::GenericResources& available) {
  if (const auto* count = std::get_if<int64_t>(&wanted.value)) {
    return model::generic_count(available, wanted.kind) >= *count;
  }
  return std::ranges::find(available, wanted) != available.end();
}

// What the node has left while its tasks are counted one after the other.
class Room {
 public:
  explicit Room(const Node& node) : left_(node.description.resources) {
    // A node that never described itself has nothing to compare with.
    known_ = left_.nano_cpus != 0 || left_.memory_bytes != 0;
  }

  // False, and nothing taken, when the task's reservations are not there any more.
  bool take(const Task& task) {
    if (!known_ || !task.spec->resources) return true;
    const model::Resources& wanted = task.spec->resources->reservations;
    if (wanted.nano_cpus > left_.nano_cpus || wanted.memory_bytes > left_.memory_bytes) {
      return false;
    }
    for (const auto& resource : task.assigned_generic) {
      if (!is_there(resource, left_.generic)) return false;
    }
    left_.nano_cpus -= wanted.nano_cpus;
    left_.memory_bytes -= wanted.memory_bytes;
    model::take_generic(left_.generic, task.assigned_generic);
    return true;
  }

 private:
  model::Resources left_;
  bool known_ = false;
};

// The constraints that count are those of the service as it is now.
bool breaks_constraints(const store::Tables& tables, const Task& task, const Node& node) {
  const auto service = tables.services().get(task.service_id);
  return Constraints(service ? *service->spec.task : *task.spec).broken_by(node);
}

Task rejected(const Task& task, Time now) {
  Task changed = task;
  changed.status.state = TaskState::Rejected;
  changed.status.message = "task rejected by constraint enforcer";
  changed.status.error = kNoLongerMeets;
  changed.status.timestamp = now;
  return changed;
}

void plan_node(const store::Tables& tables, const Node& node, Time now, store::Plan& plan) {
  auto tasks = tables.tasks().by_node(node.id);
  std::erase_if(tasks, [](const Ref<Task>& task) {
    return !is_live(*task) || model::is_terminal(task->status.state);
  });
  sort_by_age(tasks);  // The oldest keep their room.
  Room room(node);
  for (const Ref<Task>& task : tasks) {
    if (breaks_constraints(tables, *task, node) || !room.take(*task)) {
      plan.update_tasks.push_back(rejected(*task, now));
    }
  }
}

}  // namespace

void ConstraintEnforcer::reset(const store::Tables& tables) {
  dirty_.clear();
  for (const auto& [id, node] : tables.nodes().all()) dirty_.insert(id);
}

void ConstraintEnforcer::on_batch(const store::Batch& batch) {
  for (const store::Change& change : batch.changes) {
    const auto* before = std::get_if<Ref<Node>>(&change.before);
    if (!before || !*before) continue;
    const auto& after = std::get<Ref<Node>>(change.after);
    if (after && may_matter(**before, *after)) dirty_.insert(after->id);
  }
}

store::Plan ConstraintEnforcer::plan(const store::Tables& tables, Time now) {
  store::Plan plan;
  while (!dirty_.empty() && plan.size() < store::kPlanChangesMax) {
    const auto node = tables.nodes().get(*dirty_.begin());
    dirty_.erase(dirty_.begin());
    if (node && is_enforced(*node)) plan_node(tables, *node, now, plan);
  }
  return plan;
}

std::optional<Time> ConstraintEnforcer::next_deadline() const {
  return dirty_.empty() ? std::nullopt : std::optional(kAtOnce);
}

}  // namespace shoal::orchestrator

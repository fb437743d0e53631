#include "sim/stop_checker.h"

#include <algorithm>
#include <map>

#include "model/constraint.h"
#include "orchestrator/slot.h"

namespace shoal::sim {
namespace {

using model::Ref;
using model::Service;
using model::Task;
using model::TaskState;

bool breaks_constraints(const Service& service, const model::Node& node) {
  if (!service.spec.task->placement) return false;
  const auto constraints = model::parse_constraints(service.spec.task->placement->constraints);
  return !constraints || !model::matches(*constraints, node);
}

bool is_lost(const Ref<model::Node>& node) {
  return !node || node->status.state == model::NodeState::Down;
}

// A task of its slot that is meant to run and does, on a node that is there.
bool has_running_sibling(const Task& task, const store::Tables& tables) {
  return std::ranges::any_of(orchestrator::tasks_in(tables, orchestrator::slot_of(task)),
                             [&](const Ref<Task>& other) {
                               return other->id != task.id && orchestrator::is_live(*other) &&
                                      other->status.state == TaskState::Running &&
                                      !orchestrator::is_on_lost_node(*other, tables);
                             });
}

// It runs on a drained node, and its service wants the next one to run first. Where the policy may
// give up, there need not be a next one.
bool must_be_followed(const Task& task, const Service& service) {
  const auto policy = service.spec.task->restart.value_or(model::RestartPolicy{});
  return std::holds_alternative<model::ReplicatedMode>(service.spec.mode) && service.spec.update &&
         service.spec.update->order == model::UpdateOrder::StartFirst &&
         task.status.state == TaskState::Running && policy.max_attempts == 0 &&
         policy.condition == model::RestartCondition::Any;
}

bool may_be_stopped(const Task& task, const store::Tables& tables) {
  const auto service = tables.services().get(task.service_id);
  if (!service || model::is_terminal(task.status.state)) return true;
  if (has_running_sibling(task, tables)) return true;
  if (task.node_id.empty()) return false;
  const auto node = tables.nodes().get(task.node_id);
  if (is_lost(node)) return true;
  switch (node->spec.availability) {
    case model::Availability::Active:
      return orchestrator::is_global(task) && breaks_constraints(*service, *node);
    case model::Availability::Pause:
      return false;
    case model::Availability::Drain:
      return !must_be_followed(task, *service);
  }
  return false;
}

bool may_be_rejected(const Task& task, const store::Tables& tables) {
  const auto service = tables.services().get(task.service_id);
  const auto node = tables.nodes().get(task.node_id);
  return service && !is_lost(node) && node->spec.availability == model::Availability::Active &&
         breaks_constraints(*service, *node);
}

// Why a rebalance may not move `task`; empty: it may.
std::string fault_of_move(const Task& task, const store::Tables& tables) {
  const auto service = tables.services().get(task.service_id);
  if (!service || !service->is_rebalancing()) return "nobody asked for it";
  if (task.meta.created_at >= service->rebalance->started_at) return "it was moved before";
  std::map<model::NodeId, size_t> counts;
  for (const auto& other : tables.tasks().by_service(service->id)) {
    if (!orchestrator::is_live(*other)) continue;
    if (other->status.state != TaskState::Running) return "another one does not run";
    ++counts[other->node_id];
  }
  const bool better = std::ranges::any_of(tables.nodes().all(), [&](const auto& entry) {
    const model::Node& node = *entry.second;
    return node.status.state == model::NodeState::Ready &&
           node.spec.availability == model::Availability::Active &&
           !breaks_constraints(*service, node) && counts[node.id] + 2 <= counts[task.node_id];
  });
  return better ? "" : "the spread gets no better";
}

}  // namespace

void StopChecker::check_rebalance(const store::Tables& tables, const store::Plan& plan) {
  for (const Task& made : plan.create_tasks) {
    ++rebalanced_;
    for (const auto& old : tables.tasks().by_slot(made.service_id, made.slot)) {
      if (!orchestrator::is_live(*old)) continue;
      const std::string fault = fault_of_move(*old, tables);
      if (!fault.empty()) trace_.breach("{} is moved, but {}", old->id, fault);
    }
  }
  if (plan.update_tasks.size() > plan.create_tasks.size() || plan.create_tasks.size() > 1) {
    trace_.breach("rebalance does more than one move at a time");
  }
}

void StopChecker::on_plan(std::string_view loop, const store::Tables& tables,
                          const store::Plan& plan) {
  if (loop == "rebalance") return check_rebalance(tables, plan);
  for (const Task& after : plan.update_tasks) {
    const auto before = tables.tasks().get(after.id);
    if (!before || !orchestrator::is_live(*before)) continue;
    if (after.desired_state == TaskState::Shutdown) {
      ++count_;
      if (!may_be_stopped(*before, tables)) {
        trace_.breach("{} stops {}, with which nothing was wrong", loop, after.id);
      }
    }
    if (loop == "constraints" && !may_be_rejected(*before, tables)) {
      trace_.breach("{} takes {} off {}, which it fits", loop, after.id, after.node_id);
    }
  }
}

}  // namespace shoal::sim

#include "orchestrator/slot_plan.h"

#include <algorithm>

#include "orchestrator/node_fit.h"

namespace shoal::orchestrator {
namespace {

using model::Ref;
using model::Service;
using model::Task;
using model::TaskState;
using Tasks = store::TaskTable::Tasks;

bool is_gone(const Task& task, const store::Tables& tables) {
  return model::is_terminal(task.status.state) || is_on_lost_node(task, tables);
}

NodeFit fit_of_own_node(const Task& task, const Service& service, const store::Tables& tables) {
  return fit_of(Constraints(*service.spec.task), tables.nodes().get(task.node_id).get());
}

// Followed by what a rebalance made, which may yet come to run.
bool is_rebalanced(const Task& task, const Task& newest, const Service& service,
                   const store::Tables& tables) {
  return is_rebalance_of(task, newest, service) && !is_gone(newest, tables) &&
         !is_on_drained_node(newest, tables);
}

// It can not stay where it is, though it may run there until another one does.
bool is_leaving(const Task& task, const Task& newest, const Service& service,
                const store::Tables& tables) {
  if (is_global(task)) return fit_of_own_node(task, service, tables) == NodeFit::Leaves;
  return is_on_drained_node(task, tables) || is_rebalanced(task, newest, service, tables);
}

bool starts_first(const Service& service) {
  return std::holds_alternative<model::ReplicatedMode>(service.spec.mode) && service.spec.update &&
         service.spec.update->order == model::UpdateOrder::StartFirst;
}

bool may_be_followed(const Task& task, const Service& service, const store::Tables& tables) {
  return !is_global(task) || fit_of_own_node(task, service, tables) == NodeFit::Belongs;
}

}  // namespace

SlotPlan plan_slot(const Tasks& tasks, const Service& service, const store::Tables& tables,
                   Time now) {
  SlotPlan plan;
  Tasks live = tasks;
  std::erase_if(live, [](const Ref<Task>& task) { return !is_live(*task); });
  if (live.empty()) return plan;
  const Ref<Task> newest = live.back();

  // One that ended before it was even released waits for its own delay first: no tight loop.
  if (newest->desired_state == TaskState::Ready && model::is_terminal(newest->status.state)) {
    const Time due = release_time(*newest, tasks, tables).not_before;
    if (now < due) plan.look_again_at = due;
  }
  if (plan.look_again_at) live.pop_back();

  // The youngest that runs; those before it have been followed.
  const auto running = std::find_if(live.rbegin(), live.rend(), [&](const Ref<Task>& task) {
    return task->status.state == TaskState::Running && !is_gone(*task, tables);
  });
  const Ref<Task> runs = running == live.rend() ? nullptr : *running;
  Ref<Task> moving;
  bool followed = runs != nullptr;
  for (const Ref<Task>& task : live) {
    if (task == runs) followed = false;
    const bool leaving = is_leaving(*task, *newest, service, tables);
    if (followed || is_gone(*task, tables)) {
      plan.retire.push_back(task);
    } else if (leaving && task == runs && starts_first(service)) {
      moving = task;
    } else if (leaving || plan.keep) {
      plan.retire.push_back(task);
    } else {
      plan.keep = task;
    }
  }
  if (!plan.keep && !plan.look_again_at && may_be_followed(*newest, service, tables) &&
      should_restart(*newest, tasks, now)) {
    plan.succeed = newest;
  }
  plan.is_moving = moving && (plan.keep || plan.look_again_at || plan.succeed);
  if (moving && !plan.is_moving) plan.retire.push_back(moving);
  return plan;
}

}  // namespace shoal::orchestrator

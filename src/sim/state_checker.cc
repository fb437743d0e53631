#include "sim/state_checker.h"

#include "orchestrator/slot.h"

namespace shoal::sim {

using model::Ref;
using model::Task;
using model::TaskState;
using model::to_string;

void StateChecker::on_load(const store::Tables& tables) {
  // One batch more than was told may be durable: the one whose commit failed after it was written.
  std::map<model::TaskId, Ref<Task>> loaded(tables.tasks().all().begin(),
                                            tables.tasks().all().end());
  for (const auto& [id, task] : tasks_) {
    const auto at = loaded.find(id);
    if (at == loaded.end()) {
      check_removal(*task);
      removed_.insert(id);
    } else if (at->second->meta.version < task->meta.version) {
      trace_.breach("{} went back from version {} to {}", id, task->meta.version,
                    at->second->meta.version);
    } else {
      check_step(*task, *at->second);
    }
  }
  tasks_ = std::move(loaded);
}

void StateChecker::on_batch(const store::Batch& batch) {
  if (batch.version <= version_) trace_.breach("version {} comes again", batch.version);
  version_ = batch.version;
  for (const store::Change& change : batch.changes) {
    const auto* before = std::get_if<Ref<Task>>(&change.before);
    if (!before) continue;
    const auto& after = std::get<Ref<Task>>(change.after);
    if (*before && after) check_step(**before, *after);
    if (*before && !after) {
      check_removal(**before);
      removed_.insert((*before)->id);
      tasks_.erase((*before)->id);
    }
    if (!after) continue;
    if (removed_.contains(after->id)) trace_.breach("{} came back", after->id);
    tasks_[after->id] = after;
  }
}

void StateChecker::check_step(const Task& before, const Task& after) {
  if (after.status.state < before.status.state) {
    trace_.breach("{} went back from {} to {}", after.id, to_string(before.status.state),
                  to_string(after.status.state));
  }
  if (after.desired_state < before.desired_state) {
    trace_.breach("{} is desired {} after {}", after.id, to_string(after.desired_state),
                  to_string(before.desired_state));
  }
  if (after.service_id != before.service_id || after.slot != before.slot ||
      after.spec != before.spec || after.spec_version != before.spec_version) {
    trace_.breach("{} became another task", after.id);
  }
  if (before.node_id && after.node_id != before.node_id) {
    trace_.breach("{} moved from {} to {}", after.id, before.node_id, after.node_id);
  }
}

void StateChecker::check_removal(const Task& before) {
  const TaskState state = before.status.state;
  if (!model::is_terminal(state) && state >= TaskState::Assigned) {
    trace_.breach("{} was deleted while {}", before.id, to_string(state));
  }
}

void StateChecker::on_plan(std::string_view loop, const store::Tables& tables,
                           const store::Plan& plan) {
  const bool makes_tasks =
      loop == "replicated" || loop == "global" || loop == "restart" || loop == "rebalance";
  if (!plan.create_tasks.empty() && !makes_tasks) trace_.breach("{} made a task", loop);
  for (const Task& task : plan.create_tasks) {
    if (task.status.state != TaskState::New) trace_.breach("{} was made not new", task.id);
    if (task.node_id.empty() == orchestrator::is_global(task)) {
      trace_.breach("{} was made for slot {} and node {}", task.id, task.slot, task.node_id);
    }
  }
  if (!plan.remove_tasks.empty() && loop != "reaper") trace_.breach("{} deleted a task", loop);
  for (const Task& after : plan.update_tasks) {
    if (const auto before = tables.tasks().get(after.id)) check_writer(loop, *before, after);
  }
  if (!plan.update_networks.empty() && loop != "allocator")
    trace_.breach("{} wrote a network", loop);
  for (const model::Node& after : plan.update_nodes) {
    if (const auto before = tables.nodes().get(after.id)) check_node_writer(loop, *before, after);
  }
}

void StateChecker::check_writer(std::string_view loop, const Task& before, const Task& after) {
  const auto only = [&](bool changed, std::initializer_list<std::string_view> owners,
                        std::string_view field) {
    if (!changed) return;
    for (const std::string_view owner : owners) {
      if (owner == loop) return;
    }
    trace_.breach("{} wrote the {} of {}", loop, field, after.id);
  };
  only(after.desired_state != before.desired_state,
       {"replicated", "global", "restart", "rebalance"}, "desired state");
  only(after.node_id != before.node_id, {"scheduler"}, "node");
  only(after.endpoint != before.endpoint, {"allocator"}, "endpoint");
  only(after.networks != before.networks, {"allocator"}, "networks");
  if (after.status == before.status) return;
  const TaskState from = before.status.state, to = after.status.state;
  if (to == TaskState::Pending && from < to) return only(true, {"allocator"}, "state pending");
  if (to == TaskState::Assigned) return only(true, {"scheduler"}, "state assigned");
  if (to == TaskState::Rejected && from != to) {
    return only(true, {"dispatcher", "constraints"}, "state rejected");
  }
  if (to == TaskState::Shutdown && from < TaskState::Assigned) {
    return only(true, {"allocator", "scheduler"}, "end before a node");
  }
  if (to < TaskState::Assigned) return only(true, {"allocator", "scheduler"}, "reason");
  only(true, {"dispatcher"}, "observed state");
}

void StateChecker::check_node_writer(std::string_view loop, const model::Node& before,
                                     const model::Node& after) {
  if (after.spec != before.spec) trace_.breach("{} wrote the spec of {}", loop, after.id);
  model::Node rest = after;
  rest.attachments = before.attachments;
  if (after.attachments != before.attachments && loop != "allocator") {
    trace_.breach("{} wrote the attachments of {}", loop, after.id);
  }
  if (rest != before && loop != "dispatcher") trace_.breach("{} wrote node {}", loop, after.id);
}

}  // namespace shoal::sim

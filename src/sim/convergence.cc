#include "sim/convergence.h"

#include <map>
#include <set>

namespace shoal::sim {
namespace {

using model::Ref;
using model::Task;
using model::TaskId;
using model::TaskState;

// Every container that runs, with its node.
std::map<TaskId, model::NodeId> running_containers(
    const std::vector<std::unique_ptr<AgentHost>>& agents) {
  std::map<TaskId, model::NodeId> running;
  for (const auto& agent : agents) {
    for (const TaskId& id : agent->executor().running()) running[id] = agent->node();
  }
  return running;
}

void check_service(const store::Tables& tables, const model::Service& service,
                   const std::map<TaskId, model::NodeId>& running,
                   std::vector<std::string>& problems) {
  const uint64_t wanted = std::get<model::ReplicatedMode>(service.spec.mode).replicas;
  std::set<uint64_t> slots;
  for (const Ref<Task>& task : tables.tasks().by_service(service.id)) {
    if (task->desired_state == TaskState::Remove) {
      problems.push_back(fmt::format("{} waits to be removed", task->id));
      continue;
    }
    slots.insert(task->slot);
    if (!orchestrator::is_live(*task)) continue;
    const auto at = running.find(task->id);
    if (task->status.state != TaskState::Running || at == running.end() ||
        at->second != task->node_id) {
      problems.push_back(fmt::format(
          "{} of {} on {} is {}, desired {}, and its container {}", task->id, service.name(),
          task->node_id, model::to_string(task->status.state),
          model::to_string(task->desired_state), at == running.end() ? "does not run" : "runs"));
    }
  }
  if (slots.size() != wanted) {
    problems.push_back(fmt::format("{} has {} slots of {}", service.name(), slots.size(), wanted));
  }
}

// Slots may only be dead where the policy says so.
void check_dead_slots(const store::Tables& tables, const model::Service& service,
                      std::vector<std::string>& problems) {
  const auto& restart = service.spec.task->restart;
  const bool gives_up =
      restart && (restart->condition != model::RestartCondition::Any || restart->max_attempts != 0);
  if (gives_up) return;
  std::map<uint64_t, int> live;
  for (const Ref<Task>& task : tables.tasks().by_service(service.id)) {
    if (task->desired_state != TaskState::Remove) live[task->slot] += orchestrator::is_live(*task);
  }
  for (const auto& [slot, count] : live) {
    if (count == 0) problems.push_back(fmt::format("{}.{} is dead", service.name(), slot));
  }
}

}  // namespace

std::vector<std::string> unconverged(const store::Tables& tables,
                                     const std::vector<std::unique_ptr<AgentHost>>& agents) {
  std::vector<std::string> problems;
  const auto running = running_containers(agents);
  for (const auto& [id, service] : tables.services().all()) {
    check_service(tables, *service, running, problems);
    check_dead_slots(tables, *service, problems);
  }
  for (const auto& [id, node] : running) {
    const auto task = tables.tasks().get(id);
    if (!task || task->desired_state != TaskState::Running || task->node_id != node) {
      problems.push_back(fmt::format("{} runs {}, which no task owns", node, id));
    }
  }
  for (const auto& [id, task] : tables.tasks().all()) {
    if (!tables.services().get(task->service_id)) {
      problems.push_back(fmt::format("{} outlives its service", id));
    }
  }
  return problems;
}

}  // namespace shoal::sim

#include "sim/convergence.h"

#include <algorithm>
#include <map>
#include <set>

#include "model/constraint.h"

namespace shoal::sim {
namespace {

using model::Ref;
using model::Service;
using model::Task;
using model::TaskId;
using model::TaskState;

using Problems = std::vector<std::string>;

// Every container that runs, with its node.
std::map<TaskId, model::NodeId> running_containers(
    const std::vector<std::unique_ptr<AgentHost>>& agents) {
  std::map<TaskId, model::NodeId> running;
  for (const auto& agent : agents) {
    for (const TaskId& id : agent->executor().running()) running[id] = agent->node();
  }
  return running;
}

// Where a task of the service may run in the end.
bool is_place_for(const Service& service, const model::Node& node) {
  if (node.status.state != model::NodeState::Ready ||
      node.spec.availability != model::Availability::Active) {
    return false;
  }
  if (!service.spec.task->placement) return true;
  const auto constraints = model::parse_constraints(service.spec.task->placement->constraints);
  return constraints && model::matches(*constraints, node);
}

void check_task(const store::Tables& tables, const Service& service, const Task& task,
                const std::map<TaskId, model::NodeId>& running, Problems& problems) {
  if (task.desired_state == TaskState::Remove) {
    problems.push_back(fmt::format("{} waits to be removed", task.id));
  }
  if (!orchestrator::is_live(task)) return;
  const auto at = running.find(task.id);
  if (task.status.state != TaskState::Running || at == running.end() ||
      at->second != task.node_id) {
    problems.push_back(fmt::format(
        "{} of {} on {} is {}, desired {}, and its container {}", task.id, service.name(),
        task.node_id, model::to_string(task.status.state), model::to_string(task.desired_state),
        at == running.end() ? "does not run" : "runs"));
  }
  const auto node = tables.nodes().get(task.node_id);
  if (!node || !is_place_for(service, *node)) {
    problems.push_back(fmt::format("{} of {} is on {}, which is no place for it", task.id,
                                   service.name(), task.node_id));
  }
}

// Slots may only be dead where the policy says so.
bool may_give_up(const Service& service) {
  const auto policy = service.spec.task->restart.value_or(model::RestartPolicy{});
  return policy.condition != model::RestartCondition::Any || policy.max_attempts != 0;
}

void check_live_count(const Service& service, const orchestrator::SlotKey& key, size_t live,
                      size_t wanted, Problems& problems) {
  if (live == wanted || (live == 0 && may_give_up(service))) return;
  problems.push_back(fmt::format("{}.{}{} has {} tasks that are meant to run, not {}",
                                 service.name(), key.slot, key.node, live, wanted));
}

void check_service(const store::Tables& tables, const Service& service,
                   const std::map<TaskId, model::NodeId>& running, Problems& problems) {
  std::map<orchestrator::SlotKey, size_t> live;
  for (const Ref<Task>& task : tables.tasks().by_service(service.id)) {
    check_task(tables, service, *task, running, problems);
    if (task->desired_state == TaskState::Remove) continue;
    live[orchestrator::slot_of(*task)] += orchestrator::is_live(*task);
  }
  if (const auto* mode = std::get_if<model::ReplicatedMode>(&service.spec.mode)) {
    if (live.size() != mode->replicas) {
      problems.push_back(
          fmt::format("{} has {} slots of {}", service.name(), live.size(), mode->replicas));
    }
    for (const auto& [key, count] : live) check_live_count(service, key, count, 1, problems);
    return;
  }
  for (const auto& [id, node] : tables.nodes().all()) {
    const orchestrator::SlotKey key{service.id, 0, id};
    check_live_count(service, key, live[key], is_place_for(service, *node) ? 1 : 0, problems);
    live.erase(key);
  }
  for (const auto& [key, count] : live) {
    problems.push_back(fmt::format("{} has tasks on {}, which is gone", service.name(), key.node));
  }
}

}  // namespace

std::vector<std::string> unlike_networks(const store::Tables& tables, const model::NodeId& node,
                                         const NodeNetworks& networks) {
  Problems problems;
  if (!tables.nodes().get(node)) return problems;
  const NetworkRecords expected = expected_networks(tables, node);
  const NetworkRecords records = without_foreign_gateways(networks.records(), node);
  for (const auto& [key, record] : expected) {
    const auto at = records.find(key);
    if (at == records.end()) {
      problems.push_back(fmt::format("{} was not told of {}", node, key));
    } else if (*at->second != *record) {
      problems.push_back(fmt::format("{} has an old word on {}", node, key));
    }
  }
  for (const auto& [key, record] : records) {
    if (!expected.contains(key)) problems.push_back(fmt::format("{} still knows {}", node, key));
  }
  for (const std::string& key : networks.misplaced()) {
    problems.push_back(fmt::format("{} was told of {} before its network", node, key));
  }
  return problems;
}

std::vector<std::string> unconverged(const store::Tables& tables,
                                     const std::vector<std::unique_ptr<AgentHost>>& agents) {
  std::vector<std::string> problems;
  const auto running = running_containers(agents);
  for (const auto& [id, service] : tables.services().all()) {
    check_service(tables, *service, running, problems);
    if (service->is_rebalancing()) {
      problems.push_back(fmt::format("the rebalance of {} goes on", service->name()));
    }
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
  for (const auto& agent : agents) {
    std::ranges::move(unlike_networks(tables, agent->node(), agent->networks()),
                      std::back_inserter(problems));
  }
  for (const auto& [id, node] : tables.nodes().all()) {
    if (node->status.state != model::NodeState::Ready) {
      problems.push_back(fmt::format("{} is not ready", id));
    }
  }
  return problems;
}

std::vector<std::string> uneven(const store::Tables& tables) {
  Problems problems;
  for (const auto& [id, service] : tables.services().all()) {
    if (!std::holds_alternative<model::ReplicatedMode>(service->spec.mode)) continue;
    std::map<model::NodeId, size_t> counts;
    for (const auto& [node_id, node] : tables.nodes().all()) {
      if (is_place_for(*service, *node)) counts[node_id] = 0;
    }
    for (const Ref<Task>& task : tables.tasks().by_service(id)) {
      if (orchestrator::is_live(*task)) ++counts[task->node_id];
    }
    const auto less = [](const auto& a, const auto& b) { return a.second < b.second; };
    const auto [few, many] = std::minmax_element(counts.begin(), counts.end(), less);
    if (counts.empty() || many->second <= few->second + 1) continue;
    problems.push_back(fmt::format("{} has {} tasks on {} and {} on {}", service->name(),
                                   many->second, many->first, few->second, few->first));
  }
  return problems;
}

}  // namespace shoal::sim

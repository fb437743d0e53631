#include "orchestrator/global.h"

#include <algorithm>

#include "orchestrator/restart_rules.h"

namespace shoal::orchestrator {
namespace {

using model::Node;
using model::NodeId;
using model::Ref;
using model::Service;
using model::ServiceId;
using model::Task;
using model::TaskState;
using Tasks = store::TaskTable::Tasks;

bool is_global_service(const Ref<Service>& service) {
  return service && std::holds_alternative<model::GlobalMode>(service->spec.mode);
}

// Attachments have no slot either.
bool is_ours(const Task& task) {
  return is_global(task) && !model::is_attachment(task);
}

// Whether a slot without a live task is to be filled. `tasks` by age.
bool wants_task(Tasks tasks, Time now) {
  std::erase_if(tasks, [](const auto& task) { return task->desired_state == TaskState::Remove; });
  if (tasks.empty() || !ended_by_itself(*tasks.back())) return true;
  return should_restart(*tasks.back(), tasks, now);
}

void push_with(const Task& task, TaskState desired, store::Plan& plan) {
  Task changed = task;
  changed.desired_state = desired;
  plan.update_tasks.push_back(std::move(changed));
}

}  // namespace

void GlobalLoop::reset(const store::Tables& tables) {
  services_.clear();
  dirty_services_.clear();
  dirty_nodes_.clear();
  gone_services_.clear();
  gone_nodes_.clear();
  leaving_.clear();
  for (const auto& [id, service] : tables.services().all()) on_service(nullptr, service);
  for (const auto& [id, task] : tables.tasks().all()) {
    if (!is_ours(*task)) continue;
    if (!tables.services().get(task->service_id)) gone_services_.insert(task->service_id);
    if (!tables.nodes().get(task->node_id)) gone_nodes_.insert(task->node_id);
  }
}

void GlobalLoop::on_batch(const store::Batch& batch) {
  for (const store::Change& change : batch.changes) {
    if (const auto* service = std::get_if<Ref<Service>>(&change.before)) {
      on_service(*service, std::get<Ref<Service>>(change.after));
    } else if (const auto* node = std::get_if<Ref<Node>>(&change.before)) {
      on_node(*node, std::get<Ref<Node>>(change.after));
    }
  }
}

void GlobalLoop::on_service(const Ref<Service>& before, const Ref<Service>& after) {
  if (is_global_service(after)) {
    services_.try_emplace(after->id);
    dirty_services_[after->id] = NodeId();
  } else if (is_global_service(before)) {
    services_.erase(before->id);
    dirty_services_.erase(before->id);
    gone_services_.insert(before->id);
  }
}

void GlobalLoop::on_node(const Ref<Node>& before, const Ref<Node>& after) {
  if (!after) {
    dirty_nodes_.erase(before->id);
    gone_nodes_.insert(before->id);
  } else if (!before || may_matter(*before, *after)) {
    dirty_nodes_[after->id] = ServiceId();
  }
}

store::Plan GlobalLoop::plan(const store::Tables& tables, Time now) {
  store::Plan plan;
  Round round{.tables = tables, .now = now, .plan = plan};
  list_leaving(tables);
  send_away(round);
  // No pair of node and service may be decided upon twice in one plan: a plan is for one kind.
  if (plan.empty()) visit_dirty_nodes(round);
  if (plan.empty()) visit_dirty_services(round);
  return plan;
}

void GlobalLoop::visit_dirty_nodes(Round& round) {
  while (!dirty_nodes_.empty() && !round.full()) {
    const auto first = dirty_nodes_.begin();
    if (visit_services(first->first, first->second, round)) dirty_nodes_.erase(first);
  }
}

void GlobalLoop::visit_dirty_services(Round& round) {
  while (!dirty_services_.empty() && !round.full()) {
    const auto first = dirty_services_.begin();
    if (visit_nodes(first->first, first->second, round)) dirty_services_.erase(first);
  }
}

std::optional<Time> GlobalLoop::next_deadline() const {
  const bool idle = dirty_services_.empty() && dirty_nodes_.empty() && gone_services_.empty() &&
                    gone_nodes_.empty() && leaving_.empty();
  return idle ? std::nullopt : std::optional(kAtOnce);
}

// No task is added to a service or a node that is gone, so one look finds them all.
void GlobalLoop::list_leaving(const store::Tables& tables) {
  const auto append = [this](const Tasks& tasks) {
    for (const Ref<Task>& task : tasks) {
      if (is_ours(*task)) leaving_.insert(task->id);
    }
  };
  for (const ServiceId& id : gone_services_) append(tables.tasks().by_service(id));
  for (const NodeId& id : gone_nodes_) append(tables.tasks().by_node(id));
  gone_services_.clear();
  gone_nodes_.clear();
}

void GlobalLoop::send_away(Round& round) {
  while (!leaving_.empty() && !round.full()) {
    const auto task = round.tables.tasks().get(*leaving_.begin());
    leaving_.erase(leaving_.begin());
    if (task && task->desired_state != TaskState::Remove) {
      push_with(*task, TaskState::Remove, round.plan);
    }
  }
}

// True when no node is left to look at, false when the round is full.
bool GlobalLoop::visit_nodes(const ServiceId& id, NodeId& reached, Round& round) {
  const auto service = round.tables.services().get(id);
  if (!is_global_service(service)) return true;  // Word of its end is on the way.
  const auto& nodes = round.tables.nodes().all();
  for (auto at = nodes.lower_bound(reached); at != nodes.end(); ++at) {
    reached = at->first;
    if (round.full()) return false;
    visit(*service, *at->second, round);
  }
  return true;
}

bool GlobalLoop::visit_services(const NodeId& id, ServiceId& reached, Round& round) {
  const auto node = round.tables.nodes().get(id);
  if (!node) return true;
  for (auto at = services_.lower_bound(reached); at != services_.end(); ++at) {
    reached = at->first;
    if (round.full()) return false;
    const auto service = round.tables.services().get(at->first);
    if (is_global_service(service)) visit(*service, *node, round);
  }
  return true;
}

void GlobalLoop::visit(const Service& service, const Node& node, Round& round) {
  ++round.pairs;
  const Known& known = know(service);
  const SlotKey key{service.id, 0, node.id};
  Tasks tasks = tasks_in(round.tables, key);
  sort_by_age(tasks);
  const bool has_live = std::ranges::any_of(tasks, [](const auto& task) { return is_live(*task); });
  const NodeFit fit = fit_of(*known.constraints, &node);
  if (fit == NodeFit::Belongs && !has_live && wants_task(tasks, round.now)) {
    round.plan.create_tasks.push_back(
        make_next(service, known.annotations, key, tasks, round.tables, round.now, rng_));
  }
  if (fit != NodeFit::Leaves || !has_live) return;
  for (const Ref<Task>& task : tasks) {
    if (is_live(*task)) push_with(*task, TaskState::Shutdown, round.plan);
  }
}

const GlobalLoop::Known& GlobalLoop::know(const Service& service) {
  Known& known = services_[service.id];
  if (known.spec != service.spec.task) {
    known.spec = service.spec.task;
    known.constraints.emplace(*known.spec);
  }
  known.annotations = share_annotations(service, std::move(known.annotations));
  return known;
}

}  // namespace shoal::orchestrator

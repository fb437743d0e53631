// The dispatcher as a control loop: what it remembers of the durable state, and what it writes. The
// tasks that are held back are in dispatcher_withdrawing.cc.
#include <utility>

#include "dispatcher/dispatcher.h"
#include "dispatcher/node_entry.h"

namespace shoal::dispatcher {
namespace {

using model::Node;
using model::NodeId;
using model::NodeState;
using model::Ref;
using model::Task;
using model::TaskState;

// An agent is told of a task from ASSIGNED on.
bool is_assigned(const Ref<Task>& task) {
  return task && task->node_id && task->status.state >= TaskState::Assigned;
}

// Whether the agent must hear of the change. Its own reports come back here and must not.
bool differs_for_agent(const Task& before, const Task& after) {
  return before.desired_state != after.desired_state || before.spec != after.spec ||
         before.endpoint != after.endpoint || before.networks != after.networks ||
         before.service_annotations != after.service_annotations ||
         before.assigned_generic != after.assigned_generic ||
         after.status.state <= TaskState::Assigned;
}

std::string manager_address(const Ref<Node>& node) {
  return node ? node->manager_address : std::string();
}

}  // namespace

void Dispatcher::reset(const store::Tables& tables) {
  for (auto& [id, entry] : nodes_) {
    close(id, *entry, Error{ErrorCode::Unavailable, "dispatcher is stopped"});
  }
  nodes_.clear();
  stored_nodes_ = 0;
  managers_.clear();
  heartbeats_.clear();
  orphan_due_.clear();
  orphan_now_.clear();
  nodes_to_write_.clear();
  statuses_.clear();
  to_send_.clear();
  explicit_period_ = Duration{0};
  for (const auto& [id, cluster] : tables.clusters().all()) on_cluster(cluster);
  for (const auto& [id, node] : tables.nodes().all()) on_node(nullptr, node);
  for (const auto& [id, task] : tables.tasks().all()) on_task(nullptr, task);
  feed_.reset(tables);
  withdrawals_.clear();
  hold_back_again();
  started_ = true;
  begun_ = false;
}

void Dispatcher::on_batch(const store::Batch& batch) {
  for (const store::Change& change : batch.changes) {
    feed_.on_change(change);
    if (const auto* node = std::get_if<Ref<Node>>(&change.before)) {
      on_node(*node, std::get<Ref<Node>>(change.after));
    } else if (const auto* task = std::get_if<Ref<Task>>(&change.before)) {
      on_task(*task, std::get<Ref<Task>>(change.after));
    } else if (const auto* cluster = std::get_if<Ref<model::Cluster>>(&change.after)) {
      on_cluster(*cluster);
    }
  }
  release_withdrawn();
}

void Dispatcher::on_cluster(const Ref<model::Cluster>& after) {
  explicit_period_ = after ? after->spec.heartbeat_period : Duration{0};
  if (!after) return;
  if (after->root_ca.trust_root == root_ca_ && after->rotation == rotation_) return;
  root_ca_ = after->root_ca.trust_root;
  rotation_ = after->rotation;
  tell_everyone();
}

void Dispatcher::tell_everyone() {
  for (auto& [id, entry] : nodes_) {
    if (!entry->session) continue;
    entry->session->message_due = true;
    to_send_.insert(id);
  }
}

namespace {

// The node is to know: what it shall be, and what it is known as.
bool is_told_of(const Node& before, const Node& after) {
  return before.spec != after.spec || before.role != after.role ||
         before.description != after.description || before.status.address != after.status.address;
}

}  // namespace

void Dispatcher::on_node(const Ref<Node>& before, const Ref<Node>& after) {
  const NodeId id = after ? after->id : before->id;
  auto& entry = nodes_[id];
  if (!entry) entry = std::make_unique<NodeEntry>();
  stored_nodes_ += size_t(after != nullptr) - size_t(entry->stored != nullptr);
  entry->stored = after;

  if (const auto address = manager_address(after); address != manager_address(before)) {
    if (address.empty()) {
      managers_.erase(id);
    } else {
      managers_[id] = address;
    }
    tell_everyone();
  }
  if (!after || after->status.state != NodeState::Ready) withdrawals_.forget_node(id);
  if (!after || after->status.state == NodeState::Down) release_tasks_of(id);
  if (after) {
    watch_down(*after);
    if (entry->session && before && is_told_of(*before, *after)) {
      entry->session->message_due = true;
      to_send_.insert(id);
    }
    return;
  }
  close(id, *entry, Error{ErrorCode::NotFound, "node not found"});
  heartbeats_.forget(id);
  if (entry->orphan_at) orphan_due_.erase({*entry->orphan_at, id});
  entry->orphan_at.reset();
  if (entry->tasks.empty()) {
    nodes_.erase(id);
  } else {
    orphan_now_.insert(id);
  }
}

// The time of the node's last change stands for the time it went down: at worst the tasks are given
// up later than kOrphanAfter, never earlier, and a manager's restart does not start over.
void Dispatcher::watch_down(const Node& node) {
  NodeEntry& entry = *nodes_[node.id];
  const bool down = node.status.state == NodeState::Down;
  if (down == entry.orphan_at.has_value()) return;
  if (down) {
    entry.orphan_at = node.meta.updated_at + kOrphanAfter;
    orphan_due_.insert({*entry.orphan_at, node.id});
  } else {
    orphan_due_.erase({*entry.orphan_at, node.id});
    entry.orphan_at.reset();
  }
}

void Dispatcher::on_task(const Ref<Task>& before, const Ref<Task>& after) {
  const bool was = is_assigned(before), is = is_assigned(after);
  const bool moved = was && is && before->node_id != after->node_id;
  if (was && (!is || moved)) drop_task(*before);
  if (is && !hold_back(before, after)) {
    add_task(after, !was || moved || differs_for_agent(*before, *after));
  }
}

void Dispatcher::drop_task(const Task& task) {
  const auto at = nodes_.find(task.node_id);
  if (at == nodes_.end()) return;
  NodeEntry& entry = *at->second;
  entry.tasks.erase(task.id);
  if (entry.withheld.erase(task.id) > 0) withdrawals_.forget_task(task.id);
  if (entry.session && entry.session->subscribed) {
    entry.session->dirty.insert(task.id);
    to_send_.insert(task.node_id);
  }
  if (entry.tasks.empty() && !entry.stored) nodes_.erase(at);
}

void Dispatcher::add_task(const Ref<Task>& task, bool tell) {
  auto& entry = nodes_[task->node_id];
  if (!entry) entry = std::make_unique<NodeEntry>();
  entry->tasks[task->id] = task;
  // The node may have been removed while the scheduler's choice was on its way.
  if (!entry->stored) orphan_now_.insert(task->node_id);
  if (tell && entry->session && entry->session->subscribed) {
    entry->session->dirty.insert(task->id);
    to_send_.insert(task->node_id);
  }
}

void Dispatcher::want_status(const NodeId& node, NodeEntry& entry, model::NodeStatus status) {
  entry.status_wanted = std::move(status);
  nodes_to_write_.insert(node);
}

void Dispatcher::begin(Time now) {
  begun_ = true;
  const Time until = now + restart_grace(heartbeat_period());
  for (const auto& [id, entry] : nodes_) {
    if (!entry->stored || entry->session) continue;
    if (entry->stored->status.state != NodeState::Down) heartbeats_.beat(id, until);
  }
}

void Dispatcher::expire(Time now) {
  const auto due = heartbeats_.next_deadline();
  if (due && now - *due > kManagerLate) {
    heartbeats_.excuse(now, now + restart_grace(heartbeat_period()));
  }
  for (const NodeId& node : heartbeats_.expire(now)) {
    NodeEntry& entry = *nodes_.at(node);
    close(node, entry, Error{ErrorCode::Unavailable, "heartbeat failure"});
    model::NodeStatus status = entry.stored->status;
    status.state = NodeState::Down;
    status.message = "heartbeat failure";
    want_status(node, entry, std::move(status));
  }
}

void Dispatcher::orphan_due(Time now) {
  while (!orphan_due_.empty() && orphan_due_.begin()->first <= now) {
    orphan_now_.insert(orphan_due_.begin()->second);
    orphan_due_.erase(orphan_due_.begin());
  }
}

store::Plan Dispatcher::plan(const store::Tables& tables, Time now) {
  store::Plan plan;
  if (!started_) return plan;
  if (!begun_) begin(now);
  expire(now);
  orphan_due(now);
  withdrawals_.pass_time(now);
  release_withdrawn();
  feed_.write_messages(now, outbox_);
  plan_nodes(tables, plan);
  plan_orphans(tables, now, plan);
  plan_statuses(tables, plan);
  return plan;
}

void Dispatcher::plan_nodes(const store::Tables& tables, store::Plan& plan) {
  while (!nodes_to_write_.empty() && plan.size() < store::kPlanChangesMax) {
    const NodeId id = *nodes_to_write_.begin();
    nodes_to_write_.erase(nodes_to_write_.begin());
    const auto stored = tables.nodes().get(id);
    const auto at = nodes_.find(id);
    if (!stored || at == nodes_.end()) continue;
    Node node = *stored;
    NodeEntry& entry = *at->second;
    if (entry.status_wanted) node.status = *std::exchange(entry.status_wanted, {});
    if (entry.description_wanted) node.description = *std::exchange(entry.description_wanted, {});
    if (node.status != stored->status || node.description != stored->description) {
      plan.update_nodes.push_back(std::move(node));
    }
  }
}

// Tasks of nodes that are removed, or were down for too long, will not be heard of again.
void Dispatcher::plan_orphans(const store::Tables& tables, Time now, store::Plan& plan) {
  while (!orphan_now_.empty()) {
    const NodeId id = *orphan_now_.begin();
    const auto node = tables.nodes().get(id);
    const bool given_up = !node || node->status.state == NodeState::Down;
    if (given_up) {
      for (const auto& stored : tables.tasks().by_node(id)) {
        const TaskState state = stored->status.state;
        if (state < TaskState::Assigned || state > TaskState::Running) continue;
        if (plan.size() >= store::kPlanChangesMax) return;  // The node stays due.
        Task task = *stored;
        task.status.state = TaskState::Orphaned;
        task.status.timestamp = now;
        task.status.message = node ? "Task belonged to a node that was down for too long"
                                   : "Task belonged to a node that has been deleted";
        statuses_.erase(task.id);
        plan.update_tasks.push_back(std::move(task));
      }
    }
    orphan_now_.erase(id);
  }
}

void Dispatcher::plan_statuses(const store::Tables& tables, store::Plan& plan) {
  while (!statuses_.empty() && plan.size() < store::kPlanChangesMax) {
    auto report = statuses_.extract(statuses_.begin());
    const auto stored = tables.tasks().get(report.key());
    if (!stored || report.mapped().state < stored->status.state) continue;
    Task task = *stored;
    auto container = std::move(task.status.container);
    task.status = std::move(report.mapped());
    if (!task.status.container) task.status.container = std::move(container);
    if (task.status != stored->status) plan.update_tasks.push_back(std::move(task));
  }
}

std::optional<Time> Dispatcher::next_deadline() const {
  if (!started_) return std::nullopt;
  if (!begun_ || !nodes_to_write_.empty() || !orphan_now_.empty() || !statuses_.empty()) {
    return Time{};
  }
  std::optional<Time> next = heartbeats_.next_deadline();
  const auto sooner = [&next](Time due) {
    if (!next || due < *next) next = due;
  };
  if (!orphan_due_.empty()) sooner(orphan_due_.begin()->first);
  if (const auto due = withdrawals_.next_deadline()) sooner(*due);
  if (const auto due = feed_.next_deadline()) sooner(*due);
  return next;
}

}  // namespace shoal::dispatcher

#include "sim/network_checker.h"

#include <algorithm>

#include "dispatcher/network_views.h"
#include "dispatcher/withdrawals.h"

namespace shoal::sim {

using dispatcher::kWithdrawWait;
using model::Ref;
using model::Task;
using model::TaskState;

namespace {

// A node with something older unanswered is late in any case.
constexpr Duration kRemembered = 1min;

bool is_ready(const Ref<model::Node>& node) {
  return node && node->status.state == model::NodeState::Ready &&
         node->description.shoal_version > 0;
}

bool is_addressed(const model::NetworkAttachment& attachment) {
  return !attachment.addresses.empty();
}

bool is_to_be_withdrawn(const Task& task) {
  return task.status.state == TaskState::Running && dispatcher::is_told_to_stop(task) &&
         std::ranges::any_of(task.networks, is_addressed);
}

}  // namespace

void NetworkChecker::on_load(const store::Tables& tables) {
  tasks_ = tables.tasks().all();
  nodes_ = tables.nodes().all();
  ingress_.clear();
  for (const auto& [id, network] : tables.networks().all()) {
    if (network->spec.ingress) ingress_.insert(id);
  }
  waits_.clear();
  sent_at_.clear();
  unanswered_since_.clear();
  // What the leader before was told counts for nothing.
  withdrawn_at_ = {loop_.now()};
  for (const auto& [id, node] : nodes_) unanswered_since_[id] = loop_.now();
  for (const auto& [id, task] : tasks_) {
    if (is_to_be_withdrawn(*task)) begin_wait(*task);
  }
}

void NetworkChecker::on_batch(const store::Batch& batch) {
  for (const store::Change& change : batch.changes) {
    if (const auto* task = std::get_if<Ref<Task>>(&change.before)) {
      on_task(*task, std::get<Ref<Task>>(change.after));
    } else if (const auto* node = std::get_if<Ref<model::Node>>(&change.before)) {
      on_node(*node, std::get<Ref<model::Node>>(change.after));
    } else if (const auto* network = std::get_if<Ref<model::Network>>(&change.after)) {
      if (*network && (*network)->spec.ingress) ingress_.insert((*network)->id);
    }
  }
}

void NetworkChecker::on_task(const Ref<Task>& before, const Ref<Task>& after) {
  if (!after || !is_to_be_withdrawn(*after)) waits_.erase(after ? after->id : before->id);
  if (!after) {
    tasks_.erase(before->id);
    return;
  }
  tasks_[after->id] = after;
  const bool served = before && before->status.state == TaskState::Running;
  if (served && !dispatcher::is_told_to_stop(*before) && is_to_be_withdrawn(*after)) {
    begin_wait(*after);
  }
}

void NetworkChecker::on_node(const Ref<model::Node>& before, const Ref<model::Node>& after) {
  const model::NodeId id = after ? after->id : before->id;
  if (after) {
    nodes_[id] = after;
  } else {
    nodes_.erase(id);
  }
  if (!after || after->status.state == model::NodeState::Down) {
    // Nobody waits for what a node does that is not there.
    std::erase_if(waits_, [&](const auto& wait) {
      const auto task = tasks_.find(wait.first);
      return task == tasks_.end() || task->second->node_id == id;
    });
  }
  if (is_ready(after)) return;
  for (auto& [task, wait] : waits_) wait.carriers.erase(id);
}

void NetworkChecker::begin_wait(const Task& task) {
  const auto node = nodes_.find(task.node_id);
  if (node == nodes_.end() || node->second->status.state == model::NodeState::Down) return;
  ++count_;
  const Time now = loop_.now();
  Wait wait{.since = now, .carriers = {}};
  for (const auto& [id, carrier] : nodes_) {
    if (!is_ready(carrier) || !carries(id, task)) continue;
    wait.carriers.insert(id);
    unanswered_since_.try_emplace(id, now);
  }
  waits_[task.id] = std::move(wait);
  withdrawn_at_.insert(now);
  withdrawn_at_.erase(withdrawn_at_.begin(), withdrawn_at_.lower_bound(now - kRemembered));
}

bool NetworkChecker::carries(const model::NodeId& node, const Task& task) const {
  return std::ranges::any_of(task.networks, [&](const model::NetworkAttachment& mine) {
    if (!is_addressed(mine)) return false;
    if (ingress_.contains(mine.network)) return true;
    return std::ranges::any_of(tasks_, [&](const auto& entry) {
      const Task& other = *entry.second;
      return other.node_id == node && dispatcher::is_in_networks(other) &&
             std::ranges::any_of(other.networks, [&](const model::NetworkAttachment& theirs) {
               return is_addressed(theirs) && theirs.network == mine.network;
             });
    });
  });
}

// Whatever was withdrawn before the message was sent is answered with it.
void NetworkChecker::on_acknowledged(const model::NodeId& node, uint64_t version) {
  const auto sent = sent_at_.find({node, version});
  if (sent == sent_at_.end()) return;
  const auto open = withdrawn_at_.lower_bound(sent->second);
  sent_at_.erase(sent_at_.lower_bound({node, 0}), std::next(sent));
  if (open == withdrawn_at_.end()) {
    unanswered_since_.erase(node);
  } else {
    unanswered_since_[node] = *open;
  }
}

void NetworkChecker::on_send(const dispatcher::Outgoing& outgoing) {
  if (const auto* message = std::get_if<model::NetworksMessage>(&outgoing.message)) {
    sent_at_[{outgoing.node, message->version}] = loop_.now();
  }
  const auto* assignments = std::get_if<model::AssignmentsMessage>(&outgoing.message);
  if (!assignments) return;
  for (const model::AssignmentChange& change : assignments->changes) {
    if (!change.task || dispatcher::is_told_to_stop(*change.task)) on_stop(change.task_id);
  }
}

void NetworkChecker::on_stop(const model::TaskId& task) {
  const auto wait = waits_.find(task);
  if (wait == waits_.end() || loop_.now() - wait->second.since >= kWithdrawWait) return;
  for (const auto& agent : agents_) {
    if (!wait->second.carriers.contains(agent->node())) continue;
    const auto unanswered = unanswered_since_.find(agent->node());
    const bool late =
        unanswered != unanswered_since_.end() && loop_.now() - unanswered->second >= kWithdrawWait;
    if (!late && agent->networks().gives_work_to(task)) {
      trace_.breach("{} is told to stop while {} gives it work", task, agent->node());
    }
  }
}

}  // namespace shoal::sim

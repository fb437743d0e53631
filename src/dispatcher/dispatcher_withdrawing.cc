// The dispatcher and the networks: the calls of Shoal's own part of the protocol, and the tasks
// that are held back until nobody gives them work any more.
#include <utility>

#include "dispatcher/dispatcher.h"
#include "dispatcher/network_views.h"
#include "dispatcher/node_entry.h"

namespace shoal::dispatcher {

using model::NodeId;
using model::Ref;
using model::Task;
using model::TaskState;

namespace {

bool has_addresses(const Task& task) {
  for (const model::NetworkAttachment& attachment : task.networks) {
    if (!attachment.addresses.empty()) return true;
  }
  return false;
}

// It gave answers until now and shall end. What has not come to RUNNING gets no work yet.
bool is_to_be_withdrawn(const Task& task) {
  return task.status.state == TaskState::Running && is_told_to_stop(task) && has_addresses(task);
}

}  // namespace

Result<void> Dispatcher::watch_networks(const NodeId& node, const model::SessionId& session) {
  RETURN_IF_ERROR(with_session(node, session));
  feed_.watch(node, session);
  return {};
}

Result<void> Dispatcher::acknowledge_networks(const NodeId& node, const model::NetworksAck& ack) {
  RETURN_IF_ERROR(with_session(node, ack.session));
  RETURN_IF_ERROR(feed_.acknowledge(node, ack.version));
  withdrawals_.on_acknowledged(node, ack.version);
  release_withdrawn();
  return {};
}

// True when the node is not told of the change now.
bool Dispatcher::hold_back(const Ref<Task>& before, const Ref<Task>& after) {
  const auto at = nodes_.find(after->node_id);
  if (at == nodes_.end() || !at->second->stored) return false;
  NodeEntry& entry = *at->second;
  if (const auto held = entry.withheld.find(after->id); held != entry.withheld.end()) {
    if (is_to_be_withdrawn(*after)) {
      held->second = after;
      return true;
    }
    // It has ended. What it was told to do is told now, although it does not matter any more.
    entry.withheld.erase(held);
    withdrawals_.forget_task(after->id);
    add_task(after, true);
    return true;
  }
  const bool served = before && before->status.state == TaskState::Running;
  if (!served || is_told_to_stop(*before) || !is_to_be_withdrawn(*after)) return false;
  if (entry.stored->status.state == model::NodeState::Down) return false;
  if (!withdrawals_.hold(*after, feed_)) return false;
  entry.withheld.emplace(after->id, after);
  return true;
}

// A leader that begins does not know who has acknowledged what. It may tell a node to go on with
// what the leader before had told it to stop; an agent knows better.
void Dispatcher::hold_back_again() {
  for (auto& [id, entry] : nodes_) {
    if (!entry->stored || entry->stored->status.state == model::NodeState::Down) continue;
    for (auto& [task_id, task] : entry->tasks) {
      if (!is_to_be_withdrawn(*task) || !withdrawals_.hold(*task, feed_)) continue;
      Task as_before = *task;
      as_before.desired_state = TaskState::Running;
      entry->withheld.emplace(task_id,
                              std::exchange(task, std::make_shared<const Task>(as_before)));
    }
  }
}

void Dispatcher::release_tasks_of(const NodeId& node) {
  NodeEntry& entry = *nodes_.at(node);
  for (const auto& [id, task] : std::exchange(entry.withheld, {})) {
    withdrawals_.forget_task(id);
    add_task(task, true);
  }
}

void Dispatcher::release_withdrawn() {
  for (const Withdrawals::Held& held : withdrawals_.take_released()) {
    const auto at = nodes_.find(held.node);
    if (at == nodes_.end()) continue;
    if (auto task = at->second->withheld.extract(held.task)) add_task(task.mapped(), true);
  }
}

}  // namespace shoal::dispatcher

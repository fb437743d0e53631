#include "dispatcher/withdrawals.h"

#include <algorithm>

namespace shoal::dispatcher {

using model::NodeId;

void Withdrawals::clear() {
  *this = {};
}

bool Withdrawals::hold(const model::Task& task, const NetworkFeed& feed) {
  Waiting waiting{.node = task.node_id};
  std::set<BarrierId> barriers;
  for (const model::NetworkAttachment& attachment : task.networks) {
    if (attachment.addresses.empty()) continue;
    const BarrierId id = barrier_for(attachment.network, feed);
    if (id != 0) barriers.insert(id);
  }
  if (barriers.empty()) return false;
  for (const BarrierId id : barriers) barriers_.at(id).tasks.push_back(task.id);
  waiting.barriers = barriers.size();
  held_.insert_or_assign(task.id, waiting);
  return true;
}

// 0 when nobody has to be waited for.
Withdrawals::BarrierId Withdrawals::barrier_for(const model::NetworkId& network,
                                                const NetworkFeed& feed) {
  const auto open = open_.find(network);
  if (open != open_.end()) {
    const auto at = barriers_.find(open->second);
    // Nobody has been told of its version yet: who has the next message has this change as well.
    if (at != barriers_.end() && at->second.version > feed.newest_message()) {
      at->second.version = feed.version();
      return open->second;
    }
    open_.erase(open);
  }
  Barrier barrier{.version = feed.version(), .nodes = {}, .tasks = {}, .deadline = {}};
  for (const NodeId& id : feed.ready_carriers(network)) {
    Node& node = nodes_[id];
    if (node.late) continue;
    node.waited_in.push_back(newest_ + 1);
    barrier.nodes.push_back(id);
  }
  if (barrier.nodes.empty()) return 0;
  barrier.pending = barrier.nodes.size();
  barriers_.emplace(++newest_, std::move(barrier));
  untimed_.insert(newest_);
  open_[network] = newest_;
  return newest_;
}

void Withdrawals::on_acknowledged(const NodeId& id, uint64_t version) {
  Node& node = nodes_[id];
  if (version <= node.acknowledged) return;
  node.acknowledged = version;
  node.late = false;
  while (!node.waited_in.empty()) {
    const auto at = barriers_.find(node.waited_in.front());
    if (at != barriers_.end() && at->second.version > version) break;
    if (at != barriers_.end()) answered(at->first);
    node.waited_in.pop_front();
  }
}

void Withdrawals::forget_node(const NodeId& id) {
  const auto node = nodes_.find(id);
  if (node == nodes_.end()) return;
  for (const BarrierId barrier : node->second.waited_in) {
    if (barriers_.contains(barrier)) answered(barrier);
  }
  nodes_.erase(node);
}

void Withdrawals::answered(BarrierId id) {
  if (--barriers_.at(id).pending == 0) end(id);
}

void Withdrawals::end(BarrierId id) {
  auto barrier = barriers_.extract(id);
  untimed_.erase(id);
  for (const model::TaskId& task : barrier.mapped().tasks) {
    const auto at = held_.find(task);
    if (at == held_.end() || --at->second.barriers > 0) continue;
    released_.push_back({.node = at->second.node, .task = task});
    held_.erase(at);
  }
}

void Withdrawals::pass_time(Time now) {
  for (const BarrierId id : std::exchange(untimed_, {})) {
    barriers_.at(id).deadline = now + kWithdrawWait;
  }
  while (!barriers_.empty() && *barriers_.begin()->second.deadline <= now) {
    const auto& [id, barrier] = *barriers_.begin();
    for (const NodeId& name : barrier.nodes) {
      const auto node = nodes_.find(name);
      if (node == nodes_.end()) continue;
      node->second.late |= std::ranges::binary_search(node->second.waited_in, id);
    }
    end(id);
  }
}

std::optional<Time> Withdrawals::next_deadline() const {
  if (!untimed_.empty()) return Time{};
  if (barriers_.empty()) return std::nullopt;
  return barriers_.begin()->second.deadline;
}

}  // namespace shoal::dispatcher

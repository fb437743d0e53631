#include "dispatcher/heartbeats.h"

#include <algorithm>

namespace shoal::dispatcher {

Duration effective_heartbeat_period(Duration explicit_period, size_t node_count) {
  if (explicit_period > Duration{0}) return explicit_period;
  const auto spread = kHeartbeatPeriodMin * int64_t(node_count) / int64_t(kNodesPerSecond);
  return std::max(kHeartbeatPeriodMin, spread);
}

Duration restart_grace(Duration period) {
  return std::max(kRestartGraceMin, 2 * kBeatsMissedMax * period);
}

void HeartbeatTable::beat(const model::NodeId& node, Time expiry) {
  auto [at, fresh] = expiry_.try_emplace(node, expiry);
  if (!fresh) {
    by_expiry_.erase({at->second, node});
    at->second = expiry;
  }
  by_expiry_.insert({expiry, node});
}

void HeartbeatTable::forget(const model::NodeId& node) {
  const auto at = expiry_.find(node);
  if (at == expiry_.end()) return;
  by_expiry_.erase({at->second, node});
  expiry_.erase(at);
}

void HeartbeatTable::clear() {
  expiry_.clear();
  by_expiry_.clear();
}

std::vector<model::NodeId> HeartbeatTable::expire(Time now) {
  std::vector<model::NodeId> silent;
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= now) {
    const model::NodeId node = by_expiry_.begin()->second;
    silent.push_back(node);
    forget(node);
  }
  return silent;
}

std::optional<Time> HeartbeatTable::next_deadline() const {
  if (by_expiry_.empty()) return std::nullopt;
  return by_expiry_.begin()->first;
}

}  // namespace shoal::dispatcher

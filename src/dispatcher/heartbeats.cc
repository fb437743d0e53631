#include "dispatcher/heartbeats.h"

#include <algorithm>
#include <utility>

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
  forget(node);
  entries_.emplace(node, Entry{expiry});
  by_expiry_.insert({expiry, node});
}

void HeartbeatTable::forget(const model::NodeId& node) {
  const auto at = entries_.find(node);
  if (at == entries_.end()) return;
  by_expiry_.erase({at->second.expiry, node});
  entries_.erase(at);
}

void HeartbeatTable::clear() {
  entries_.clear();
  by_expiry_.clear();
}

void HeartbeatTable::excuse(Time now, Time expiry) {
  for (auto at = by_expiry_.begin(); at != by_expiry_.end() && at->first <= now;) {
    const model::NodeId node = at->second;
    Entry& entry = entries_.at(node);
    if (std::exchange(entry.excused, true)) {
      ++at;
      continue;
    }
    at = by_expiry_.erase(at);
    entry.expiry = expiry;
    by_expiry_.insert({expiry, node});
  }
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

// Decides which nodes fell silent. Beats come in, expire() is called at next_deadline().
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/time.h"
#include "model/ids.h"

namespace shoal::dispatcher {

// Beats missed in a row before a node counts as down.
inline constexpr int kBeatsMissedMax = 3;
// A manager that looks later than this did not run meanwhile: its machine was paused or moved, or
// is short of processors. What its nodes said then it has not heard yet.
inline constexpr Duration kManagerLate = 300ms;
// The time that nodes have to come back after a manager's restart: at least this, which is longer
// than an agent's longest back-off (8 s), and at least twice what a missed heartbeat allows.
inline constexpr Duration kRestartGraceMin = 10s;
// The period when none was set, up to kNodesPerSecond nodes; from there it grows with the nodes so
// that a manager gets kNodesPerSecond heartbeats a second.
inline constexpr Duration kHeartbeatPeriodMin = 1s;
inline constexpr size_t kNodesPerSecond = 1'000;

// `explicit_period` as in the cluster's spec; 0 means unset.
Duration effective_heartbeat_period(Duration explicit_period, size_t node_count);
// How long after the manager's start, or after it was late, a node that was up may stay silent.
Duration restart_grace(Duration period);

class HeartbeatTable {
 public:
  // The node is silent from `expiry` on, unless beat() moves that.
  void beat(const model::NodeId& node, Time expiry);
  void forget(const model::NodeId& node);
  void clear();
  // The manager was late itself: who is silent is given until `expiry`, once after each beat, so
  // that a manager that is always late still finds out.
  void excuse(Time now, Time expiry);
  // Forgets and returns the nodes whose time is over, the longest silent first.
  std::vector<model::NodeId> expire(Time now);
  // Empty when nothing is watched.
  std::optional<Time> next_deadline() const;

 private:
  struct Entry {
    Time expiry;
    bool excused = false;  // since the last beat
  };
  std::map<model::NodeId, Entry> entries_;
  std::set<std::pair<Time, model::NodeId>> by_expiry_;  // the same, ordered by time
};

}  // namespace shoal::dispatcher

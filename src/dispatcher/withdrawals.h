// Which tasks that are told to stop are held back, until nobody gives them work any more.
//
// A running task with addresses is first taken out everywhere: its endpoint stops serving. The node
// is told to stop it when every READY Shoal node that carries the endpoint has acknowledged that,
// or after kWithdrawWait. A node that made somebody wait that long is not waited for again until it
// acknowledges something.
//
// Those that are withdrawn from one network between two messages share a barrier: so there is at
// most one barrier a network and turn, and each is over after kWithdrawWait.
//
// Pure, part of the Dispatcher. Nothing of it is stored. Thread: the control thread.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/time.h"
#include "dispatcher/network_feed.h"

namespace shoal::dispatcher {

// The longest that a stop waits for nodes which do not answer.
inline constexpr Duration kWithdrawWait = 2s;

class Withdrawals {
 public:
  struct Held {
    model::NodeId node;
    model::TaskId task;
  };

  void clear();
  // Begins to wait for those who carry the task's endpoint, as the feed has it now: withdrawn.
  // False when there is nobody to wait for.
  bool hold(const model::Task& task, const NetworkFeed& feed);
  // It ended, or nobody can reach it any more.
  void forget_task(const model::TaskId& task) { held_.erase(task); }

  // The node uses nothing older than this version.
  void on_acknowledged(const model::NodeId& node, uint64_t version);
  // The node is gone, or not READY: it is not waited for.
  void forget_node(const model::NodeId& node);
  // Times begin at the first call after hold(), and what has waited too long is let go.
  void pass_time(Time now);
  // At or before now: pass_time() has something to do. Empty: nobody waits.
  std::optional<Time> next_deadline() const;

  // The tasks that may be stopped now.
  std::vector<Held> take_released() { return std::exchange(released_, {}); }

 private:
  using BarrierId = uint64_t;  // rises with the version
  struct Barrier {
    uint64_t version = 0;
    std::vector<model::NodeId> nodes;
    size_t pending = 0;  // of these
    std::vector<model::TaskId> tasks;
    std::optional<Time> deadline;
  };
  struct Node {
    uint64_t acknowledged = 0;
    bool late = false;                // somebody waited for it in vain
    std::deque<BarrierId> waited_in;  // not answered yet; some may be over
  };
  struct Waiting {
    model::NodeId node;
    size_t barriers = 0;
  };

  BarrierId barrier_for(const model::NetworkId& network, const NetworkFeed& feed);
  void answered(BarrierId id);
  void end(BarrierId id);

  std::map<BarrierId, Barrier> barriers_;  // also in the order of their deadlines
  BarrierId newest_ = 0;
  std::map<model::NetworkId, BarrierId> open_;  // the newest one of each network
  std::set<BarrierId> untimed_;
  std::map<model::NodeId, Node> nodes_;
  std::map<model::TaskId, Waiting> held_;
  std::vector<Held> released_;
};

}  // namespace shoal::dispatcher

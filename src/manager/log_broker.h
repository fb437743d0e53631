// LogBroker: brings the logs of tasks from the nodes that have them to those who read them at this
// manager (`docker service logs`).
//
// A reader makes a subscription. Every node that has a task of the selection is told of it as soon
// as it listens, publishes what it has, and says when that is all; with follow, nodes that get such
// a task later are told too, and the reader goes on until it is destroyed. Without follow it ends
// when every node is done: one that is down, or does not listen within kListenWithin, is given up
// and named in missing(). A node that was cut off while it was followed goes on after the newest
// line that came from it.
//
// Nothing piles up: a reader that is kBatchesMax batches behind holds up the nodes that publish to
// it.
//
// Thread: the control thread. Readers may outlive the broker; they then end with Unavailable.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "model/log_protocol.h"
#include "os/loop.h"
#include "os/sync.h"
#include "store/store.h"

namespace shoal::manager {

// How long a node that counts as up may take to listen before the reader does without it.
inline constexpr Duration kListenWithin = 5s;
// Batches that wait for one reader. With as many again on their way, a reader that has stopped
// reading costs some 400 KB.
inline constexpr size_t kBatchesMax = 2;
// Readers at one time; more are refused.
inline constexpr size_t kReadersMax = 100;

class LogBroker {
 public:
  // `tables` answers the newest state, or null while this manager has none.
  using Tables = std::function<const store::Tables*()>;
  LogBroker(os::Loop& loop, Rng& rng, Tables tables, Duration listen_within = kListenWithin);
  ~LogBroker();
  LogBroker(const LogBroker&) = delete;
  LogBroker& operator=(const LogBroker&) = delete;

  class Reader;
  // Unavailable when there is no state to choose nodes from, or too many read already.
  Result<std::unique_ptr<Reader>> read(model::LogSelector selector, model::LogOptions options);

  // --- for the node protocol ---
  // A node's open ear. send() is called from within calls of the broker and must not call back.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void send(const model::LogSubscription& subscription) = 0;
  };
  // The node listens until hang_up(); a later listener of the same node takes the place of the one
  // before. What concerns the node is sent at once.
  void listen(const model::NodeId& node, Listener* listener);
  void hang_up(const model::NodeId& node, Listener* listener);
  // Takes what a node publishes; waits while the reader is behind. NotFound when nobody reads it
  // any more, PermissionDenied when the node was not asked or speaks for another one.
  os::Co<Result<void>> publish(model::NodeId node, model::LogPublication publication,
                               os::StopToken stop);
  // The node's publication ended without its `close`.
  void publication_broke(const model::NodeId& node, const model::LogSubscriptionId& id);

  // Durable changes: tasks that a follower wants may have appeared on further nodes.
  void on_batch(const store::Batch& batch);
  // Every reader ends with the error.
  void end_all(const Error& reason);

 private:
  struct Subscription;
  using SubscriptionRef = std::shared_ptr<Subscription>;

  void involve(Subscription& subscription, const model::NodeId& node, const store::Tables& tables);
  void tell(Subscription& subscription, const model::NodeId& node);
  void give_up_silent(Subscription& subscription);
  void close(Subscription& subscription);

  os::Loop& loop_;
  Rng& rng_;
  Tables tables_;
  const Duration listen_within_;
  std::map<model::LogSubscriptionId, SubscriptionRef> subscriptions_;
  std::map<model::NodeId, Listener*> listeners_;
  std::shared_ptr<LogBroker*> self_;  // null inside once the broker is gone
};

// One who reads. Destroying it takes the subscription back.
class LogBroker::Reader {
 public:
  Reader(SubscriptionRef subscription, std::shared_ptr<LogBroker*> broker);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // The next lines, at least one; nothing at the end. Cancelled when `stop` comes first;
  // Unavailable when the manager loses its place.
  os::Co<Result<std::vector<model::LogMessage>>> next(os::StopToken stop);
  // Why lines may be missing, in Docker's words: "node abc is not available". Complete at the end.
  const std::vector<std::string>& missing() const;

 private:
  SubscriptionRef subscription_;
  std::shared_ptr<LogBroker*> broker_;
};

}  // namespace shoal::manager

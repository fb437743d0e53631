// The dispatcher: the manager's side of every agent. It knows which nodes are alive, tells each one
// what to run, and takes in how its tasks do.
//
// Pure, a control loop like the others (store/plan.h) plus the calls of the node protocol. What it
// writes: node status and description, task states from ACCEPTED on, ORPHANED. What it sends waits
// in an outbox that the shell drains after each call or batch.
//
// Only durable state leaves: the tasks a node is told of are those seen in reset() and on_batch().
// A running task with addresses that is told to stop is withdrawn first: until then its node goes
// on hearing what it was told before (withdrawals.h). Work per call is proportional to what it
// names; per batch, to its changes; per message, to what changed for that node.
//
// Thread: the control thread. The Rng must outlive the dispatcher.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "dispatcher/heartbeats.h"
#include "dispatcher/network_feed.h"
#include "dispatcher/outgoing.h"
#include "dispatcher/withdrawals.h"
#include "store/plan.h"

namespace shoal::dispatcher {

// Registrations of one node that are accepted in kRegistrationWindow; more are Unavailable.
inline constexpr int kRegistrationsMax = 3;
inline constexpr Duration kRegistrationWindow = 8s;
// How long a node is down before its tasks are given up as ORPHANED.
inline constexpr Duration kOrphanAfter = 24h;
// Tasks whose reports wait to be written.
inline constexpr size_t kPendingStatusesMax = 1'000'000;

class Dispatcher {
 public:
  explicit Dispatcher(Rng& rng);
  ~Dispatcher();

  // The control loop. reset() ends every session: agents open new ones and report everything again.
  // Nodes that were up have kRestartGrace to come back before they count as down.
  void reset(const store::Tables& tables);
  void on_batch(const store::Batch& batch);
  store::Plan plan(const store::Tables& tables, Time now);
  std::optional<Time> next_deadline() const;

  // Opens a session for a node that exists, or keeps `previous` when that is the node's present one
  // and takes over its description. Any other session of the node ends. Queues a SessionMessage.
  // NotFound "node not found"; Unavailable before reset() and when the node registers too often.
  Result<model::SessionId> open_session(const model::NodeId& node, model::SessionRequest request,
                                        Time now);
  // Queues a COMPLETE message with every task of the node, and from then on the changes.
  Result<void> subscribe(const model::NodeId& node, const model::SessionId& session);
  // Says within which time the next heartbeat is wanted (the effective period, semantics 2.6).
  Result<Duration> heartbeat(const model::NodeId& node, const model::SessionId& session, Time now);
  // Takes in reports; plan() writes them. PermissionDenied when a task belongs to another node
  // (then nothing of the report is taken), InvalidArgument for more than kStatusUpdatesMax. Unknown
  // tasks, states that do not rise and states that no agent may report are passed over.
  Result<void> update_task_status(const store::Tables& tables, const model::NodeId& node,
                                  const model::SessionId& session,
                                  std::vector<model::StatusUpdate> updates, Time now);
  // Shoal's own part of the protocol. Queues a complete NetworksMessage, and from then on, whenever
  // the one before is acknowledged, what changed.
  Result<void> watch_networks(const model::NodeId& node, const model::SessionId& session);
  // The node has what the message of this version said. InvalidArgument for one that was never
  // sent; FailedPrecondition when the node watches nothing.
  Result<void> acknowledge_networks(const model::NodeId& node, const model::NetworksAck& ack);
  // The connection is gone. The node stays up until its heartbeat is overdue. Unknown sessions are
  // passed over.
  void end_session(const model::NodeId& node, const model::SessionId& session);
  // The node says goodbye: it is down at once.
  Result<void> leave(const model::NodeId& node, const model::SessionId& session, Time now);
  // All of these: InvalidArgument "session invalid" when `session` is not the node's present one,
  // NotFound "node not registered" when it has none.

  // Everything to be sent, in order per session; the outbox is empty afterwards. Changes of many
  // batches for one node become one message.
  std::vector<Outgoing> take_outgoing();

  // What `swarm inspect` and heartbeats show: the period in force for this many nodes.
  Duration heartbeat_period() const;

 private:
  struct Session;
  struct NodeEntry;

  Result<NodeEntry*> with_session(const model::NodeId& node, const model::SessionId& session);
  void on_node(const model::Ref<model::Node>& before, const model::Ref<model::Node>& after);
  void on_task(const model::Ref<model::Task>& before, const model::Ref<model::Task>& after);
  void on_cluster(const model::Ref<model::Cluster>& after);
  void tell_everyone();
  void drop_task(const model::Task& task);
  bool hold_back(const model::Ref<model::Task>& before, const model::Ref<model::Task>& after);
  void hold_back_again();
  void release_tasks_of(const model::NodeId& node);
  void release_withdrawn();
  void add_task(const model::Ref<model::Task>& task, bool tell);
  void watch_down(const model::Node& node);
  Result<void> admit_registration(NodeEntry& entry, const model::NodeId& node, Time now);
  void close(const model::NodeId& node, NodeEntry& entry, Error reason);
  void end(const model::NodeId& node, NodeEntry& entry);
  void want_status(const model::NodeId& node, NodeEntry& entry, model::NodeStatus status);
  void begin(Time now);
  void expire(Time now);
  void orphan_due(Time now);
  void plan_nodes(const store::Tables& tables, store::Plan& plan);
  void plan_orphans(const store::Tables& tables, Time now, store::Plan& plan);
  void plan_statuses(const store::Tables& tables, store::Plan& plan);
  model::SessionMessage session_message(const NodeEntry& entry) const;
  void queue_complete(const model::NodeId& node, NodeEntry& entry);
  void queue_changes(const model::NodeId& node, NodeEntry& entry);

  Rng& rng_;
  bool started_ = false;  // reset() was called
  bool begun_ = false;    // and the first plan() gave every node its time of grace
  Duration explicit_period_{0};
  std::string root_ca_;  // what the nodes are told to trust
  std::optional<model::RootRotation> rotation_;
  std::map<model::NodeId, std::unique_ptr<NodeEntry>> nodes_;
  size_t stored_nodes_ = 0;                        // entries that have a stored node
  std::map<model::NodeId, std::string> managers_;  // address of each node that is one
  HeartbeatTable heartbeats_;
  NetworkFeed feed_;
  Withdrawals withdrawals_;
  std::set<std::pair<Time, model::NodeId>> orphan_due_;
  std::set<model::NodeId> orphan_now_;
  std::set<model::NodeId> nodes_to_write_;
  std::map<model::TaskId, model::TaskStatus> statuses_;
  std::set<model::NodeId> to_send_;  // sessions with something to say
  std::vector<Outgoing> outbox_;
};

}  // namespace shoal::dispatcher

// NodeReach: carries requests of this manager's clients to the nodes that have the containers.
//
// Nobody listens on a node: it keeps a stream open on which the manager asks, and answers each
// request with a call of its own, a tunnel for one request and its answer. Who may answer is known
// by the certificate of the connection.
//
// Bytes go straight from the call to the client and back, at the speed of the slower one; nothing
// is queued here. A tunnel ends with its client, with its node's session, when the node is found
// to be down or is removed, and at the end of a term; whoever waits in it then gets the reason.
//
// Thread: the control thread. Tunnels may outlive it.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/rng.h"
#include "manager/container_lookup.h"
#include "model/reach_protocol.h"
#include "os/loop.h"
#include "os/sync.h"
#include "store/store.h"

namespace shoal::manager {

// How long a node that counts as up may take to answer.
inline constexpr Duration kReachWithin = 5s;
// Tunnels at one time; more are refused. Each may hold a stream's window of what nobody reads.
inline constexpr size_t kTunnelsPerNodeMax = 64;
inline constexpr size_t kTunnelsMax = 256;

class NodeReach {
 public:
  // `tables` answers the newest state, or null while this manager has none.
  using Tables = std::function<const store::Tables*()>;
  NodeReach(os::Loop& loop, Rng& rng, Tables tables, Duration within = kReachWithin);
  ~NodeReach();
  NodeReach(const NodeReach&) = delete;
  NodeReach& operator=(const NodeReach&) = delete;

  // locate_container() in the present state.
  Result<ContainerPlace> locate(std::string_view ref, NamedBy by) const;

  class Tunnel;
  // Returns when the node has taken the request up. Unavailable, with the node's name and the
  // reason, when it is down, does not answer in time, or has too many tunnels; Cancelled on `stop`.
  os::Co<Result<std::unique_ptr<Tunnel>>> open(model::NodeId node, model::ReachRequest request,
                                               os::StopToken stop);

  // --- for the node protocol ---
  // A node's open ear. call() is called from within calls of this and must not call back.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void call(const model::ReachId& id) = 0;
  };
  // The node listens until hang_up(), which ends its tunnels; what is not answered yet is asked of
  // the next listener. A later listener of the same node takes the place of the one before.
  void listen(const model::NodeId& node, Listener* listener);
  void hang_up(const model::NodeId& node, Listener* listener);
  // The call of a node that answers.
  class Line {
   public:
    virtual ~Line() = default;
    // Nothing at the good end. One coroutine may read while another writes.
    virtual os::Co<Result<std::optional<model::ReachOutput>>> read() = 0;
    virtual os::Co<Result<void>> write(model::ReachInput input) = 0;
    // Both return this at once, and the node learns that the call is over.
    virtual void cut(Error why) = 0;
  };
  // Returns when the tunnel is done with the line, or `gone` has come. PermissionDenied when the
  // node was not asked for this (any more).
  os::Co<Result<void>> carry(model::NodeId node, model::ReachId id, Line& line, os::StopToken gone);

  // --- for the manager ---
  // A term begins; then every durable change of it.
  void load(const store::Tables& tables) { index_.load(tables); }
  void on_batch(const store::Batch& batch);
  // Every tunnel ends with the error.
  void end_all(const Error& reason);

 private:
  struct State;
  using StateRef = std::shared_ptr<State>;
  using OfNode = std::map<model::ReachId, StateRef>;

  Result<StateRef> begin(const model::NodeId& node);
  void end_of_node(const model::NodeId& node, std::string_view reason);
  void forget(const State& state);

  os::Loop& loop_;
  Rng& rng_;
  Tables tables_;
  const Duration within_;
  ContainerIndex index_;
  std::map<model::NodeId, OfNode> tunnels_;
  size_t tunnel_count_ = 0;
  std::map<model::NodeId, Listener*> listeners_;
  std::shared_ptr<NodeReach*> self_;  // null inside once this is gone
};

// One request under way. No coroutine may be in it when it is destroyed; that ends the node's side.
class NodeReach::Tunnel {
 public:
  Tunnel(StateRef state, std::shared_ptr<NodeReach*> reach);
  ~Tunnel();
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;

  // What the node sends next, nothing at the end of its answer; never an id. Unavailable when the
  // node was lost, with its name; Cancelled when `stop` comes, which ends the tunnel.
  os::Co<Result<std::optional<model::ReachOutput>>> read(os::StopToken stop);
  // Returns when the node has taken most of what was written before. Errors as read().
  os::Co<Result<void>> write(model::ReachInput input, os::StopToken stop);

 private:
  StateRef state_;
  std::shared_ptr<NodeReach*> reach_;
};

}  // namespace shoal::manager

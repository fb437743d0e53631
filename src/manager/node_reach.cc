#include "manager/node_reach.h"

#include <utility>
#include <vector>

namespace shoal::manager {

using model::NodeId;
using model::NodeState;
using model::ReachId;

namespace {

std::string name_of(const model::Node& node) {
  return node.description.hostname.empty() ? node.id.str() : node.description.hostname;
}

std::string why_down(const model::Node& node) {
  const std::string& why = node.status.message;
  return why.empty() ? "is down" : "is down: " + why;
}

}  // namespace

struct NodeReach::State {
  os::Loop& loop;
  ReachId id;
  NodeId node;
  std::string name;    // of the node
  std::string engine;  // its version
  Line* line = nullptr;
  bool told = false;      // the node's present listener was asked
  bool listened = false;  // there was one
  bool answered = false;  // it has called
  bool released = false;  // the tunnel is done
  bool stopped = false;   // by its own side
  bool finished = false;  // the answer came to its end
  int inside = 0;         // coroutines in the line
  std::optional<Error> lost;
  os::Signal changed;

  void lose(Error why) {
    if (!lost) lost = std::move(why);
    if (line) line->cut(*lost);
    wake_later();
  }
  void stop() {
    stopped = true;
    if (line) line->cut(nobody_waits());
  }
  void wake_later() {
    loop.post([wake = changed] { wake.notify(); });
  }
  static Error nobody_waits() { return {ErrorCode::Cancelled, "nobody waits for the answer"}; }
  Error lost_by(std::string_view reason) const {
    return {ErrorCode::Unavailable, fmt::format("node {} was lost: {}", name, reason)};
  }
  // What the line's error means for the tunnel.
  Error explain(const Error& error) const {
    if (stopped) return nobody_waits();
    if (lost) return *lost;
    if (error.code == ErrorCode::Cancelled) {
      return {ErrorCode::Unavailable, fmt::format("node {} broke its answer off", name)};
    }
    return lost_by(error.message);
  }
  Error too_late() const {
    if (listened) return {ErrorCode::Unavailable, fmt::format("node {} does not answer", name)};
    return {ErrorCode::Unavailable,
            fmt::format("node {} takes no requests from its manager: its engine ({}) is not "
                        "Shoal's, or its session is only just beginning",
                        name, engine)};
  }
};

namespace {

// A coroutine in the line.
class Inside {
 public:
  Inside(int& count, os::Signal changed) : count_(count), changed_(std::move(changed)) { ++count_; }
  ~Inside() {
    --count_;
    changed_.notify();
  }
  Inside(const Inside&) = delete;

 private:
  int& count_;
  os::Signal changed_;
};

}  // namespace

NodeReach::NodeReach(os::Loop& loop, Rng& rng, Tables tables, Duration within)
    : loop_(loop),
      rng_(rng),
      tables_(std::move(tables)),
      within_(within),
      self_(std::make_shared<NodeReach*>(this)) {}

NodeReach::~NodeReach() {
  end_all(Error{ErrorCode::Unavailable, "the manager stops"});
  *self_ = nullptr;
}

Result<ContainerPlace> NodeReach::locate(std::string_view ref, NamedBy by) const {
  const store::Tables* tables = tables_();
  if (!tables) return unavailable("the manager is not ready");
  return locate_container(*tables, index_, ref, by);
}

Result<NodeReach::StateRef> NodeReach::begin(const NodeId& id) {
  const store::Tables* tables = tables_();
  if (!tables) return unavailable("the manager is not ready");
  const auto node = tables->nodes().get(id);
  if (!node) return unavailable("node {} is not in the swarm any more", id);
  const std::string name = name_of(*node);
  if (node->status.state == NodeState::Down)
    return unavailable("node {} {}", name, why_down(*node));
  if (tunnel_count_ >= kTunnelsMax) {
    return unavailable("{} requests for containers of other nodes are under way already",
                       kTunnelsMax);
  }
  OfNode& of_node = tunnels_[id];
  if (of_node.size() >= kTunnelsPerNodeMax) {
    return unavailable("{} requests for containers of node {} are under way already",
                       kTunnelsPerNodeMax, name);
  }
  auto mine = std::make_shared<State>(State{.loop = loop_,
                                            .id = ReachId::random(rng_),
                                            .node = id,
                                            .name = name,
                                            .engine = node->description.engine_version,
                                            .lost = {},
                                            .changed = {}});
  of_node.emplace(mine->id, mine);
  ++tunnel_count_;
  if (const auto at = listeners_.find(id); at != listeners_.end()) {
    mine->told = mine->listened = true;
    at->second->call(mine->id);
  }
  return mine;
}

os::Co<Result<std::unique_ptr<NodeReach::Tunnel>>> NodeReach::open(NodeId node,
                                                                   model::ReachRequest request,
                                                                   os::StopToken stop) {
  CO_ASSIGN_OR_RETURN(const StateRef mine, begin(node));
  auto tunnel = std::make_unique<Tunnel>(mine, self_);
  {
    const auto late = loop_.at(loop_.now() + within_, [mine] { mine->lose(mine->too_late()); });
    while (!mine->line && !mine->lost) {
      if (!co_await mine->changed.wait(stop)) co_return std::unexpected(State::nobody_waits());
    }
  }
  model::ReachInput first{.request = std::move(request), .bytes = {}};
  CO_RETURN_IF_ERROR(co_await tunnel->write(std::move(first), stop));
  co_return tunnel;
}

void NodeReach::listen(const NodeId& node, Listener* listener) {
  if (const auto before = listeners_.find(node); before != listeners_.end()) {
    hang_up(node, before->second);
  }
  listeners_[node] = listener;
  const auto waiting = tunnels_.find(node);
  if (waiting == tunnels_.end()) return;
  for (const auto& [id, tunnel] : waiting->second) {
    tunnel->told = tunnel->listened = true;
    listener->call(id);
  }
}

void NodeReach::hang_up(const NodeId& node, Listener* listener) {
  const auto at = listeners_.find(node);
  if (at == listeners_.end() || at->second != listener) return;
  listeners_.erase(at);
  const auto of_node = tunnels_.find(node);
  if (of_node == tunnels_.end()) return;
  const OfNode hanging = of_node->second;  // Each may take itself out.
  for (const auto& [id, tunnel] : hanging) {
    tunnel->told = false;  // One that is not answered yet waits for the next session.
    if (tunnel->answered) tunnel->lose(tunnel->lost_by("its session has ended"));
  }
}

os::Co<Result<void>> NodeReach::carry(NodeId node, ReachId id, Line& line, os::StopToken gone) {
  const auto of_node = tunnels_.find(node);
  const auto at = of_node == tunnels_.end() ? OfNode::iterator() : of_node->second.find(id);
  if (of_node == tunnels_.end() || at == of_node->second.end() || !at->second->told ||
      std::exchange(at->second->answered, true)) {
    co_return permission_denied("node {} was not asked for this", node);
  }
  const StateRef mine = at->second;
  const auto guard = gone.on_stop([mine] { mine->wake_later(); });
  mine->line = &line;
  mine->changed.notify();
  while (!mine->released && !gone.stopped()) (void)co_await mine->changed.wait();
  mine->line = nullptr;
  if (!mine->lost) mine->lost = mine->lost_by("the connection is gone");
  while (mine->inside > 0) (void)co_await mine->changed.wait();
  co_return Result<void>{};
}

void NodeReach::on_batch(const store::Batch& batch) {
  for (const store::Change& change : batch.changes) {
    index_.apply(change);
    const auto* after = std::get_if<model::Ref<model::Node>>(&change.after);
    if (!after || tunnels_.empty()) continue;
    if (!*after) {
      end_of_node(NodeId::of(store::id_of(change.before)), "was removed from the swarm");
    } else if ((*after)->status.state == NodeState::Down) {
      end_of_node((*after)->id, why_down(**after));
    }
  }
}

void NodeReach::end_of_node(const NodeId& node, std::string_view reason) {
  const auto at = tunnels_.find(node);
  if (at == tunnels_.end()) return;
  const OfNode ending = at->second;  // Each may take itself out.
  for (const auto& [id, tunnel] : ending) {
    tunnel->lose({ErrorCode::Unavailable, fmt::format("node {} {}", tunnel->name, reason)});
  }
}

void NodeReach::end_all(const Error& reason) {
  const std::map<NodeId, OfNode> ending = tunnels_;
  for (const auto& [node, of_node] : ending) {
    for (const auto& [id, tunnel] : of_node) tunnel->lose(reason);
  }
}

void NodeReach::forget(const State& state) {
  const auto at = tunnels_.find(state.node);
  if (at == tunnels_.end() || at->second.erase(state.id) == 0) return;
  --tunnel_count_;
  if (at->second.empty()) tunnels_.erase(at);
}

NodeReach::Tunnel::Tunnel(StateRef state, std::shared_ptr<NodeReach*> reach)
    : state_(std::move(state)), reach_(std::move(reach)) {}

NodeReach::Tunnel::~Tunnel() {
  if (*reach_) (*reach_)->forget(*state_);
  state_->released = true;
  if (!state_->finished) state_->stop();
  state_->wake_later();  // Not now: the handler takes the line with it.
}

os::Co<Result<std::optional<model::ReachOutput>>> NodeReach::Tunnel::read(os::StopToken stop) {
  const StateRef mine = state_;
  if (!mine->line) co_return std::unexpected(*mine->lost);
  Result<std::optional<model::ReachOutput>> output;
  {
    const Inside here(mine->inside, mine->changed);
    const auto guard = stop.on_stop([mine] { mine->stop(); });
    output = co_await mine->line->read();
    if (!output) output = std::unexpected(mine->explain(output.error()));
  }
  if (output && !*output) mine->finished = true;
  co_return output;
}

os::Co<Result<void>> NodeReach::Tunnel::write(model::ReachInput input, os::StopToken stop) {
  const StateRef mine = state_;
  if (!mine->line) co_return std::unexpected(*mine->lost);
  Result<void> written;
  {
    const Inside here(mine->inside, mine->changed);
    const auto guard = stop.on_stop([mine] { mine->stop(); });
    written = co_await mine->line->write(std::move(input));
    if (!written) written = std::unexpected(mine->explain(written.error()));
  }
  co_return written;
}

}  // namespace shoal::manager

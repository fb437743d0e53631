// Who is told what: the nodes that carry a network, their watches and the messages to them.
#include <utility>

#include "dispatcher/network_feed.h"
#include "dispatcher/network_feed_parts.h"

namespace shoal::dispatcher {

using model::NetworkId;
using model::NodeId;

bool NetworkFeed::takes_part(const Node& node, const NetworkId& network) const {
  return node.task_counts.contains(network) || (node.speaks_shoal() && ingress_.contains(network));
}

bool NetworkFeed::is_known(const NetworkId& network) const {
  const auto at = networks_.find(network);
  return at != networks_.end() && at->second.contents.contains({});
}

void NetworkFeed::refresh_carrier(const NodeId& id, Node& node, const NetworkId& network) {
  Network& to = network_of(network);
  const auto set = [&](auto& carriers, bool carries) {
    if (carries ? carriers.try_emplace(id, &node).second : carriers.erase(id) > 0) mark(id, node);
  };
  const bool carries = takes_part(node, network);
  bool gateways = carries && ingress_.contains(network) && node.task_counts.contains(network);
  if (carries && node.watch) {
    const auto told = node.watch->told.find(network);
    gateways |= told != node.watch->told.end() && told->second.all_gateways;
  }
  set(to.carriers, carries);
  set(to.gateway_carriers, gateways);
  drop_if_empty(network);
}

std::vector<NodeId> NetworkFeed::ready_carriers(const NetworkId& network) const {
  std::vector<NodeId> ready;
  const auto at = networks_.find(network);
  if (at == networks_.end()) return ready;
  for (const auto& [id, node] : at->second.carriers) {
    if (node->speaks_shoal() && node->stored->status.state == model::NodeState::Ready) {
      ready.push_back(id);
    }
  }
  return ready;
}

void NetworkFeed::watch(const NodeId& id, const model::SessionId& session) {
  end_watch(id);
  Node& node = nodes_.at(id);
  node.watch = Watch{.session = session, .told = {}};
  mark(id, node);
}

void NetworkFeed::end_watch(const NodeId& id) {
  const auto at = nodes_.find(id);
  if (at == nodes_.end() || !at->second.watch) return;
  landed(*at->second.watch);
  at->second.watch.reset();
  for (const NetworkId& network : ingress_) refresh_carrier(id, at->second, network);
}

Result<void> NetworkFeed::acknowledge(const NodeId& id, uint64_t version) {
  const auto at = nodes_.find(id);
  if (at == nodes_.end() || !at->second.watch) {
    return failed_precondition("the node watches no networks");
  }
  if (version > newest_message_) {
    return invalid_argument("version {} was never sent, {} is the newest", version,
                            newest_message_);
  }
  Watch& watch = *at->second.watch;
  if (version != watch.in_flight) return {};
  landed(watch);
  watch.in_flight = 0;
  if (std::exchange(watch.dirty, false)) mark(id, at->second);
  return {};
}

void NetworkFeed::mark(const NodeId& id, Node& node) {
  if (!node.watch || std::exchange(node.watch->dirty, true)) return;
  if (node.watch->in_flight != 0 || std::exchange(node.watch->queued, true)) return;
  queue_.push_back(id);
}

void NetworkFeed::mark_carriers() {
  for (const NetworkId& network : std::exchange(changed_, {})) {
    const auto at = networks_.find(network);
    if (at == networks_.end()) continue;
    for (const auto& [id, node] : at->second.carriers) mark(id, *node);
  }
  for (const NetworkId& network : std::exchange(changed_gateways_, {})) {
    const auto at = networks_.find(network);
    if (at == networks_.end()) continue;
    for (const auto& [id, node] : at->second.gateway_carriers) mark(id, *node);
  }
}

void NetworkFeed::landed(Watch& watch) {
  in_flight_ -= std::exchange(watch.in_flight_records, 0);
}

void NetworkFeed::lose_patience(Time now) {
  for (; !flights_.empty() && flights_.front().since + kFeedPatience <= now; flights_.pop_front()) {
    const auto at = nodes_.find(flights_.front().node);
    if (at == nodes_.end() || !at->second.watch) continue;
    if (at->second.watch->in_flight == flights_.front().version) landed(*at->second.watch);
  }
}

std::optional<Time> NetworkFeed::next_deadline() const {
  if (!changed_.empty() || !changed_gateways_.empty()) return Time{};
  if (queue_.empty()) return std::nullopt;
  if (in_flight_ < kFeedInFlightMax) return Time{};
  return flights_.front().since + kFeedPatience;
}

void NetworkFeed::write_messages(Time now, std::vector<Outgoing>& out) {
  mark_carriers();
  lose_patience(now);
  size_t written = 0;
  while (!queue_.empty() && written < kFeedRecordsMax && in_flight_ < kFeedInFlightMax) {
    const NodeId id = queue_.front();
    queue_.pop_front();
    const auto at = nodes_.find(id);
    // It may stand there twice, from a session before.
    if (at == nodes_.end() || !at->second.watch) continue;
    if (!std::exchange(at->second.watch->queued, false)) continue;
    model::NetworksMessage message{.data_path_port = data_path_port_};
    if (!write(id, at->second, message)) continue;
    const size_t records = 1 + message.changes.size();
    written += records;
    in_flight_ += at->second.watch->in_flight_records = records;
    flights_.push_back({now, id, message.version});
    out.push_back({id, at->second.watch->session, std::move(message)});
  }
}

// False when there is nothing to say.
bool NetworkFeed::write(const NodeId& id, Node& node, model::NetworksMessage& message) {
  Watch& watch = *node.watch;
  watch.dirty = false;
  message.version = ++version_;
  if (!watch.complete_due && !write_changes(id, node, message.changes)) {
    watch.complete_due = true;
    message.changes.clear();
  }
  if (watch.complete_due) {
    watch.told.clear();
    (void)write_changes(id, node, message.changes);  // Nothing is too long ago.
    message.complete = true;
    watch.complete_due = false;
  }
  if (!message.complete && message.changes.empty()) return false;
  watch.in_flight = newest_message_ = message.version;
  return true;
}

// What the node was not told yet. False when that is not known: it was told too long ago.
bool NetworkFeed::write_changes(const NodeId& id, Node& node, std::vector<Journal::Record>& out) {
  std::erase_if(node.watch->told, [&](const auto& told) {
    const NetworkId& network = told.first;
    const bool left = !takes_part(node, network) || !is_known(network);
    if (left) out.push_back(model::share(model::NetworkGone{network}));
    return left;
  });
  std::set<NetworkId> networks;
  for (const auto& [network, count] : node.task_counts) networks.insert(network);
  if (node.speaks_shoal()) networks.insert(ingress_.begin(), ingress_.end());
  for (const NetworkId& network : networks) {
    if (is_known(network) && !write_network(id, node, network, out)) return false;
  }
  return true;
}

bool NetworkFeed::write_network(const NodeId& id, Node& node, const NetworkId& network,
                                std::vector<Journal::Record>& out) {
  const Network& from = networks_.at(network);
  const auto [at, joins] = node.watch->told.try_emplace(network);
  Watch::Told& told = at->second;
  if (joins) {
    from.contents.append_all(out);
  } else if (!from.contents.append_since(told.version, out)) {
    return false;
  }
  if (told.all_gateways) {
    if (!from.gateways.append_since(told.version, out)) return false;
  } else {
    // Its own; as one of all of them, unless it is gone.
    told.all_gateways = from.gateway_carriers.contains(id);
    const auto own = from.gateways.changed_since(id, told.version);
    if (own && !(told.all_gateways && from.gateways.contains(id))) out.push_back(own);
    if (told.all_gateways) from.gateways.append_all(out);
  }
  told.version = version_;
  return true;
}

}  // namespace shoal::dispatcher

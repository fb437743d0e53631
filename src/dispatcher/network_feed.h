// What each Shoal node is to know of the networks it takes part in (model/network_feed.h), from the
// durable state, and how far each one has come.
//
// A network's records are made once, when what they say changes, and shared by every message. Who
// carries a network is told by its Journal what changed since its last message: work is
// proportional to what changed, times the nodes that carry it; memory to the records.
//
// The tasks of a node that is down are in no network: whoever sent to them goes elsewhere at once,
// and what was open to them is over instead of hanging.
//
// In the ingress network every Shoal node takes part, but only a node that runs a task there has
// answers to send: it alone is told of the other nodes' own addresses. So a swarm that publishes
// nothing costs a node two records, however many nodes there are.
//
// Pure, part of the Dispatcher and driven by it. Thread: the control thread.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dispatcher/journal.h"
#include "dispatcher/outgoing.h"
#include "store/tables.h"

namespace shoal::dispatcher {

// Records that one call of write_messages() puts into messages before it leaves the rest for the
// next. A single message may hold more: a reference costs a few nanoseconds.
inline constexpr size_t kFeedRecordsMax = 50'000;
// Records on their way to all nodes together, so that what waits to be encoded and sent stays
// within some 200 MB; a message that is begun is sent whole. The others wait until nodes
// acknowledge, and for no node longer than kFeedPatience: then its message does not count any more.
inline constexpr size_t kFeedInFlightMax = 1'000'000;
inline constexpr Duration kFeedPatience = 2s;

class NetworkFeed {
 public:
  NetworkFeed();
  ~NetworkFeed();

  // Forgets every watch and every version.
  void reset(const store::Tables& tables);
  void on_change(const store::Change& change);

  // From now on messages for this session are made, the first one a complete one; also when the
  // node watches already.
  void watch(const model::NodeId& node, const model::SessionId& session);
  void end_watch(const model::NodeId& node);
  // The node has what the message of this version said. InvalidArgument for one that was never
  // sent, FailedPrecondition when the node watches nothing. Late repetitions are passed over.
  Result<void> acknowledge(const model::NodeId& node, uint64_t version);

  void write_messages(Time now, std::vector<Outgoing>& out);
  // When write_messages() is wanted next; unset: at once; empty: only after something happened.
  std::optional<Time> next_deadline() const;

  // Of the newest change; every message that is written later has a higher one and says it.
  uint64_t version() const { return version_; }
  // Of the newest message.
  uint64_t newest_message() const { return newest_message_; }
  // The READY nodes that take part in the network and speak our part of the protocol.
  std::vector<model::NodeId> ready_carriers(const model::NetworkId& network) const;

 private:
  struct Network;
  struct Node;
  struct Watch;
  struct Service;

  void on_network(const model::Ref<model::Network>& before,
                  const model::Ref<model::Network>& after);
  void on_node(const model::Ref<model::Node>& before, const model::Ref<model::Node>& after);
  void on_service(const model::Ref<model::Service>& before,
                  const model::Ref<model::Service>& after);
  void on_task(const model::Ref<model::Task>& before, const model::Ref<model::Task>& after);

  Network& network_of(const model::NetworkId& id);
  void drop_if_empty(const model::NetworkId& id);
  void set_ingress(const model::NetworkId& id, bool ingress);
  std::optional<model::NetworkId> find_network(const std::string& target) const;
  void put(const model::NetworkId& network, const Journal::Key& key, model::NetworkChange record);
  void remove(const model::NetworkId& network, const Journal::Key& key, model::NetworkChange gone);
  void put_gateways(const model::Ref<model::Node>& before, const model::Ref<model::Node>& after);
  void put_service(const model::ServiceId& id);
  std::map<model::NetworkId, model::ServiceView> views_of(const model::Service& service) const;
  void join(const model::Ref<model::Task>& task);
  void leave(const model::Task& task);
  void put_endpoints(const model::Task& task, const model::Ref<model::Node>& node);
  bool takes_part(const Node& node, const model::NetworkId& network) const;
  void refresh_carrier(const model::NodeId& id, Node& node, const model::NetworkId& network);

  void mark(const model::NodeId& id, Node& node);
  void landed(Watch& watch);
  void lose_patience(Time now);
  void mark_carriers();
  bool write(const model::NodeId& id, Node& node, model::NetworksMessage& message);
  bool write_changes(const model::NodeId& id, Node& node, std::vector<Journal::Record>& out);
  bool write_network(const model::NodeId& id, Node& node, const model::NetworkId& network,
                     std::vector<Journal::Record>& out);
  bool is_known(const model::NetworkId& network) const;

  uint32_t data_path_port_ = 4789;
  uint64_t version_ = 0;
  uint64_t newest_message_ = 0;
  std::map<model::NetworkId, Network> networks_;
  std::map<std::string, model::NetworkId, std::less<>> names_;
  std::set<model::NetworkId> ingress_;
  std::map<model::NodeId, Node> nodes_;
  std::map<model::ServiceId, Service> services_;
  std::set<model::NetworkId> changed_, changed_gateways_;  // their carriers are not marked yet
  std::deque<model::NodeId> queue_;  // nodes that get a message, the longest waiting first
  struct Flight {
    Time since;
    model::NodeId node;
    uint64_t version;
  };
  std::deque<Flight> flights_;  // in the order of time; some have landed
  size_t in_flight_ = 0;        // records
};

}  // namespace shoal::dispatcher

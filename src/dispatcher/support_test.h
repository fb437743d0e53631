// For the tests of the feed and of withdrawing: a dispatcher over a small store, with networks, and
// nodes that keep what they are told.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "dispatcher/dispatcher.h"
#include "store/testing.h"

namespace shoal::dispatcher {

using model::NetworkId;
using model::NodeId;
using model::TaskId;
using model::TaskState;

// What a node knows, from the messages that it got; one line a record: "net1 task web.1.a".
class Told {
 public:
  void apply(const model::NetworksMessage& message) {
    if (message.complete) records.clear();
    for (const auto& change : message.changes) {
      std::visit([this](const auto& value) { take(value); }, *change);
    }
  }
  std::vector<std::string> keys() const {
    std::vector<std::string> all;
    for (const auto& [key, record] : records) all.push_back(key);
    return all;
  }
  template <class View>
  const View& get(const std::string& key) const {
    return std::get<View>(*records.at(key));
  }
  bool serves(std::string_view network, std::string_view task) const {
    const auto at = records.find(fmt::format("{} task {}", network, task));
    return at != records.end() && std::get<model::EndpointView>(*at->second).serving;
  }

  std::map<std::string, model::Ref<model::NetworkChange>> records;

 private:
  template <class Id>
  static std::string key(const NetworkId& network, const char* kind, const Id& id) {
    return fmt::format("{} {} {}", network, kind, id);
  }
  template <class Value>
  void put(const std::string& at, const Value& value) {
    // A network comes before what is in it.
    const std::string network = at.substr(0, at.find(' '));
    EXPECT_TRUE(at == network || records.contains(network)) << at;
    records[at] = model::share(value);
  }
  void take(const model::NetworkView& v) { put(v.id.str(), v); }
  void take(const model::EndpointView& v) { put(key(v.network, "task", v.task), v); }
  void take(const model::ServiceView& v) { put(key(v.network, "service", v.service), v); }
  void take(const model::GatewayView& v) { put(key(v.network, "gateway", v.node), v); }
  void take(const model::EndpointGone& v) { records.erase(key(v.network, "task", v.task)); }
  void take(const model::ServiceGone& v) { records.erase(key(v.network, "service", v.service)); }
  void take(const model::GatewayGone& v) { records.erase(key(v.network, "gateway", v.node)); }
  void take(const model::NetworkGone& v) {
    std::erase_if(records, [prefix = v.network.str()](const auto& record) {
      return record.first == prefix || record.first.starts_with(prefix + " ");
    });
  }
};

class NetworksTest : public testing::Test {
 protected:
  void start() {
    watch.reset();
    sessions.clear();
    dispatcher.reset(swarm.read());
    watch = swarm.store().watch([this](const store::Batch& batch) { dispatcher.on_batch(batch); });
    settle();
  }

  // Commits plans until nothing is due at this moment, and notes what is sent.
  void settle() {
    for (int round = 0; round < 50; ++round) {
      for (auto& outgoing : dispatcher.take_outgoing()) note(std::move(outgoing));
      const auto due = dispatcher.next_deadline();
      if (!due || *due > swarm.now()) return;
      swarm.apply(dispatcher.plan(swarm.read(), swarm.now()));
    }
    FAIL() << "the dispatcher never comes to rest";
  }

  void shoal_node(std::string_view id) {
    swarm.node(id, [&](model::Node& node) {
      node.description.shoal_version = model::kShoalVersion;
      node.status.address = fmt::format("host-{}", id);
    });
  }
  void docker_node(std::string_view id) { swarm.node(id); }

  void network(std::string_view id, bool ingress = false) {
    model::Network network;
    network.id = NetworkId::of(id);
    network.spec.annotations.name = fmt::format("name-{}", id);
    network.spec.ingress = ingress;
    network.allocation = model::NetworkAllocation{
        .ipam = {{.subnet = "10.0.0.0/16", .range = {}, .gateway = "10.0.0.1", .auxiliary = {}}},
        .vni = 4100};
    swarm.create(network);
  }

  // A task "SERVICE.SLOT.x" with an address in each of the networks.
  std::string task(std::string_view service, TaskState state, std::string_view node,
                   std::initializer_list<std::string_view> networks) {
    const std::string id = swarm.task(service, ++slots, state, node)->id.str();
    swarm.edit_task(id, [&](model::Task& task) {
      for (const std::string_view network : networks) {
        task.networks.push_back({.network = NetworkId::of(network),
                                 .addresses = {fmt::format("10.0.1.{}/16", slots)},
                                 .aliases = {}});
      }
    });
    return id;
  }
  void stop(const std::string& task, TaskState to = TaskState::Shutdown) {
    swarm.edit_task(task, [&](model::Task& t) { t.desired_state = to; });
  }
  void observe(const std::string& task, TaskState state) {
    swarm.edit_task(task, [&](model::Task& t) { t.status.state = state; });
  }
  void node_state(std::string_view node, model::NodeState state) {
    swarm.edit_node(node, [&](model::Node& n) { n.status.state = state; });
  }

  // Opens a session and subscribes to everything.
  void join(std::string_view id) {
    const auto stored = swarm.node_ref(id);
    const auto session = dispatcher.open_session(
        stored->id, {.description = stored->description, .address = stored->status.address},
        swarm.now());
    ASSERT_TRUE(session) << session.error().message;
    sessions[std::string(id)] = *session;
    ASSERT_TRUE(dispatcher.subscribe(stored->id, *session));
    if (stored->description.shoal_version > 0) {
      ASSERT_TRUE(dispatcher.watch_networks(stored->id, *session));
    }
    settle();
  }
  void note(Outgoing outgoing) {
    const std::string node = outgoing.node.str();
    if (auto* message = std::get_if<model::NetworksMessage>(&outgoing.message)) {
      told[node].apply(*message);
      messages[node].push_back(std::move(*message));
    } else if (auto* assignments = std::get_if<model::AssignmentsMessage>(&outgoing.message)) {
      for (const auto& change : assignments->changes) {
        desired[change.task_id.str()] =
            change.task ? change.task->desired_state : TaskState::Remove;
      }
    }
  }
  // Acknowledges what the node got last.
  Result<void> acknowledge(std::string_view node) {
    const auto result = acknowledge(node, messages.at(std::string(node)).back().version);
    settle();
    return result;
  }
  Result<void> acknowledge(std::string_view node, uint64_t version) {
    return dispatcher.acknowledge_networks(NodeId::of(node),
                                           {sessions.at(std::string(node)), version});
  }
  void acknowledge_all() {
    for (const auto& [node, sent] : messages) EXPECT_TRUE(acknowledge(node));
  }
  void pass(Duration time) {
    swarm.advance(time);
    for (const auto& [node, session] : sessions) {
      (void)dispatcher.heartbeat(NodeId::of(node), session, swarm.now());
    }
    settle();
  }
  size_t count(const std::string& node) { return messages[node].size(); }

  store::Swarm swarm;
  Rng rng{1};
  Dispatcher dispatcher{rng};
  std::unique_ptr<store::Store::Watch> watch;
  std::map<std::string, model::SessionId> sessions;
  std::map<std::string, Told> told;
  std::map<std::string, std::vector<model::NetworksMessage>> messages;
  std::map<std::string, TaskState> desired;  // as each task's node was told last
  uint64_t slots = 0;
};

}  // namespace shoal::dispatcher

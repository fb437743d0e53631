// One node: the real agent over a simulated executor, and the link between it and the manager.
// Calls may be lost in either direction, late or doubled; what the manager sends arrives in order
// or the stream breaks, as on a TCP connection. Whatever fails ends the session; the agent opens a
// new one after a back-off. One that hears that its node was removed leaves for good, with its
// containers.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "agent/core/agent.h"
#include "sim/executor.h"
#include "sim/manager_host.h"
#include "sim/node_networks.h"

namespace shoal::sim {

// What the checkers see of a node's answers.
class NetworkObserver {
 public:
  virtual ~NetworkObserver() = default;
  // The manager has taken in that the node uses nothing older than this version.
  virtual void on_acknowledged(const model::NodeId& node, uint64_t version) = 0;
};

class AgentHost {
 public:
  AgentHost(model::NodeId node, VirtualLoop& loop, Rng& rng, const Faults& faults, Trace& trace,
            ManagerHost& manager, ContainerObserver& observer, NetworkObserver& acknowledgements);

  void start();
  // The agent's process ends and comes back after a while; its containers go on.
  void restart();
  // The whole node does; its containers are gone.
  void reboot();
  // Nothing passes between node and manager for so long.
  void cut_off(Duration time);
  void heal() { cut_until_ = {}; }

  // From the manager.
  void receive(const dispatcher::Outgoing& sent);

  const model::NodeId& node() const { return node_; }
  const Executor& executor() const { return executor_; }
  const NodeNetworks& networks() const { return networks_; }

 private:
  template <class T>
  using Call = std::function<Result<T>(dispatcher::Dispatcher&, const store::Tables&)>;
  template <class T>
  using Reply = std::function<void(const Result<T>&)>;

  bool is_cut_off() const { return loop_.now() < cut_until_; }
  bool is_lost();
  // Runs on this life of the agent only.
  void later(Duration delay, std::function<void()> action);
  template <class T>
  void call(Call<T> request, Reply<T> reply);

  void begin_life();
  void end_life(Duration away, std::string_view why);
  void connect();
  void lose_session(std::string_view why);
  void leave();
  void notice_broken_stream(Duration delay);
  void deliver(const dispatcher::Outgoing& outgoing);
  void on_message(const model::SessionMessage& message);
  void on_message(const model::AssignmentsMessage& message);
  void on_message(const model::NetworksMessage& message);
  void on_message(const dispatcher::SessionEnd& message);
  void subscribe();
  void watch_networks();
  void apply_networks();
  void acknowledge_networks(const model::SessionId& session, uint64_t version);
  void beat();
  void wake();
  void work();

  model::NodeId node_;
  VirtualLoop& loop_;
  Rng& rng_;
  const Faults& faults_;
  Trace& trace_;
  ManagerHost& manager_;
  NetworkObserver& acknowledgements_;
  Executor executor_;
  NodeNetworks networks_;

  std::unique_ptr<agent::Agent> agent_;  // null while the process is away
  uint64_t life_ = 0;                    // guards events of an earlier process
  uint64_t connection_ = 0;              // and those of an earlier session
  model::SessionId session_;             // empty while there is none
  model::SessionId last_session_;        // asked for again
  // What the agent was told and the kernel does not have yet, each with its session.
  std::deque<std::pair<model::SessionId, model::NetworksMessage>> untold_;
  bool applying_ = false;
  model::SessionId broken_;  // a message of that session's stream was lost
  Duration back_off_{0};
  Time stream_arrival_;  // of the last message on its way here
  Time cut_until_;
  bool woken_ = false;
  Time alarm_ = Time::max();
};

}  // namespace shoal::sim

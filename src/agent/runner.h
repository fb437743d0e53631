// Runner: the agent at work on the control loop. It keeps a session with a manager (opening a new
// one after a back-off of 100 ms to 8 s), beats, hands messages to the core, carries out what the
// core asks, and sends its reports. Without a manager the containers go on.
//
// Lives as long as the node is in a swarm; stop() first, then destroy once the loop has run what
// was posted before.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/core/agent.h"
#include "agent/executor.h"
#include "agent/link.h"
#include "agent/network_updates.h"
#include "base/log.h"
#include "base/rng.h"
#include "os/loop.h"
#include "os/sync.h"

namespace shoal::agent {

inline constexpr Duration kSessionBackoffMin = 100ms;
inline constexpr Duration kSessionBackoffMax = 8s;
// How often the node's description is compared with what was sent (as Docker Engines do).
inline constexpr Duration kDescriptionRefresh = 20s;

class Runner final : private Listener {
 public:
  Runner(os::Loop& loop, Link& link, Executor& executor, Rng& rng, Log& log);
  ~Runner() override;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // Sees every message of a session, after the agent did; before start().
  using Watcher = std::function<void(const model::SessionMessage&)>;
  void watch_sessions(Watcher watcher) { watcher_ = std::move(watcher); }
  // What the node says of its certificate, from now on; a manager is told at once.
  void show_tls(model::TlsInfo tls);
  // Where other nodes reach this one's overlays, when it is not where they reach the node; before
  // start().
  void set_data_path_address(std::string address) { data_path_address_ = std::move(address); }
  // Why the last session ended or could not be opened; empty while there is one.
  const std::string& failure() const { return failure_; }
  // The manager said at last that this node is not one of its swarm; its containers were removed.
  bool removed() const { return removed_; }

  // Adopts what runs and begins.
  void start();
  // Ends the session and every wait. Containers go on. Completes once nothing of it is under way.
  os::Co<> stop();

  const Agent& core() const { return core_; }

 private:
  os::Co<> keep_session();
  os::Co<Result<void>> one_session(Duration& backoff);
  // Until `stop`; then they set `done`.
  os::Co<> beat(model::SessionId session, os::StopToken stop, os::OneShot<bool> done);
  os::Co<> refresh_description(model::SessionId session, os::StopToken stop,
                               os::OneShot<bool> done);
  os::Co<> subscribe(model::SessionId session);
  os::Co<> begin(model::SessionId session);
  os::Co<> acknowledge(model::NetworksAck ack);
  os::Co<> send(std::vector<model::StatusUpdate> reports);
  // Steps the core and carries out what it asks; at most once per turn of the loop.
  void pump_soon();
  void pump();
  void end_session(Error reason);

  void on_session(const model::SessionMessage& message) override;
  void on_assignments(const model::AssignmentsMessage& message) override;
  void on_networks(const model::NetworksMessage& message) override;
  void on_end(const Error& reason) override;

  os::Loop& loop_;
  Link& link_;
  Executor& executor_;
  Rng& rng_;
  Log& log_;
  Agent core_;
  NetworkUpdates networks_;

  os::Co<model::NodeDescription> describe();

  Watcher watcher_;
  model::TlsInfo tls_;
  std::string data_path_address_;
  os::StopSource refresh_;  // ends the present wait before a refresh of the description
  std::string failure_;
  bool removed_ = false;
  model::SessionId session_;          // empty while there is none
  model::SessionId last_session_;     // offered to the manager when a new one is opened
  model::NodeDescription described_;  // as sent last
  os::OneShot<Error> session_over_;
  os::StopSource stopping_;
  os::OneShot<bool> finished_;
  bool started_ = false;
  bool pump_queued_ = false;
  std::unique_ptr<os::Loop::Timer> deadline_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // false once destroyed
};

}  // namespace shoal::agent

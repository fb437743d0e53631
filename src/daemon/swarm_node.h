// SwarmNode: this node's place in a swarm. Outside one it is idle; `init` makes it the manager and
// first worker of a new one; a restart of the daemon resumes; `leave` ends it.
//
//   data_root/swarm/node.json   the node's id and address; written last and removed first: without
//                               it the rest is half a swarm and goes
//   data_root/swarm/state.db    the manager's store, sealed with data.key
//   data_root/swarm/certificates/swarm-root-ca.crt
//
// Control thread. Lives as long as the daemon; call stop() before the loop ends.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/container_executor.h"
#include "agent/runner.h"
#include "api/swarm_backend.h"
#include "daemon/local_link.h"
#include "manager/manager.h"

namespace shoal::daemon {

class SwarmNode final : public api::SwarmBackend {
 public:
  struct Machine {
    os::Loop& loop;
    Rng& rng;
    Log& log;
    containers::Containers& containers;
    agent::ContainerExecutor& executor;
    std::string data_root;
    std::string bridge;  // never advertised
  };
  explicit SwarmNode(Machine machine);
  ~SwarmNode() override;

  // Sees every durable change of the swarm's store while this node manages it. Before resume().
  void on_change(store::Store::Watcher watcher) { watcher_ = std::move(watcher); }
  // Continues where the last daemon stopped. An error in the state is kept as error() and logged:
  // the daemon then serves everything but the swarm.
  void resume();
  // The agent's session ends, the store is closed; containers go on.
  os::Co<> stop();

  api::LocalNodeState state() const override;
  std::string error() const override { return error_; }
  model::NodeId node_id() const override;
  std::string node_address() const override;
  std::vector<api::RemoteManager> remote_managers() const override;
  store::Store* store() override;
  std::string store_error() const override;
  model::NodeId leader() const override { return node_id(); }
  Rng& rng() override { return machine_.rng; }
  os::Co<Result<model::NodeId>> init(api::InitRequest request) override;
  os::Co<Result<void>> join(api::JoinRequest request) override;
  os::Co<Result<void>> leave(bool force) override;
  os::Co<Result<void>> unlock(std::string key) override;
  Result<std::string> unlock_key() override;
  Result<std::string> make_join_token(const model::Cluster& cluster) override;

 private:
  // What node.json holds.
  struct Identity {
    model::NodeId id;
    std::string address;
    std::string manager_address;
  };
  // All that exists only while the node is in a swarm; destroyed from the last to the first.
  struct Membership {
    Identity identity;
    std::unique_ptr<manager::Manager> manager;
    std::unique_ptr<LocalLink> link;
    std::unique_ptr<agent::Runner> runner;
  };

  Result<std::optional<Identity>> read_identity() const;
  Result<void> write_identity(const Identity& identity) const;
  std::unique_ptr<manager::Manager> make_manager();
  Result<void> begin(Identity identity, std::unique_ptr<manager::Manager> manager);
  os::Co<Result<Identity>> found_swarm(api::InitRequest request, manager::Manager& manager);
  os::Co<> remove_half_swarm();
  // All but the identity: the tasks' containers, the state.
  os::Co<Result<void>> remove_remains();
  os::Co<> remove_task_containers();
  std::string folder() const { return machine_.data_root + "/swarm"; }
  std::string identity_path() const { return folder() + "/node.json"; }

  Machine machine_;
  store::Store::Watcher watcher_;
  std::optional<Membership> membership_;
  bool changing_ = false;  // an init or leave is under way
  std::string error_;
};

}  // namespace shoal::daemon

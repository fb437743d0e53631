// SwarmNode: this node's place in a swarm. Outside one it is idle; `init` makes it the manager and
// first worker of a new one, `join` a worker of one that exists; a restart of the daemon resumes;
// `leave` ends it.
//
// What it keeps is in SwarmFolder, what runs while it is a member is a Membership. Control thread.
// Lives as long as the daemon; call stop() before the loop ends.
#pragma once

#include <memory>
#include <string>

#include "agent/container_executor.h"
#include "agent/log_source.h"
#include "agent/reach_host.h"
#include "api/swarm_backend.h"
#include "daemon/addresses.h"
#include "daemon/membership.h"
#include "daemon/swarm_folder.h"
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
    agent::Attachments& attachments;
    agent::LogSource& logs;
    std::string data_root;
    std::string bridge;  // never advertised
  };
  explicit SwarmNode(Machine machine);
  ~SwarmNode() override;

  // Sees every durable change of the swarm's store while this node manages it. Before resume().
  void on_change(store::Store::Watcher watcher) { watcher_ = std::move(watcher); }
  // Answers what clients of a manager ask about this node's tasks; until stop(). Before resume().
  void answer_with(agent::ReachHost& host) { reach_host_ = &host; }
  // Continues where the last daemon stopped. An error in the state is kept as error() and logged:
  // the daemon then serves everything but the swarm.
  void resume();
  // The daemon is about to stop: a join that waits for others ends now, with Cancelled.
  void hurry_up() { ending_.stop(); }
  // The agent's session ends, the store is closed; containers go on.
  os::Co<> stop();

  api::LocalNodeState state() const override;
  std::string error() const override;
  model::NodeId node_id() const override;
  std::string node_address() const override;
  std::vector<api::RemoteManager> remote_managers() const override;
  store::Store* store() override;
  std::string store_error() const override;
  manager::LogBroker* log_broker() override;
  manager::NodeReach* node_reach() override;
  model::NodeId leader() const override;
  Rng& rng() override { return machine_.rng; }
  os::Co<Result<model::NodeId>> init(api::InitRequest request) override;
  os::Co<Result<void>> join(api::JoinRequest request) override;
  os::Co<Result<void>> leave(bool force) override;
  os::Co<Result<void>> unlock(std::string key) override;
  Result<std::string> unlock_key() override;
  Result<std::string> make_join_token(const model::Cluster& cluster) override;
  os::Co<Result<model::RootRotation>> make_root_rotation(const model::Cluster& cluster,
                                                         std::string certificate,
                                                         std::string key) override;

 private:
  std::unique_ptr<manager::Manager> make_manager();
  manager::Manager* manager() const { return membership_ ? membership_->manager() : nullptr; }
  Result<void> resume_member(const NodeRecord& record);
  Result<void> resume_manager(const NodeRecord& record);
  Result<void> resume_worker(const NodeRecord& record);
  os::Co<Result<void>> try_join(api::JoinRequest request);
  os::Co<bool> meet_manager(os::StopToken stop);
  // The node's certificate, made anew when the one in the folder is missing or can no longer be
  // shown: the node manages the swarm and has its root's key.
  Result<rpc::CredentialsPem> own_credentials(const NodeRecord& record, manager::Manager& manager);
  Result<void> begin(NodeRecord record, std::unique_ptr<manager::Manager> manager,
                     rpc::CredentialsPem credentials);
  os::Co<Result<model::NodeId>> try_init(api::InitRequest request);
  os::Co<Result<rpc::CredentialsPem>> found_swarm(api::InitRequest request,
                                                  const SwarmAddresses& addresses,
                                                  const NodeRecord& record,
                                                  manager::Manager& manager);
  os::Co<> remove_half_swarm();
  os::Co<Result<void>> remove_remains();
  os::Co<> remove_task_containers();

  Machine machine_;
  const SwarmFolder folder_;
  store::Store::Watcher watcher_;
  agent::ReachHost* reach_host_ = nullptr;
  std::shared_ptr<Membership> membership_;  // shared with who waits for it
  bool changing_ = false;                   // an init, join or leave is under way
  bool joining_ = false;                    // since `join`, until a manager has answered
  os::StopSource ending_;                   // the daemon is about to stop
  std::string error_;
};

}  // namespace shoal::daemon

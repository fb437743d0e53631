// Membership: all that runs only while the node is in a swarm: the agent with its connection to a
// manager and, on a manager, the control plane with its port for nodes.
//
// A manager's own agent speaks to it over loopback. A worker goes on to another manager when one
// does not answer, and keeps the list that managers send in its folder.
//
// Control thread. Owned by a shared_ptr. begin() once, then stop() before the end.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/attachments.h"
#include "agent/certificate.h"
#include "agent/executor.h"
#include "agent/log_source.h"
#include "agent/reach_gate.h"
#include "agent/remotes.h"
#include "agent/rpc_link.h"
#include "agent/runner.h"
#include "daemon/swarm_folder.h"
#include "manager/manager.h"
#include "manager/serve/node_protocol.h"

namespace shoal::daemon {

class Membership : public std::enable_shared_from_this<Membership> {
 public:
  struct Machine {
    os::Loop& loop;
    Rng& rng;
    Log& log;
    agent::Executor& executor;
    agent::Attachments& attachments;
    agent::LogSource& logs;
    containers::Containers& containers;
    agent::ReachHost& reach;
  };
  // `manager` is open, and null on a worker. `credentials` are those in the folder.
  Membership(Machine machine, SwarmFolder folder, NodeRecord record,
             std::unique_ptr<manager::Manager> manager,
             const std::shared_ptr<rpc::Credentials>& credentials);

  // Listens, and starts the agent. Unavailable when the address cannot be listened on.
  Result<void> begin(rpc::CredentialsPem present);
  // Sessions and calls end; containers go on. Returns when nothing of it runs any more.
  os::Co<> stop();

  const NodeRecord& record() const { return record_; }
  // Null on a worker.
  manager::Manager* manager() const { return manager_.get(); }

  // A manager has answered since begin().
  bool met_manager() const { return met_manager_; }
  // Waits for that; false when `stop` came first, or the end.
  os::Co<bool> meet_manager(os::StopToken stop);
  // Why there is no session with a manager now; empty while there is one.
  const std::string& failure() const { return runner_.failure(); }
  bool removed() const { return runner_.removed(); }

 private:
  void on_session(const model::SessionMessage& message);
  os::Co<> keep_managers();
  os::Co<> trust(std::string roots);
  void show(const rpc::CredentialsPem& present);
  os::Co<Result<void>> install(rpc::CredentialsPem fresh);

  Machine machine_;
  const SwarmFolder folder_;
  NodeRecord record_;
  std::shared_ptr<rpc::Credentials> credentials_;
  std::unique_ptr<manager::Manager> manager_;
  std::optional<manager::NodeProtocol> protocol_;
  agent::Remotes remotes_;
  agent::ReachGate gate_;
  agent::RpcLink link_;
  agent::CertificateRenewal renewal_;
  agent::Runner runner_;
  bool met_manager_ = false;
  bool stopping_ = false;
  os::Signal met_;
  bool keeping_ = false;  // the list of managers is being written
  bool keep_again_ = false;
  os::Signal kept_;
};

}  // namespace shoal::daemon

// Membership: all that runs only while the node is in a swarm: the manager with its port for nodes,
// and the agent with its connection to the manager, also when that is this very node.
//
// Control thread. begin() once, then stop() before the end.
#pragma once

#include <memory>
#include <string>

#include "agent/certificate.h"
#include "agent/executor.h"
#include "agent/log_source.h"
#include "agent/rpc_link.h"
#include "agent/runner.h"
#include "daemon/swarm_folder.h"
#include "manager/manager.h"
#include "manager/serve/node_protocol.h"

namespace shoal::daemon {

class Membership {
 public:
  struct Machine {
    os::Loop& loop;
    Rng& rng;
    Log& log;
    agent::Executor& executor;
    agent::LogSource& logs;
  };
  // `manager` is open. `credentials` are those in the folder.
  Membership(Machine machine, SwarmFolder folder, NodeRecord record,
             std::unique_ptr<manager::Manager> manager,
             const std::shared_ptr<rpc::Credentials>& credentials);

  // Listens, and starts the agent. Unavailable when the address cannot be listened on.
  Result<void> begin(rpc::CredentialsPem present);
  // Sessions and calls end; containers go on. Returns when nothing of it runs any more.
  os::Co<> stop();

  const NodeRecord& record() const { return record_; }
  manager::Manager& manager() const { return *manager_; }

 private:
  os::Co<Result<void>> install(rpc::CredentialsPem fresh);

  Machine machine_;
  const SwarmFolder folder_;
  const NodeRecord record_;
  std::shared_ptr<rpc::Credentials> credentials_;
  std::unique_ptr<manager::Manager> manager_;
  manager::NodeProtocol protocol_;
  agent::RpcLink link_;
  agent::CertificateRenewal renewal_;
  agent::Runner runner_;
};

}  // namespace shoal::daemon

// Service: the API of this node: every handler on one router, and the server before it.
//
// Control thread. Made after the machine and the swarm node, closed before them.
#pragma once

#include <memory>

#include "agent/container_executor.h"
#include "agent/network_checker.h"
#include "daemon/flags.h"
#include "daemon/machine.h"
#include "daemon/swarm_node.h"

namespace shoal::daemon {

class Service {
 public:
  Service(const Flags& flags, Machine& machine, const agent::NodeNetworks& networks,
          SwarmNode& swarm, agent::NetworkChecker& checker, Log& log);
  ~Service();

  // Binds every address; the first that cannot be bound is the error.
  Result<void> listen();
  // Ends every request and connection.
  os::Co<> close();

 private:
  struct Handlers;
  const Flags& flags_;
  std::unique_ptr<Handlers> handlers_;
};

}  // namespace shoal::daemon

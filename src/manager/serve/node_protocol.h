// NodeProtocol: the manager's port for nodes (2377). The five services of docker.swarmkit.v1 that a
// node needs, and Shoal's own Networks and Reach, over TLS that shows the manager's certificate.
//
// Control thread. The manager and the credentials outlive it; call close() before its end.
#pragma once

#include <memory>
#include <string>

#include "manager/serve/attachments_service.h"
#include "manager/serve/ca_service.h"
#include "manager/serve/dispatcher_service.h"
#include "manager/serve/log_service.h"
#include "manager/serve/networks_service.h"
#include "manager/serve/peers.h"
#include "manager/serve/reach_service.h"
#include "rpc/server.h"

namespace shoal::manager {

class NodeProtocol {
 public:
  NodeProtocol(os::Loop& loop, Rng& rng, Log& log, Manager& manager,
               std::shared_ptr<rpc::Credentials> credentials);

  // "0.0.0.0:2377", "[::]:2377". Unavailable when the address is taken or not ours.
  Result<void> listen(const std::string& address) { return server_.listen(address); }
  uint16_t port() const { return server_.port(); }
  // Every session ends; returns when no call runs any more.
  os::Co<> close();

 private:
  Peers peers_;
  NetworksService networks_;
  DispatcherService dispatcher_;
  CaService ca_;
  LogService logs_;
  ReachService reach_;
  AttachmentsService attachments_;
  rpc::Server server_;
};

}  // namespace shoal::manager

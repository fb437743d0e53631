// The Networks service of the node protocol (shoal.v1.Networks, Shoal's own): tells the nodes of
// their networks and takes in their acknowledgements, beside the Dispatcher service and with the
// same rules of who may call.
//
// A Watch stream belongs to a session and ends with it; one that ends alone ends nothing.
//
// Thread: the control thread. Outlives the calls that run.
#pragma once

#include <map>
#include <string>

#include "manager/manager.h"
#include "manager/serve/outbox.h"
#include "manager/serve/peers.h"
#include "rpc/server.h"

namespace shoal::manager {

class NetworksService {
 public:
  NetworksService(os::Loop& loop, Manager& manager, const Peers& peers)
      : loop_(loop), manager_(manager), peers_(peers) {}

  void add_to(rpc::Server& server);

  // From the dispatcher; to nobody when the session has no stream.
  void send(const model::NodeId& node, const model::SessionId& session,
            model::NetworksMessage message);
  // The node's session is over.
  void end(const model::NodeId& node, const Error& reason);
  void end_all(const Error& reason);

 private:
  using NetworksOutbox = Outbox<model::NetworksMessage>;
  struct Stream {
    model::SessionId session;
    NetworksOutbox* outbox = nullptr;
  };

  os::Co<Result<void>> watch(rpc::Call& call);
  os::Co<Result<std::string>> acknowledge(const rpc::Call& call, std::string request);

  os::Loop& loop_;
  Manager& manager_;
  const Peers& peers_;
  std::map<model::NodeId, Stream> streams_;
};

}  // namespace shoal::manager

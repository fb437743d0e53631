// The Reach service of the node protocol, Shoal's own: nodes listen for requests of this manager's
// clients and answer each on a call of its own (node_reach.h).
//
// Thread: the control thread. Outlives the calls that run.
#pragma once

#include "manager/node_reach.h"
#include "manager/serve/peers.h"
#include "rpc/server.h"

namespace shoal::manager {

class ReachService {
 public:
  ReachService(os::Loop& loop, NodeReach& reach, const Peers& peers)
      : loop_(loop), reach_(reach), peers_(peers) {}

  void add_to(rpc::Server& server);

 private:
  os::Co<Result<void>> listen(rpc::Call& call);
  os::Co<Result<void>> carry(rpc::Call& call);

  os::Loop& loop_;
  NodeReach& reach_;
  const Peers& peers_;
};

}  // namespace shoal::manager

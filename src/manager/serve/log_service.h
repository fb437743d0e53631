// The LogBroker service of the node protocol: nodes listen for subscriptions and publish the lines
// that were asked for (log_broker.h).
//
// Thread: the control thread. Outlives the calls that run.
#pragma once

#include "manager/log_broker.h"
#include "manager/serve/peers.h"
#include "rpc/server.h"

namespace shoal::manager {

class LogService {
 public:
  LogService(os::Loop& loop, LogBroker& broker, const Peers& peers)
      : loop_(loop), broker_(broker), peers_(peers) {}

  void add_to(rpc::Server& server);

 private:
  os::Co<Result<void>> listen_subscriptions(rpc::Call& call);
  os::Co<Result<void>> publish_logs(rpc::Call& call);

  os::Loop& loop_;
  LogBroker& broker_;
  const Peers& peers_;
};

}  // namespace shoal::manager

// LogPublications: the agent's side of the node protocol's LogBroker. For one session it listens to
// what the manager wants of the logs here, and publishes that, each subscription on a call of its
// own, at the speed at which the manager takes it.
//
// Control thread. Lives as long as the link; run() at most once at a time.
#pragma once

#include <map>

#include "agent/log_source.h"
#include "os/loop.h"
#include "rpc/client.h"

namespace shoal::agent {

class LogPublications {
 public:
  LogPublications(rpc::Channel& channel, LogSource& source) : channel_(channel), source_(source) {}

  // Until `stop` or the end of the manager's stream, whose error it returns; then every publication
  // ends too. Success when the manager has no LogBroker.
  os::Co<Result<void>> run(os::StopToken stop);

 private:
  os::Co<Result<void>> listen(os::StopToken stop);
  os::Co<> publish(model::LogSubscription what, os::StopToken stop);
  os::Co<Result<void>> carry(model::LogSubscription what, os::StopToken stop);

  rpc::Channel& channel_;
  LogSource& source_;
  std::map<model::LogSubscriptionId, os::StopSource> running_;
  os::Signal ended_;  // one of them has
};

}  // namespace shoal::agent

// LogSource: reads the logs of this node's tasks for those who asked a manager for them.
//
// Control thread. ContainerLogs is the real one; it outlives every read().
#pragma once

#include <functional>
#include <vector>

#include "containers/containers.h"
#include "model/log_protocol.h"
#include "os/co.h"
#include "os/sync.h"

namespace shoal::agent {

class LogSource {
 public:
  virtual ~LogSource() = default;
  // Takes the next lines, at least one; an error ends the reading.
  using Sink = std::function<os::Co<Result<void>>(std::vector<model::LogMessage>)>;
  // Carries the lines of every selected task's container that is here, merged as they come. With
  // follow, containers that start later join in, and it goes on until `stop`. The error is the
  // sink's; Cancelled after `stop`.
  virtual os::Co<Result<void>> read(model::LogSubscription what, Sink sink, os::StopToken stop) = 0;
};

class ContainerLogs final : public LogSource {
 public:
  explicit ContainerLogs(containers::Containers& containers);
  os::Co<Result<void>> read(model::LogSubscription what, Sink sink, os::StopToken stop) override;

 private:
  containers::Containers& containers_;
  os::Signal started_;  // there may be containers that were not there before
};

}  // namespace shoal::agent

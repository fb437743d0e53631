// Executor: what carries out the operations of the agent's core. container_executor.h is the real
// one; tests use their own.
#pragma once

#include <functional>
#include <vector>

#include "agent/core/executor_ops.h"
#include "model/network_feed.h"
#include "model/node.h"
#include "os/co.h"

namespace shoal::agent {

class Executor {
 public:
  virtual ~Executor() = default;

  // Where outcomes go, from then on; on the control thread, never from within run().
  virtual void on_outcome(std::function<void(Outcome)> handler) = 0;
  // The node's own record, whenever it changed: templates in specs may name it.
  virtual void on_node(const model::Ref<model::Node>& node) = 0;
  // A task that is assigned here, before any operation for it; again for one that was found().
  virtual void on_task(const model::Ref<model::Task>& task) = 0;
  // Starts an operation and returns; its outcome comes later.
  virtual void run(Operation operation) = 0;
  // The tasks' containers that are there at the start.
  virtual std::vector<FoundContainer> found() = 0;
  // Makes the node's networks as the message says and returns when its kernel and its names have
  // it: from then on nothing older is in use. Also what was carried out before, again. One at a
  // time. An error: it is to be tried again as a whole, or with everything.
  virtual os::Co<Result<void>> apply_networks(const model::NetworksMessage& message) = 0;
  // What this machine is and has.
  virtual os::Co<model::NodeDescription> describe() = 0;
};

}  // namespace shoal::agent

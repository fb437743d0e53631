// Attachments: the containers of this node that users attach to overlay networks of the swarm by
// themselves (`docker run --network`, `docker network connect`).
//
// A manager makes a task of each, without a service and with the container's addresses. Here such a
// task runs nothing: it is prepared when the container waits for it, and ends with the container's
// leaving. Control thread. Lives as long as the daemon.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/core/executor_ops.h"
#include "agent/node_networks.h"
#include "base/log.h"
#include "containers/attacher.h"
#include "containers/containers.h"
#include "model/attach_protocol.h"

namespace shoal::agent {

// How long a container that starts waits for a manager and for its network, as in Docker.
inline constexpr Duration kAttachedWithin = 20s;
// Between two questions while no manager answers.
inline constexpr Duration kAttachAgainEvery = 500ms;

class Attachments final : public containers::Attacher {
 public:
  // What a manager is asked (RpcLink has them). While the node is in a swarm.
  struct Manager {
    std::function<os::Co<Result<model::TaskId>>(model::AttachRequest)> attach;
    std::function<os::Co<Result<void>>(model::TaskId)> detach;
  };
  Attachments(os::Loop& loop, Log& log, NodeNetworks& networks)
      : loop_(loop), log_(log), networks_(networks) {}

  void on_outcome(std::function<void(Outcome)> handler) { handler_ = std::move(handler); }
  // Empty functions: no longer in a swarm.
  void ask(Manager manager);
  // The daemon has started: without a manager to ask by now, the node is in no swarm. Containers
  // that are started again before wait for that.
  void ready() { ready_ = true; }

  os::Co<Result<model::NetworkConnection>> attach(std::string container_id,
                                                  std::vector<std::string> names,
                                                  model::NetworkConnection asked,
                                                  os::StopToken stop) override;
  void detach(const std::string& attachment) override;

  // The agent's operations, as an Executor's; of tasks that are attachments.
  bool concerns(const Operation& operation) const;
  Result<Outcome> perform(const Operation& operation);
  // Those that an earlier daemon made, whose containers run.
  std::vector<FoundContainer> found(const containers::Containers& containers);
  // The node has left its swarm.
  void forget_all() { held_.clear(); }

 private:
  using Attached = Result<model::NetworkConnection>;
  os::Co<Result<model::TaskId>> ask_until(model::AttachRequest request, os::StopToken over);
  os::Co<Attached> await_assignment(const model::TaskId& id, model::NetworkConnection asked,
                                    os::StopToken over);
  void give_back(const model::TaskId& id);
  os::Co<> release(model::TaskId id);

  os::Loop& loop_;
  Log& log_;
  NodeNetworks& networks_;
  Manager manager_;
  bool ready_ = false;
  std::function<void(Outcome)> handler_ = [](const Outcome&) {};
  std::multiset<std::string> waiting_;         // containers that are about to be attached
  std::map<model::TaskId, std::string> held_;  // attachments of containers here
  std::map<model::TaskId, model::Ref<model::Task>> assigned_;
  os::Signal changed_;  // assigned_ has one more
};

}  // namespace shoal::agent

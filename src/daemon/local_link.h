// LocalLink: the agent of the manager's own node, linked to the dispatcher in process.
//
// Control thread. Messages are handed over in a later turn of the loop, never from within a call,
// just as if they came over the network.
#pragma once

#include <memory>

#include "agent/link.h"
#include "manager/manager.h"

namespace shoal::daemon {

class LocalLink final : public agent::Link, private manager::Manager::Sessions {
 public:
  LocalLink(os::Loop& loop, manager::Manager& manager, model::NodeId node, std::string address);
  ~LocalLink() override;

  os::Co<Result<model::SessionId>> open(model::SessionRequest request,
                                        agent::Listener& listener) override;
  os::Co<Result<void>> subscribe(model::SessionId session) override;
  os::Co<Result<Duration>> heartbeat(model::SessionId session) override;
  os::Co<Result<void>> report(model::SessionId session,
                              std::vector<model::StatusUpdate> updates) override;
  void close(model::SessionId session) override;

 private:
  void send(dispatcher::Outgoing message) override;
  void end_all(const Error& reason) override;
  void deliver(const dispatcher::Outgoing& message);

  os::Loop& loop_;
  manager::Manager& manager_;
  const model::NodeId node_;
  const std::string address_;
  agent::Listener* listener_ = nullptr;  // null while no session is open
  model::SessionId session_;             // what the listener listens to
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace shoal::daemon

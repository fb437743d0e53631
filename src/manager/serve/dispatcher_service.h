// The Dispatcher service of the node protocol (wire.md, "Sequence"): sessions, heartbeats,
// assignments and task statuses of the nodes, carried to and from the dispatcher of the term.
//
// Every call comes from a node that Peers has let in; the node is the one its certificate names.
// A session is a stream: when it ends, so does the session, unless the node has opened another
// stream for the same one meanwhile (it does so to renew its description).
//
// Thread: the control thread. Outlives the calls that run.
#pragma once

#include <map>
#include <string>

#include "manager/manager.h"
#include "manager/serve/networks_service.h"
#include "manager/serve/outbox.h"
#include "manager/serve/peers.h"
#include "rpc/server.h"

namespace shoal::manager {

class DispatcherService final : public Manager::Sessions {
 public:
  // `networks` outlives it: what the dispatcher says of networks goes out there.
  DispatcherService(os::Loop& loop, Manager& manager, const Peers& peers,
                    NetworksService& networks);
  ~DispatcherService() override;

  void add_to(rpc::Server& server);

  void send(dispatcher::Outgoing message) override;
  void end_all(const Error& reason) override;

 private:
  using SessionOutbox = Outbox<model::SessionMessage>;
  using AssignmentsOutbox = Outbox<model::AssignmentsMessage>;
  // The streams of one node; null where there is none.
  struct Streams {
    model::SessionId session;
    SessionOutbox* messages = nullptr;
    AssignmentsOutbox* assignments = nullptr;

    void end(const Error& reason);
  };

  os::Co<Result<void>> session(rpc::Call& call);
  os::Co<Result<void>> assignments(rpc::Call& call);
  os::Co<Result<std::string>> heartbeat(const rpc::Call& call, std::string request);
  os::Co<Result<std::string>> update_task_status(const rpc::Call& call, std::string request);
  void attach(const model::NodeId& node, const model::SessionId& session, SessionOutbox& outbox);
  void detach(const model::NodeId& node, const SessionOutbox& outbox);

  os::Loop& loop_;
  Manager& manager_;
  const Peers& peers_;
  NetworksService& networks_;
  std::map<model::NodeId, Streams> streams_;
};

}  // namespace shoal::manager

// Link: an agent's connection to a manager. In process it calls the dispatcher directly; over the
// network it speaks the node protocol. The agent cannot tell the difference.
//
// Thread: the control thread. Messages arrive through the Listener, never from within a call.
#pragma once

#include <vector>

#include "model/network_feed.h"
#include "model/node_protocol.h"
#include "os/co.h"

namespace shoal::agent {

class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_session(const model::SessionMessage& message) = 0;
  virtual void on_assignments(const model::AssignmentsMessage& message) = 0;
  virtual void on_networks(const model::NetworksMessage& message) = 0;
  // The session is over, for whatever reason; the link sends nothing more until open().
  virtual void on_end(const Error& reason) = 0;
};

class Link {
 public:
  virtual ~Link() = default;

  // Opens a session; the first SessionMessage follows through the listener, which must outlive the
  // session. Unavailable when no manager answers now.
  virtual os::Co<Result<model::SessionId>> open(model::SessionRequest request,
                                                Listener& listener) = 0;
  // Asks for a COMPLETE assignment, and the changes from then on.
  virtual os::Co<Result<void>> subscribe(model::SessionId session) = 0;
  // Answers how long from now the next heartbeat is wanted.
  virtual os::Co<Result<Duration>> heartbeat(model::SessionId session) = 0;
  virtual os::Co<Result<void>> report(model::SessionId session,
                                      std::vector<model::StatusUpdate> updates) = 0;
  // Asks for the node's networks: everything, and the changes from then on. A manager that is no
  // Shoal has none of it; then nothing comes.
  virtual os::Co<Result<void>> watch_networks(model::SessionId session) = 0;
  // The node uses nothing older than this version.
  virtual os::Co<Result<void>> acknowledge(model::SessionId session, uint64_t version) = 0;
  // Ends the session from this side. The node counts as down only when its heartbeats are overdue.
  virtual void close(model::SessionId session) = 0;
};

}  // namespace shoal::agent

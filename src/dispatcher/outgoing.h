// What the dispatcher wants sent, as plain values: a message of the node protocol, or the end of a
// session. The shell sends them; an agent linked in process gets them unchanged.
#pragma once

#include <variant>

#include "model/network_feed.h"
#include "model/node_protocol.h"

namespace shoal::dispatcher {

// Manager to agent: the session is over; open a new one after a back-off.
struct SessionEnd {
  Error reason;
};

// What the dispatcher wants sent to one session, in order.
struct Outgoing {
  model::NodeId node;
  model::SessionId session;
  std::variant<model::SessionMessage, model::AssignmentsMessage, model::NetworksMessage, SessionEnd>
      message;
};

}  // namespace shoal::dispatcher

// Messages between managers and agents as the other side gets them: through the bytes of the node
// protocol and back, so that every simulated run is one of the wire codec as well.
#pragma once

#include "dispatcher/outgoing.h"
#include "model/node_protocol.h"

namespace shoal::sim {

// The simulator sends nothing that its own codec refuses: a message that does not arrive ends the
// process.
model::SessionRequest over_the_wire(const model::SessionRequest& request);
model::StatusReport over_the_wire(const model::StatusReport& report);
model::NetworksAck over_the_wire(const model::NetworksAck& ack);
dispatcher::Outgoing over_the_wire(const dispatcher::Outgoing& outgoing);

}  // namespace shoal::sim

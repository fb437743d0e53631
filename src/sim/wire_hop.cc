#include "sim/wire_hop.h"

#include "base/check.h"
#include "codec/wire/dispatcher.h"
#include "codec/wire/networks.h"

namespace shoal::sim {
namespace {

template <class T>
T arrived(Result<T> message) {
  CHECK(message, "{}", message.error().message);
  return std::move(*message);
}

struct Hop {
  using Message = decltype(dispatcher::Outgoing::message);

  Message operator()(const model::SessionMessage& message) const {
    return arrived(wire::decode_session_message(wire::encode(message)));
  }
  Message operator()(const model::AssignmentsMessage& message) const {
    return arrived(wire::decode_assignments(wire::encode(message)));
  }
  Message operator()(const model::NetworksMessage& message) const {
    return arrived(wire::decode_networks(wire::encode(message)));
  }
  // No message of its own: the stream ends with this status.
  Message operator()(const dispatcher::SessionEnd& end) const { return end; }
};

}  // namespace

model::SessionRequest over_the_wire(const model::SessionRequest& request) {
  auto read = arrived(wire::decode_session_request(wire::encode(request)));
  read.address = request.address;  // The listener knows it.
  return read;
}

model::StatusReport over_the_wire(const model::StatusReport& report) {
  return arrived(wire::decode_status_report(wire::encode(report)));
}

model::NetworksAck over_the_wire(const model::NetworksAck& ack) {
  return arrived(wire::decode_networks_ack(wire::encode(ack)));
}

dispatcher::Outgoing over_the_wire(const dispatcher::Outgoing& outgoing) {
  return {.node = outgoing.node,
          .session = outgoing.session,
          .message = std::visit(Hop(), outgoing.message)};
}

}  // namespace shoal::sim

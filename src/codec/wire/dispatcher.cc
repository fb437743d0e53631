#include "codec/wire/dispatcher.h"

#include "codec/wire/parts.h"
#include "model/join_protocol.h"

namespace shoal::wire {
namespace {

using wire::get;  // besides those of this file
using wire::put;

using model::SessionId;

// Empty in the first request of a node.
SessionId session_from(const std::string& text, Need need, Fault& fault) {
  return id_from<SessionId>(text, need, "session_id", fault);
}

std::string encode_session(const SessionId& session) {
  pb::SessionOnly out;
  out.set_session_id(session.str());
  return bytes_of(out);
}

Result<SessionId> decode_session(std::string_view bytes, const char* what) {
  return read_message<pb::SessionOnly>(
      bytes, kSmallMessageBytesMax, what, [](const pb::SessionOnly& in, Fault& fault) {
        return session_from(in.session_id(), Need::Required, fault);
      });
}

// The peer is there in any case: Docker Engines look into it without asking.
void put(const model::ManagerPeer& in, pb::WeightedPeer* out) {
  out->mutable_peer()->set_node_id(in.node.str());
  out->mutable_peer()->set_address(in.address);
  out->set_weight(in.weight);
}

model::ManagerPeer get(const pb::WeightedPeer& in, Fault& fault) {
  return {.node = id_from<model::NodeId>(in.peer().node_id(), Need::Optional,
                                         "managers.peer.node_id", fault),
          .address = in.peer().address(),
          .weight = in.weight()};
}

void put(const model::EncryptionKey& in, pb::EncryptionKey* out) {
  out->set_subsystem(in.subsystem);
  out->set_key(in.key);
  out->set_lamport_time(in.lamport_time);
}

model::EncryptionKey get(const pb::EncryptionKey& in, Fault& fault) {
  if (in.algorithm() != 0) fault.note("unknown algorithm {} of a network key", in.algorithm());
  return {.subsystem = in.subsystem(), .key = in.key(), .lamport_time = in.lamport_time()};
}

bool asks_to_renew(const pb::Node& node) {
  const auto state = model::IssuanceState(node.certificate().status().state());
  return state == model::IssuanceState::Renew || state == model::IssuanceState::Rotate;
}

}  // namespace

std::string encode(const model::SessionRequest& request) {
  pb::SessionRequest out;
  put(request.description, out.mutable_description());
  out.set_session_id(request.previous.str());
  return bytes_of(out);
}

Result<model::SessionRequest> decode_session_request(std::string_view bytes) {
  return read_message<pb::SessionRequest>(
      bytes, kSessionRequestBytesMax, "session request",
      [](const pb::SessionRequest& in, Fault& fault) {
        return model::SessionRequest{
            .description = get(in.description(), fault),
            .previous = session_from(in.session_id(), Need::Optional, fault)};
      });
}

std::string encode(const model::SessionMessage& message) {
  pb::SessionMessage out;
  out.set_session_id(message.session.str());
  if (message.node) put(*message.node, out.mutable_node());
  for (const model::ManagerPeer& peer : message.managers) put(peer, out.add_managers());
  for (const model::EncryptionKey& key : message.network_keys) put(key, out.add_network_keys());
  out.set_root_ca(message.root_ca);
  if (message.renew_certificate && message.node) {
    out.mutable_node()->mutable_certificate()->mutable_status()->set_state(
        uint32_t(model::IssuanceState::Rotate));
  }
  return bytes_of(out);
}

Result<model::SessionMessage> decode_session_message(std::string_view bytes) {
  return read_message<pb::SessionMessage>(
      bytes, kSessionMessageBytesMax, "session message",
      [](const pb::SessionMessage& in, Fault& fault) {
        model::SessionMessage out;
        out.session = session_from(in.session_id(), Need::Required, fault);
        if (in.has_node()) {
          out.node = std::make_shared<const model::Node>(get(in.node(), fault));
        }
        out.managers = each_from<model::ManagerPeer>(
            in.managers(), "managers", fault,
            [&](const pb::WeightedPeer& peer) { return get(peer, fault); });
        out.network_keys = each_from<model::EncryptionKey>(
            in.network_keys(), "network_bootstrap_keys", fault,
            [&](const pb::EncryptionKey& key) { return get(key, fault); });
        out.root_ca = in.root_ca();
        out.renew_certificate = asks_to_renew(in.node());
        return out;
      });
}

std::string encode_heartbeat_request(const SessionId& session) {
  return encode_session(session);
}

Result<SessionId> decode_heartbeat_request(std::string_view bytes) {
  return decode_session(bytes, "heartbeat");
}

std::string encode_assignments_request(const SessionId& session) {
  return encode_session(session);
}

Result<SessionId> decode_assignments_request(std::string_view bytes) {
  return decode_session(bytes, "assignments request");
}

std::string encode_heartbeat_response(Duration period) {
  pb::HeartbeatResponse out;
  put(period, out.mutable_period());
  return bytes_of(out);
}

Result<Duration> decode_heartbeat_response(std::string_view bytes) {
  return read_message<pb::HeartbeatResponse>(bytes, kSmallMessageBytesMax, "heartbeat response",
                                             [](const pb::HeartbeatResponse& in, Fault& fault) {
                                               return get(in.period(), "period", fault);
                                             });
}

std::string encode(const model::StatusReport& report) {
  pb::StatusReport out;
  out.set_session_id(report.session.str());
  for (const model::StatusUpdate& update : report.updates) {
    pb::StatusUpdate* message = out.add_updates();
    message->set_task_id(update.task.str());
    put(update.status, message->mutable_status());
  }
  return bytes_of(out);
}

Result<model::StatusReport> decode_status_report(std::string_view bytes) {
  static_assert(kItemsMax >= int(model::kStatusUpdatesMax));
  return read_message<pb::StatusReport>(
      bytes, kStatusReportBytesMax, "status report", [](const pb::StatusReport& in, Fault& fault) {
        model::StatusReport out;
        out.session = session_from(in.session_id(), Need::Required, fault);
        const auto update_from = [&](const pb::StatusUpdate& update) {
          return model::StatusUpdate{
              .task = id_from<model::TaskId>(update.task_id(), Need::Required, "updates.task_id",
                                             fault),
              .status = get(update.status(), fault)};
        };
        out.updates = each_from<model::StatusUpdate>(in.updates(), "updates", fault, update_from);
        return out;
      });
}

}  // namespace shoal::wire

// The bytes of the Dispatcher's messages (docker.swarmkit.v1.Dispatcher), and back.
//
// decode_*() takes bytes of a stranger: what is no such message, has a number, an id or a time that
// means nothing, or is larger than the limits below is InvalidArgument with the name of the field.
// Unknown fields are passed over. Nothing crashes, and memory stays in proportion to the bytes.
// encode() never fails. UpdateTaskStatus has an empty answer: no bytes.
//
// What a task holds survives the way to an agent, with these exceptions: a null spec or null
// service annotations arrive as empty ones, and the empty owner of a secret or config as "0"
// (Docker Engines want a number). Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/node_protocol.h"

namespace shoal::wire {

// The largest messages that are decoded. Two bytes can become an object of 60, so what comes from
// nodes is kept small: a report may have what gRPC takes by default elsewhere too. An assignment
// comes from a manager, which the node trusts; 100,000 tasks take about 100 MB.
inline constexpr size_t kSessionRequestBytesMax = 1 << 20;
inline constexpr size_t kSessionMessageBytesMax = 16 << 20;
inline constexpr size_t kStatusReportBytesMax = 4 << 20;
inline constexpr size_t kAssignmentsBytesMax = size_t(1) << 30;
inline constexpr size_t kAssignmentChangesMax = 1'000'000;
inline constexpr size_t kSmallMessageBytesMax = 4096;

std::string encode(const model::SessionRequest& request);
std::string encode(const model::SessionMessage& message);
std::string encode_heartbeat_request(const model::SessionId& session);
std::string encode_heartbeat_response(Duration period);
std::string encode_assignments_request(const model::SessionId& session);
// A spec or an endpoint that tasks share is made into bytes once.
std::string encode(const model::AssignmentsMessage& message);
std::string encode(const model::StatusReport& report);

// `address` is not on the wire: the listener knows it.
Result<model::SessionRequest> decode_session_request(std::string_view bytes);
Result<model::SessionMessage> decode_session_message(std::string_view bytes);
Result<model::SessionId> decode_heartbeat_request(std::string_view bytes);
Result<Duration> decode_heartbeat_response(std::string_view bytes);
Result<model::SessionId> decode_assignments_request(std::string_view bytes);
// Equal specs, annotations and endpoints are one object in memory. Changes of kinds that a node of
// this version cannot use (secrets, configs, cluster volumes) are passed over.
Result<model::AssignmentsMessage> decode_assignments(std::string_view bytes);
Result<model::StatusReport> decode_status_report(std::string_view bytes);

}  // namespace shoal::wire

// Every message of the node protocol but assignments, each read from the same bytes: what decodes,
// encodes to bytes that decode to the same.
#include "base/check.h"
#include "codec/wire/attachments.h"
#include "codec/wire/ca.h"
#include "codec/wire/dispatcher.h"
#include "codec/wire/log_broker.h"
#include "codec/wire/reach.h"
#include "fuzz/fuzz.h"
#include "model/testing.h"

namespace shoal::fuzz {
namespace {

template <class Decode, class Encode>
void round_trip(std::string_view input, Decode decode, Encode encode) {
  const auto read = decode(input);
  if (!read) return;
  const auto again = decode(encode(*read));
  CHECK(again, "{}", again.error().message);
  if constexpr (requires { *again == *read; }) CHECK(*again == *read);
}

}  // namespace

void run(std::string_view input) {
  const auto any = [](const auto& value) { return wire::encode(value); };
  round_trip(input, wire::decode_session_request, any);
  round_trip(input, wire::decode_session_message, any);
  round_trip(input, wire::decode_heartbeat_request, wire::encode_heartbeat_request);
  round_trip(input, wire::decode_heartbeat_response, wire::encode_heartbeat_response);
  round_trip(input, wire::decode_assignments_request, wire::encode_assignments_request);
  round_trip(input, wire::decode_status_report, any);
  round_trip(input, wire::decode_root_response, wire::encode_root_response);
  round_trip(input, wire::decode_issue_request, any);
  round_trip(input, wire::decode_issue_response, wire::encode_issue_response);
  round_trip(input, wire::decode_status_request, wire::encode_status_request);
  round_trip(input, wire::decode_issued_certificate, any);
  round_trip(input, wire::decode_log_subscription, any);
  round_trip(input, wire::decode_log_publication, any);
  round_trip(input, wire::decode_attach_request, any);
  round_trip(input, wire::decode_attachment, wire::encode_attachment);
  round_trip(input, wire::decode_reach_call, wire::encode_reach_call);
  round_trip(input, wire::decode_reach_input, any);
  round_trip(input, wire::decode_reach_output, any);
}

std::vector<std::string> seeds() {
  return {wire::encode(model::full_session_request()),
          wire::encode(model::full_session_message()),
          wire::encode(model::full_status_report()),
          wire::encode(model::full_issue_request()),
          wire::encode(model::full_issued_certificate()),
          wire::encode(model::full_log_subscription()),
          wire::encode(model::full_log_publication()),
          wire::encode(model::full_attach_request()),
          wire::encode_reach_call(model::ReachId::of("reach1")),
          wire::encode(model::full_reach_input()),
          wire::encode(model::full_reach_output()),
          wire::encode_heartbeat_response(5500ms),
          wire::encode_issue_response(model::NodeId::of("n1"))};
}

}  // namespace shoal::fuzz

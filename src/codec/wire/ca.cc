#include "codec/wire/ca.h"

#include "codec/wire/parts.h"

namespace shoal::wire {
namespace {

constexpr uint32_t kMembershipAccepted = 1;

}  // namespace

std::string encode_root_response(std::string_view certificate) {
  pb::RootResponse out;
  out.set_certificate(std::string(certificate));
  return bytes_of(out);
}

Result<std::string> decode_root_response(std::string_view bytes) {
  return read_message<pb::RootResponse>(
      bytes, kJoinResponseBytesMax, "root certificate",
      [](const pb::RootResponse& in, Fault&) { return in.certificate(); });
}

std::string encode(const model::IssueRequest& request) {
  pb::IssueRequest out;
  out.set_csr(request.csr);
  out.set_token(request.token);
  out.set_availability(uint32_t(request.availability));
  return bytes_of(out);
}

Result<model::IssueRequest> decode_issue_request(std::string_view bytes) {
  return read_message<pb::IssueRequest>(
      bytes, kJoinRequestBytesMax, "certificate request",
      [](const pb::IssueRequest& in, Fault& fault) {
        return model::IssueRequest{
            .csr = in.csr(),
            .token = in.token(),
            .availability =
                enum_from(in.availability(), model::Availability::Drain, "availability", fault)};
      });
}

std::string encode_issue_response(const model::NodeId& node) {
  pb::IssueResponse out;
  out.set_node_id(node.str());
  out.set_membership(kMembershipAccepted);
  return bytes_of(out);
}

Result<model::NodeId> decode_issue_response(std::string_view bytes) {
  return read_message<pb::IssueResponse>(bytes, kJoinResponseBytesMax, "certificate ticket",
                                         [](const pb::IssueResponse& in, Fault& fault) {
                                           return id_from<model::NodeId>(
                                               in.node_id(), Need::Required, "node_id", fault);
                                         });
}

std::string encode_status_request(const model::NodeId& node) {
  pb::StatusRequest out;
  out.set_node_id(node.str());
  return bytes_of(out);
}

Result<model::NodeId> decode_status_request(std::string_view bytes) {
  return read_message<pb::StatusRequest>(bytes, kJoinRequestBytesMax, "certificate status request",
                                         [](const pb::StatusRequest& in, Fault& fault) {
                                           return id_from<model::NodeId>(
                                               in.node_id(), Need::Required, "node_id", fault);
                                         });
}

// Docker Engines look into the status without asking whether it is there, and read it in either
// place.
std::string encode(const model::IssuedCertificate& issued) {
  pb::StatusResponse out;
  pb::Certificate* certificate = out.mutable_certificate();
  for (pb::IssuanceStatus* status : {out.mutable_status(), certificate->mutable_status()}) {
    status->set_state(uint32_t(issued.state));
    status->set_error(issued.error);
  }
  certificate->set_role(uint32_t(issued.role));
  certificate->set_csr(issued.csr);
  certificate->set_certificate(issued.certificates);
  certificate->set_common_name(issued.node.str());
  return bytes_of(out);
}

Result<model::IssuedCertificate> decode_issued_certificate(std::string_view bytes) {
  return read_message<pb::StatusResponse>(
      bytes, kJoinResponseBytesMax, "certificate status",
      [](const pb::StatusResponse& in, Fault& fault) {
        const pb::Certificate& certificate = in.certificate();
        return model::IssuedCertificate{
            .state = enum_from(in.status().state(), model::IssuanceState::Rotate, "issuance state",
                               fault),
            .error = in.status().error(),
            .role = enum_from(certificate.role(), model::NodeRole::Manager, "role", fault),
            .csr = certificate.csr(),
            .certificates = certificate.certificate(),
            .node = id_from<model::NodeId>(certificate.common_name(), Need::Optional, "cn", fault)};
      });
}

}  // namespace shoal::wire

// The bytes of the messages of the services CA and NodeCA (docker.swarmkit.v1), and back.
//
// GetRootCACertificate asks with an empty message: no bytes. decode_*() takes bytes of a stranger
// who need not even have a certificate; errors as in dispatcher.h. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/join_protocol.h"

namespace shoal::wire {

inline constexpr size_t kJoinRequestBytesMax = 64 << 10;
inline constexpr size_t kJoinResponseBytesMax = 1 << 20;

// CA.GetRootCACertificate: the certificate as PEM.
std::string encode_root_response(std::string_view certificate);
Result<std::string> decode_root_response(std::string_view bytes);

// NodeCA.IssueNodeCertificate: the id that the machine has as a node.
std::string encode(const model::IssueRequest& request);
Result<model::IssueRequest> decode_issue_request(std::string_view bytes);
std::string encode_issue_response(const model::NodeId& node);
Result<model::NodeId> decode_issue_response(std::string_view bytes);

// NodeCA.NodeCertificateStatus, asked with that id.
std::string encode_status_request(const model::NodeId& node);
Result<model::NodeId> decode_status_request(std::string_view bytes);
std::string encode(const model::IssuedCertificate& certificate);
Result<model::IssuedCertificate> decode_issued_certificate(std::string_view bytes);

}  // namespace shoal::wire

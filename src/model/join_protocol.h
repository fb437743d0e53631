// How a machine becomes a node and stays one, as plain values; the shapes are those of the node
// protocol's CA and NodeCA services (wire.md, "Sequence").
#pragma once

#include <string>

#include "model/node.h"

namespace shoal::model {

// Machine to manager: a certificate for the key in `csr`. With a join token from a machine that has
// no certificate yet; without one from a node, over its connection, which is a renewal.
struct IssueRequest {
  std::string csr;  // PEM
  std::string token;
  Availability availability = Availability::Active;  // of a node that joins

  bool operator==(const IssueRequest&) const = default;
};

// The state of a node's certificate; the numbers are on the wire.
enum class IssuanceState {
  Unknown = 0,
  Renew = 1,    // the node asked for a new one
  Pending = 2,  // not signed yet
  Issued = 3,
  Failed = 4,
  Rotate = 5,  // the node shall ask for a new one now
};

// Manager to machine, in answer to NodeCertificateStatus. `csr` is the request to the byte: a
// machine takes no certificate for another one.
struct IssuedCertificate {
  IssuanceState state = IssuanceState::Unknown;
  std::string error;  // when Failed
  NodeRole role = NodeRole::Worker;
  std::string csr;
  std::string certificates;  // PEM, the node's own first
  NodeId node;

  bool operator==(const IssuedCertificate&) const = default;
};

}  // namespace shoal::model

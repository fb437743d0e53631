// Who a node is to the others: what its certificate says, and what a certificate is made from.
//
// The subject of a node's certificate is CN=<node id>, OU=swarm-manager or swarm-worker,
// O=<cluster id>, as in Docker's swarms. Plain values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/ids.h"
#include "model/node.h"

namespace shoal::model {

struct NodeIdentity {
  NodeId node_id;                    // CN
  NodeRole role = NodeRole::Worker;  // OU
  ClusterId cluster_id;              // O

  bool operator==(const NodeIdentity&) const = default;
};

// The role as the OU of a certificate, and as the name that a client expects of a server.
constexpr std::string_view role_unit(NodeRole role) {
  return role == NodeRole::Manager ? "swarm-manager" : "swarm-worker";
}

// All that the swarm decides about a certificate; the key comes from the node that asks.
struct CertificateTerms {
  NodeIdentity identity;
  std::vector<std::string> dns_names;
  Duration lifetime{0};  // from the moment of issue

  bool operator==(const CertificateTerms&) const = default;
};

}  // namespace shoal::model

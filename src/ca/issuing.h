// What certificate a node may have, decided before any key is touched (semantics 2.7).
//
// A node without a certificate shows a join token and gets an id and the token's role; a node with
// one keeps its id and gets the role that the swarm has stored for it. Pure.
#pragma once

#include <string_view>

#include "base/result.h"
#include "model/identity.h"
#include "store/tables.h"

namespace shoal::ca {

// Bounds of ClusterSpec::node_cert_expiry, whatever it says.
inline constexpr Duration kLifetimeMin = 1h;
inline constexpr Duration kLifetimeMax = 20 * 365 * 24h;  // as the root's

// The terms of any certificate of this swarm. Servers are known by their role, a manager also as
// swarm-ca, which joining nodes expect.
model::CertificateTerms terms_for(const model::Cluster& cluster, const model::NodeId& node,
                                  model::NodeRole role);

// For a node that joins under a fresh id. InvalidArgument when the token is not the swarm's.
Result<model::CertificateTerms> terms_of_joining(const model::Cluster& cluster,
                                                 std::string_view token,
                                                 const model::NodeId& fresh_id);

// For a node that shows its present certificate. PermissionDenied when that is another swarm's,
// NotFound when the node was removed, Unavailable when this manager has no swarm loaded.
Result<model::CertificateTerms> terms_of_renewal(const store::Tables& tables,
                                                 const model::NodeIdentity& peer);

}  // namespace shoal::ca

// Whether a peer with a verified certificate may call: its swarm is ours, its node is still there,
// and its role is one that the call is for. Pure; O(log n).
#pragma once

#include "base/result.h"
#include "model/cluster.h"
#include "model/identity.h"
#include "model/node.h"
#include "store/tables.h"

namespace shoal::ca {

// A manager is a node of the swarm like any other: it may do what workers may.
enum class Audience { AnyNode, Managers };

// What the tables have on a peer that is allowed. Never null.
struct Member {
  model::Ref<model::Cluster> cluster;
  model::Ref<model::Node> node;
};

// PermissionDenied: another swarm's certificate, or not for this role. What only managers may do
// takes both, a manager's certificate and a node that the swarm still holds for a manager: a node
// that was demoted has the old certificate until it renews. NotFound: the node was removed.
// Unavailable: no swarm is loaded here.
Result<Member> authorise(const store::Tables& tables, const model::NodeIdentity& peer,
                         Audience audience);

}  // namespace shoal::ca

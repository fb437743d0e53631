// The certificate of a manager's own node, which has the root's key at hand and asks nobody: at
// `swarm init`, and when the daemon was down for so long that the one it has has expired.
//
// Pure of state; each call takes about a millisecond: on the pool, or before the loop runs.
#pragma once

#include "base/result.h"
#include "base/time.h"
#include "model/cluster.h"
#include "model/ids.h"
#include "rpc/credentials.h"

namespace shoal::daemon {

// A new key with a manager's certificate for the node. FailedPrecondition when the cluster has no
// root key.
Result<rpc::CredentialsPem> make_own_certificate(const model::Cluster& cluster,
                                                 const model::NodeId& node, Time now);

// Why `credentials` cannot be shown by this node now, if they cannot: expired, not for this node,
// not of these roots, unreadable.
Result<void> check_own_certificate(const rpc::CredentialsPem& credentials,
                                   const model::NodeId& node, Time now);

}  // namespace shoal::daemon

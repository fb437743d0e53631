// What `docker swarm init` makes before anything is stored: the root, this node's certificate, the
// join tokens. Blocks for some milliseconds: on the pool.
#pragma once

#include "base/result.h"
#include "base/rng.h"
#include "manager/core/bootstrap.h"
#include "rpc/credentials.h"

namespace shoal::daemon {

struct Founding {
  manager::NewSwarm swarm;  // as given, with root, tokens and TLS information
  rpc::CredentialsPem credentials;
};
// `swarm` has its ids and its spec. Internal when OpenSSL refuses.
Result<Founding> found(manager::NewSwarm swarm, Time now);

// A root to rotate to: the given one with its key (PEM), or a new one when both are empty. A
// rotation that is under way gives way to it. InvalidArgument when the two are no root and its key,
// FailedPrecondition when the cluster has no root key.
Result<model::RootRotation> new_root_rotation(const model::Cluster& cluster,
                                              const std::string& certificate,
                                              const std::string& key, Time now);

// A token with a new secret for the root's holders.
std::string new_join_token(const std::string& root_pem);

}  // namespace shoal::daemon

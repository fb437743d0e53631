// What `docker swarm join` does before the machine is a node (wire.md, "Sequence", steps 1 to 3):
// it fetches the swarm's root from a manager and recognises it by the token's digest, and gets an
// id and a certificate for the token.
//
// Control thread. Nothing is written here: whoever calls keeps what comes of it.
#pragma once

#include "api/swarm_backend.h"
#include "base/log.h"
#include "daemon/swarm_folder.h"
#include "os/loop.h"

namespace shoal::daemon {

// How often all the given managers are tried, and the pause after a round without an answer.
inline constexpr int kJoinRoundsMax = 3;
inline constexpr Duration kJoinPause = 1s;

struct Joined {
  NodeRecord record;
  rpc::CredentialsPem credentials;
};
// InvalidArgument for a request that cannot be meant (no address, a token that is none, an address
// that is not this machine's), PermissionDenied when the manager's root is not the token's,
// Unavailable when no manager answers, Cancelled after `stop`, and what the manager says otherwise.
os::Co<Result<Joined>> join_swarm(os::Loop& loop, Log& log, api::JoinRequest request,
                                  std::string own_bridge, os::StopToken stop = {});

}  // namespace shoal::daemon

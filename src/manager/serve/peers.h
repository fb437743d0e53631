// Peers: who may call what on the node port. A call is let in before anything of it is read, by the
// certificate of its connection and what the store has on that node.
//
// Thread: the control thread. Outlives the server.
#pragma once

#include "ca/authorise.h"
#include "manager/manager.h"
#include "rpc/call.h"

namespace shoal::manager {

// A certificate request is a few hundred bytes; who has no certificate gets no more than this.
inline constexpr size_t kJoinRequestBytesMax = size_t{64} << 10;

class Peers {
 public:
  explicit Peers(Manager& manager) : manager_(manager) {}

  // For methods that every node of the swarm may call. Unauthenticated without a certificate; then
  // as ca::authorise: PermissionDenied, NotFound "node not found", Unavailable between two terms.
  rpc::MethodOptions for_nodes() const;
  // For methods that a joining machine, which has no certificate yet, must be able to call. One
  // that shows a certificate must be let in all the same.
  rpc::MethodOptions for_anyone() const;

  // The node that the call comes from. Only in calls of for_nodes().
  static model::NodeId node_of(const rpc::Call& call);

 private:
  Result<void> admit(const rpc::Call& call) const;

  Manager& manager_;
};

}  // namespace shoal::manager

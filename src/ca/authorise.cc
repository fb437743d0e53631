#include "ca/authorise.h"

namespace shoal::ca {

Result<Member> authorise(const store::Tables& tables, const model::NodeIdentity& peer,
                         Audience audience) {
  const auto& clusters = tables.clusters().all();
  if (clusters.empty()) return unavailable("this manager has no swarm loaded");
  Member member{clusters.begin()->second, tables.nodes().get(peer.node_id)};
  if (peer.cluster_id != member.cluster->id) {
    return permission_denied("the certificate of node {} is of swarm {}, this is swarm {}",
                             peer.node_id, peer.cluster_id, member.cluster->id);
  }
  if (!member.node) return not_found("node {} is not part of this swarm", peer.node_id);
  if (audience == Audience::Managers &&
      (peer.role != model::NodeRole::Manager || member.node->role != model::NodeRole::Manager)) {
    return permission_denied("node {} is not a manager", peer.node_id);
  }
  return member;
}

}  // namespace shoal::ca

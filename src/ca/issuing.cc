#include "ca/issuing.h"

#include <algorithm>

#include "ca/authorise.h"
#include "ca/join_token.h"

namespace shoal::ca {

model::CertificateTerms terms_for(const model::Cluster& cluster, const model::NodeId& node,
                                  model::NodeRole role) {
  model::CertificateTerms terms;
  terms.identity = {node, role, cluster.id};
  terms.dns_names.emplace_back(model::role_unit(role));
  if (role == model::NodeRole::Manager) terms.dns_names.emplace_back("swarm-ca");
  terms.dns_names.push_back(node.str());
  terms.lifetime = std::clamp(cluster.spec.node_cert_expiry, kLifetimeMin, kLifetimeMax);
  return terms;
}

Result<model::CertificateTerms> terms_of_joining(const model::Cluster& cluster,
                                                 std::string_view token,
                                                 const model::NodeId& fresh_id) {
  ASSIGN_OR_RETURN(const model::NodeRole role, token_role(cluster, token));
  return terms_for(cluster, fresh_id, role);
}

Result<model::CertificateTerms> terms_of_renewal(const store::Tables& tables,
                                                 const model::NodeIdentity& peer) {
  ASSIGN_OR_RETURN(const Member member, authorise(tables, peer, Audience::AnyNode));
  return terms_for(*member.cluster, peer.node_id, member.node->role);
}

}  // namespace shoal::ca

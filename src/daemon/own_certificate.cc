#include "daemon/own_certificate.h"

#include <utility>

#include "ca/issuing.h"
#include "crypto/certificate.h"
#include "crypto/key.h"

namespace shoal::daemon {

Result<rpc::CredentialsPem> make_own_certificate(const model::Cluster& cluster,
                                                 const model::NodeId& node, Time now) {
  if (cluster.root_ca_key.empty()) {
    return failed_precondition("the swarm's state has no key of its root certificate");
  }
  rpc::CredentialsPem credentials;
  credentials.roots = cluster.root_ca.trust_root;
  ASSIGN_OR_RETURN(credentials.key, crypto::make_key_pem());
  ASSIGN_OR_RETURN(const std::string csr, crypto::make_csr(credentials.key));
  const crypto::Signer signer{cluster.root_ca.trust_root, cluster.root_ca_key};
  ASSIGN_OR_RETURN(credentials.certificates,
                   crypto::issue_certificate(
                       signer, csr, ca::terms_for(cluster, node, model::NodeRole::Manager), now));
  return credentials;
}

Result<void> check_own_certificate(const rpc::CredentialsPem& credentials,
                                   const model::NodeId& node, Time now) {
  RETURN_IF_ERROR(crypto::verify_chain(credentials.certificates, credentials.roots, now));
  ASSIGN_OR_RETURN(const auto info, crypto::read_certificate(credentials.certificates));
  if (info.identity.node_id != node) {
    return permission_denied("the certificate is that of node {}", info.identity.node_id);
  }
  return {};
}

}  // namespace shoal::daemon

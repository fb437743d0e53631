#include "daemon/founding.h"

#include <utility>

#include "ca/join_token.h"
#include "crypto/random.h"
#include "crypto/root_ca.h"
#include "daemon/own_certificate.h"

namespace shoal::daemon {

std::string new_join_token(const std::string& root_pem) {
  return ca::make_join_token(crypto::sha256(root_pem), crypto::random_bytes(ca::kSecretBytes));
}

Result<model::RootRotation> new_root_rotation(const model::Cluster& cluster,
                                              const std::string& certificate,
                                              const std::string& key, Time now) {
  if (cluster.root_ca_key.empty()) {
    return failed_precondition("the swarm's state has no key of its root certificate");
  }
  const bool given = !certificate.empty();
  ASSIGN_OR_RETURN(const crypto::RootCa root,
                   given ? crypto::read_root_ca(certificate, key) : crypto::make_root_ca(now));
  model::RootRotation rotation;
  const crypto::Signer present{cluster.root_ca.trust_root, cluster.root_ca_key};
  ASSIGN_OR_RETURN(rotation.cross_signed, crypto::cross_sign(present, root.certificate_pem));
  rotation.join_token_worker = new_join_token(root.certificate_pem);
  rotation.join_token_manager = new_join_token(root.certificate_pem);
  rotation.root = root.tls;
  rotation.key = root.key_pem;
  return rotation;
}

Result<Founding> found(manager::NewSwarm swarm, Time now) {
  ASSIGN_OR_RETURN(crypto::RootCa root, crypto::make_root_ca(now));
  swarm.join_token_worker = new_join_token(root.certificate_pem);
  swarm.join_token_manager = new_join_token(root.certificate_pem);
  swarm.description.tls = root.tls;
  swarm.root_ca = std::move(root.tls);
  swarm.root_ca_key = std::move(root.key_pem);

  model::Cluster cluster;
  cluster.id = swarm.cluster_id;
  cluster.spec = swarm.spec;
  cluster.root_ca = swarm.root_ca;
  cluster.root_ca_key = swarm.root_ca_key;
  Founding founding;
  ASSIGN_OR_RETURN(founding.credentials, make_own_certificate(cluster, swarm.node_id, now));
  founding.swarm = std::move(swarm);
  return founding;
}

}  // namespace shoal::daemon

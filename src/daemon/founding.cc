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

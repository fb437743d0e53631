#include "manager/core/bootstrap.h"

#include <utility>

namespace shoal::manager {

Result<void> create_swarm(store::WriteTx& tx, NewSwarm swarm) {
  if (tx.read().clusters().size() != 0) {
    return unavailable(
        "This node is already part of a swarm. Use \"docker swarm leave\" to leave this swarm and "
        "join another one.");
  }
  model::Cluster cluster;
  cluster.id = swarm.cluster_id;
  cluster.spec = std::move(swarm.spec);
  cluster.spec.annotations.name = kClusterName;
  cluster.join_token_worker = std::move(swarm.join_token_worker);
  cluster.join_token_manager = std::move(swarm.join_token_manager);
  cluster.root_ca = swarm.root_ca;
  cluster.root_ca_key = std::move(swarm.root_ca_key);
  cluster.default_address_pools = std::move(swarm.default_address_pools);
  cluster.subnet_mask_length = swarm.subnet_mask_length;
  cluster.data_path_port = swarm.data_path_port;
  RETURN_IF_ERROR(tx.create(std::move(cluster)));

  model::Node node;
  node.id = swarm.node_id;
  node.spec.role = model::NodeRole::Manager;
  node.spec.availability = swarm.availability;
  node.role = model::NodeRole::Manager;
  node.description = std::move(swarm.description);
  node.description.tls = std::move(swarm.root_ca);
  node.status.state = model::NodeState::Ready;
  node.status.address = std::move(swarm.address);
  node.manager_address = std::move(swarm.manager_address);
  return tx.create(std::move(node));
}

}  // namespace shoal::manager

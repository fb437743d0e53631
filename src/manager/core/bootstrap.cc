#include "manager/core/bootstrap.h"

#include <utility>

namespace shoal::manager {
namespace {

constexpr std::string_view kIngressName = "ingress";

// As Docker Swarm makes it; the allocator chooses its subnet.
model::Network ingress_network(const model::NetworkId& id) {
  model::Network network;
  network.id = id;
  network.spec.annotations.name = kIngressName;
  network.spec.driver.name = "overlay";
  network.spec.ipam_driver.name = "default";
  network.spec.ingress = true;
  return network;
}

bool has_ingress_network(const store::Tables& tables) {
  for (const auto& [id, network] : tables.networks().all()) {
    if (network->spec.ingress) return true;
  }
  return tables.networks().by_name(kIngressName) != nullptr;
}

}  // namespace

Result<void> add_ingress_network_once(store::WriteTx& tx, const model::NetworkId& id) {
  const auto& clusters = tx.read().clusters().all();
  if (clusters.empty() || clusters.begin()->second->had_ingress_network) return {};
  model::Cluster cluster = *clusters.begin()->second;
  cluster.had_ingress_network = true;
  RETURN_IF_ERROR(tx.update(std::move(cluster)));
  if (has_ingress_network(tx.read())) return {};
  return tx.create(ingress_network(id));
}

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
  cluster.had_ingress_network = true;
  RETURN_IF_ERROR(tx.create(std::move(cluster)));
  RETURN_IF_ERROR(tx.create(ingress_network(swarm.ingress_id)));

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

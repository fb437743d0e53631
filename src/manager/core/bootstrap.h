// `docker swarm init`: the objects that a new swarm begins with; and what an older one lacks.
#pragma once

#include <string>
#include <vector>

#include "model/cluster.h"
#include "model/node.h"
#include "store/store.h"

namespace shoal::manager {

// The name of the one cluster object.
inline constexpr std::string_view kClusterName = "default";

// What the caller has decided, made or validated.
struct NewSwarm {
  model::ClusterId cluster_id;
  model::NodeId node_id;
  model::NetworkId ingress_id;
  model::NodeDescription description;
  model::Availability availability = model::Availability::Active;
  std::string address;          // of this node, without a port
  std::string manager_address;  // "10.0.0.1:2377"
  model::ClusterSpec spec;      // its name is set here
  std::string join_token_worker;
  std::string join_token_manager;
  model::TlsInfo root_ca;
  std::string root_ca_key;
  std::vector<std::string> default_address_pools = {"10.0.0.0/8"};
  uint32_t subnet_mask_length = 24;
  uint32_t data_path_port = 4789;
};

// Writes the cluster, the ingress network and this node as the manager, up at once. Unavailable, in
// Docker's words, when there is a cluster already.
Result<void> create_swarm(store::WriteTx& tx, NewSwarm swarm);

// The ingress network of a swarm that never had one, because it was made before there were
// networks. One that an operator removed stays away (Cluster::had_ingress_network). Whenever a
// manager begins to lead; without a cluster nothing happens.
Result<void> add_ingress_network_once(store::WriteTx& tx, const model::NetworkId& id);

}  // namespace shoal::manager

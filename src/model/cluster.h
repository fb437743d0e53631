// The swarm itself: one object, named "default", with the settings of `docker swarm update`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/common.h"
#include "model/node.h"

namespace shoal::model {

struct ClusterSpec {
  Annotations annotations;
  int64_t task_history_limit = 5;  // per slot; negative: never reap
  uint64_t snapshot_interval = 10000;
  uint64_t keep_old_snapshots = 0;
  uint64_t log_entries_for_slow_followers = 500;
  int64_t election_tick = 10;
  int64_t heartbeat_tick = 1;
  Duration heartbeat_period{0};  // 0: chosen from the number of nodes (semantics 2.6)
  Duration node_cert_expiry = 2160h;
  bool auto_lock_managers = false;
  Driver default_log_driver;
  uint64_t ca_force_rotate = 0;

  bool operator==(const ClusterSpec&) const = default;
};

// A root that is to take the place of the present one (`swarm ca --rotate`). Certificates are
// issued by it, followed by `cross_signed`, so that nodes accept them that know the old root only;
// when every node has one, it becomes the root.
struct RootRotation {
  TlsInfo root;                   // the new one
  std::string key;                // as Cluster::root_ca_key
  std::string cross_signed;       // PEM: the new root's name and key, signed by the present root
  std::string join_token_worker;  // in force from the end of the rotation on
  std::string join_token_manager;

  bool operator==(const RootRotation&) const = default;
};

// The certificate that the node says it has is of the root that is to come.
inline bool has_new_issuer(const Node& node, const RootRotation& rotation) {
  const TlsInfo& shown = node.description.tls;
  return shown.issuer_subject == rotation.root.issuer_subject &&
         shown.issuer_public_key == rotation.root.issuer_public_key;
}

struct Cluster {
  ClusterId id;
  Meta meta;
  ClusterSpec spec;
  std::string join_token_worker;
  std::string join_token_manager;
  TlsInfo root_ca;
  std::string root_ca_key;  // PKCS#8 PEM; only here and sealed at rest: nothing prints it
  std::optional<RootRotation> rotation;
  std::vector<std::string> default_address_pools = {"10.0.0.0/8"};
  uint32_t subnet_mask_length = 24;
  uint32_t data_path_port = 4789;
  // The swarm was given its ingress network, once. Whoever removes it does not get it back.
  bool had_ingress_network = false;

  const std::string& name() const { return spec.annotations.name; }

  bool operator==(const Cluster&) const = default;
};

}  // namespace shoal::model

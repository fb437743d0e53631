// A machine of the swarm: what it is told (spec), what it says it has (description), how it does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/common.h"
#include "model/network.h"
#include "model/service.h"

namespace shoal::model {

enum class NodeRole { Worker, Manager };
enum class Availability { Active, Pause, Drain };
enum class NodeState { Unknown, Down, Ready, Disconnected };

struct NodeSpec {
  Annotations annotations;
  NodeRole role = NodeRole::Worker;
  Availability availability = Availability::Active;

  bool operator==(const NodeSpec&) const = default;
};

struct Plugin {
  std::string type;  // "Network", "Volume", "Log"
  std::string name;

  auto operator<=>(const Plugin&) const = default;
};

struct TlsInfo {
  std::string trust_root;         // PEM
  std::string issuer_subject;     // DER
  std::string issuer_public_key;  // DER

  bool operator==(const TlsInfo&) const = default;
};

// The version of Shoal's own part of the node protocol that a node of today speaks: networks pushed
// by the manager, acknowledged withdrawal. Docker Engines and agents of Swarm speak none of it: 0.
inline constexpr uint32_t kShoalVersion = 1;

struct NodeDescription {
  std::string hostname;
  Platform platform;
  Resources resources;
  std::string engine_version;
  Labels engine_labels;
  std::vector<Plugin> plugins;
  TlsInfo tls;
  uint32_t shoal_version = 0;     // kShoalVersion of the node's program; 0: not one of ours
  std::string data_path_address;  // where its overlays are reached; empty: where the node is

  bool operator==(const NodeDescription&) const = default;
};

struct NodeStatus {
  NodeState state = NodeState::Unknown;
  std::string message;
  std::string address;

  bool operator==(const NodeStatus&) const = default;
};

struct Node {
  NodeId id;
  Meta meta;
  NodeSpec spec;
  NodeRole role = NodeRole::Worker;  // what it is; spec.role is what it shall be
  NodeDescription description;
  NodeStatus status;
  std::string manager_address;  // "10.0.0.1:2377" on managers, else empty
  // The allocator's: the node's own address in the ingress network, from which the mesh sends.
  std::vector<NetworkAttachment> attachments;

  bool operator==(const Node&) const = default;
};

}  // namespace shoal::model

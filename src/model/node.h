// A machine of the swarm: what it is told (spec), what it says it has (description), how it does.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/common.h"
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

struct NodeDescription {
  std::string hostname;
  Platform platform;
  Resources resources;
  std::string engine_version;
  Labels engine_labels;
  std::vector<Plugin> plugins;
  TlsInfo tls;

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

  bool operator==(const Node&) const = default;
};

}  // namespace shoal::model

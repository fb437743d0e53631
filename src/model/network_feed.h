// What a manager tells a node about the networks it takes part in, as plain values: Shoal's own
// part of the node protocol.
//
// A node takes part in a network while a task of its own is attached to it, and in the ingress
// network always. It is told of the network, of everybody in it and of the services to be found
// there; first everything, then what changes. One message is on its way to a node at a time: the
// node answers with the message's version when it has carried it out, and only then gets the next,
// which holds all that changed meanwhile. So after an answer a task that was withdrawn can be
// stopped. A network that the node's kernel refuses is made again later and delays no answer.
//
// All of it follows from the store and nothing of it is stored.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "model/network.h"
#include "model/publish_address.h"
#include "model/service.h"

namespace shoal::model {

struct NetworkView {
  NetworkId id;
  std::string name;
  uint32_t vni = 0;
  std::vector<IpamConfig> ipam;  // as allocated
  bool internal = false;
  bool ingress = false;
  Labels options;  // of the driver

  bool operator==(const NetworkView&) const = default;
};

// A task in a network, on whatever node: where its packets go, and whether it may be given new
// work.
struct EndpointView {
  NetworkId network;
  TaskId task;
  ServiceId service;                   // empty: a container that `docker run` attached
  std::vector<std::string> names;      // its own: "web.1.<task id>", the container's short id
  std::vector<std::string> addresses;  // without prefix length
  NodeId node;
  std::string host;      // the address at which its node is reached; empty: not known yet
  bool serving = false;  // it runs, is healthy, is not withdrawn, and its node is not down

  bool operator==(const EndpointView&) const = default;
};

// A service in a network. In the ingress network it has ports and no names.
struct ServiceView {
  NetworkId network;
  ServiceId service;
  std::string name;
  std::vector<std::string> aliases;
  ResolutionMode mode = ResolutionMode::Vip;
  std::vector<std::string> virtual_ips;  // without prefix length
  std::vector<PortConfig> ports;         // the published ones, in the ingress network only
  std::vector<PublishAddress> bound;     // which of these answer at one address of a node alone

  bool operator==(const ServiceView&) const = default;
};

// A node's own address in the ingress network: what it takes in there comes from this address.
struct GatewayView {
  NetworkId network;
  NodeId node;
  std::vector<std::string> addresses;  // CIDR text
  std::string host;

  bool operator==(const GatewayView&) const = default;
};

// With a network goes everything in it.
struct NetworkGone {
  NetworkId network;
  bool operator==(const NetworkGone&) const = default;
};
struct EndpointGone {
  NetworkId network;
  TaskId task;
  bool operator==(const EndpointGone&) const = default;
};
struct ServiceGone {
  NetworkId network;
  ServiceId service;
  bool operator==(const ServiceGone&) const = default;
};
struct GatewayGone {
  NetworkId network;
  NodeId node;
  bool operator==(const GatewayGone&) const = default;
};

// Replaces what was known under the same keys, or removes it (then it may be unknown already).
using NetworkChange = std::variant<NetworkView, EndpointView, ServiceView, GatewayView, NetworkGone,
                                   EndpointGone, ServiceGone, GatewayGone>;

// Manager to agent. A network comes before what is in it. Changes travel as shared references: what
// ten thousand nodes are told is made once.
struct NetworksMessage {
  uint64_t version = 0;                     // rises from message to message of one session
  bool complete = false;                    // everything: what it does not name is gone
  uint32_t data_path_port = 4789;           // of VXLAN, on every node
  std::vector<Ref<NetworkChange>> changes;  // none is null

  bool operator==(const NetworksMessage& other) const;  // compares the changes by value
};

inline Ref<NetworkChange> share(NetworkChange change) {
  return std::make_shared<const NetworkChange>(std::move(change));
}

// Agent to manager: the node uses nothing older than this version.
struct NetworksAck {
  SessionId session;
  uint64_t version = 0;

  bool operator==(const NetworksAck&) const = default;
};

}  // namespace shoal::model

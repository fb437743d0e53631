// NetworkBook: what this node was told of its networks, and what follows from that for its data
// plane: who is where, who answers behind a virtual address, who behind a published port.
//
// Pure. A message of the manager becomes the steps that lead from what it said before to what it
// says now; work is proportional to what the message names.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "model/network_feed.h"
#include "network/overlay.h"
#include "network/ports.h"

namespace shoal::agent {

// The node's own place in the ingress network.
struct Gateway {
  std::string network;  // empty: the node has none
  std::vector<network::Subnet> addresses;

  bool operator==(const Gateway&) const = default;
};

struct NetworkSteps {
  bool complete = false;  // the overlays' changes and the ports are everything
  std::vector<network::OverlayChange> overlays;
  std::vector<network::IngressPort> put_ports;
  std::vector<network::IngressPort> gone_ports;  // without backends
  std::vector<network::IpAddress> ended;         // in the ingress network: nobody answers there
  std::optional<Gateway> gateway;                // when it changed
  std::vector<std::string> faults;               // what could not be understood, for the log

  bool operator==(const NetworkSteps&) const = default;
};

class NetworkBook {
 public:
  // `self`: this node, whose own tasks are known by their connections.
  NetworkSteps apply(const model::NetworksMessage& message, const model::NodeId& self);

  // Null when the node was not told of it.
  const model::NetworkView* find(const model::NetworkId& network) const;
  // All that it was told and still holds, as one complete message of version 0.
  model::NetworksMessage everything() const;
  std::vector<model::NetworkId> networks() const;
  // The ingress network, or null.
  const model::NetworkView* ingress() const;

 private:
  struct Service {
    std::optional<model::ServiceView> view;
    std::map<model::TaskId, std::vector<network::IpAddress>> serving;
    // As said last, to be taken back.
    bool placed = false;
    std::set<std::pair<model::PortProtocol, uint16_t>> ports;
  };
  struct Network {
    model::NetworkView view;
    std::map<model::TaskId, model::EndpointView> endpoints;
    std::map<model::ServiceId, Service> services;
    std::map<model::NodeId, model::GatewayView> gateways;
    // Who of the other nodes has an address: its last owner's end must not take it from the next.
    std::map<network::IpAddress, std::string> owners;
  };
  using Dirty = std::set<std::pair<model::NetworkId, model::ServiceId>>;

  void put(const model::NetworkView& view, NetworkSteps& steps);
  void put(const model::EndpointView& view, NetworkSteps& steps);
  void put(const model::ServiceView& view, NetworkSteps& steps);
  void put(const model::GatewayView& view, NetworkSteps& steps);
  void put(const model::NetworkGone& gone, NetworkSteps& steps);
  void put(const model::EndpointGone& gone, NetworkSteps& steps);
  void put(const model::ServiceGone& gone, NetworkSteps& steps);
  void put(const model::GatewayGone& gone, NetworkSteps& steps);
  static void end(const model::EndpointView& view, NetworkSteps& steps);
  void settle(const model::NetworkId& id, Network& network, const model::ServiceId& service,
              NetworkSteps& steps);
  void settle_ports(Service& service, NetworkSteps& steps);
  Network* known(const model::NetworkId& id, NetworkSteps& steps);
  // What has its addresses on another node.
  struct Peer {
    std::string owner;
    const std::vector<std::string>& addresses;
    std::string host;
  };
  static void put_peers(Network& network, const Peer& peer, NetworkSteps& steps);
  static void drop_peers(Network& network, const Peer& peer, NetworkSteps& steps);

  model::NodeId self_;
  std::map<model::NetworkId, Network> networks_;
  Dirty dirty_;
  std::set<network::IpAddress> came_;  // into the ingress network, with the present message
};

}  // namespace shoal::agent

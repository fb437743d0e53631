// NodeNetwork: the bridge networks of this node: its own and those that users make. Network
// namespaces for containers, their addresses, NAT to the outside, published ports and the services'
// ports, kept right in the kernel over netlink; no program is run.
//
//   NodeNetwork net(loop, log, {.run_dir = "/run/shoal"});
//   co_await net.start({.endpoints = of_containers_that_still_run});
//   auto endpoint = co_await net.connect({.container_id = id, .ports = ports});
//   … create the container with endpoint->netns_path in its OCI spec …
//   co_await net.disconnect(id);
//
// Control thread only; calls for one container come one after the other. The kernel work runs on
// two threads of its own. The network namespace of the thread that calls start() is the node's.
// Works beside other daemons in other network namespaces.
//
// Everything survives the daemon: destroying a NodeNetwork only closes its listeners, and the next
// start() adopts what runs without losing a packet. remove_all() takes everything away.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "base/rng.h"
#include "netdriver/endpoint.h"
#include "netdriver/ingress.h"
#include "netdriver/network_check.h"
#include "network/address.h"
#include "network/bridges.h"
#include "network/ports.h"
#include "os/co.h"
#include "os/loop.h"

namespace shoal::netdriver {

inline constexpr size_t kEndpointsMax = 4096;  // of this node
inline constexpr size_t kIngressPortsMax = 20'000;

struct NodeNetworkOptions {
  std::string run_dir;               // namespaces are held as files in run_dir/netns
  std::string bridge = "shoal0";     // the link's name, at most 15 characters
  std::string table = "shoal_node";  // the nftables table (family inet) that is ours alone
  // The bridge's network with its gateway's address ("172.17.0.1/16"); empty: what an existing
  // bridge has, or the first of 172.17.0.0/16 … 172.31.0.0/16, 192.168.0.0/20 … that no route uses.
  std::optional<network::Subnet> subnet;
  int mtu = 1500;
  // The host's link into the ingress network, which Overlays makes; empty: published ports of
  // services lead to containers of this node only.
  std::string mesh_link;
  int ready_namespaces = 8;  // kept in stock; 0: each is made when it is needed
};

// What is there when the daemon starts.
struct KnownNetworks {
  std::vector<Endpoint> endpoints;       // of containers that run
  std::vector<std::string> containers;   // with a namespace but, maybe, no endpoint
  std::vector<network::Bridge> bridges;  // of users
};

class NodeNetwork final : public Ingress {
 public:
  NodeNetwork(os::Loop& loop, Log& log, Rng& rng, NodeNetworkOptions options);
  ~NodeNetwork() override;
  NodeNetwork(const NodeNetwork&) = delete;
  NodeNetwork& operator=(const NodeNetwork&) = delete;

  // Builds or repairs the bridges, their sysctls and the table, adopts what is known, and removes
  // links, bridges and namespaces of ours that nobody owns. An endpoint whose namespace or link is
  // gone is not adopted: find() does not know it afterwards; nor is a bridge that cannot be (it is
  // logged). Call once, before anything else. The ports of services are served from the next
  // set_ports(); until then the old rules stay.
  os::Co<Result<void>> start(KnownNetworks known);

  // --- bridges of users ---
  // A subnet for one, of Docker's default pools, that nothing on this host uses; with the gateway.
  os::Co<Result<network::Subnet>> choose_subnet();
  // What network::Bridges::add() says; Conflict when this host has a link of that name.
  os::Co<Result<void>> add_bridge(network::Bridge bridge);
  // PermissionDenied while somebody is connected; fine when there is none.
  os::Co<Result<void>> remove_bridge(std::string network);
  bool has_endpoints(std::string_view network) const;

  // --- containers ---
  // A namespace with only lo; its path. AlreadyExists when the container has one.
  os::Co<Result<std::string>> open(std::string container_id);
  // Where it is; nothing is there before open() or connect().
  std::string namespace_of(std::string_view container_id) const;

  // Connects the container to one bridge and publishes its ports, in a new namespace when it has
  // none. When it returns, packets flow; on an error nothing is left. Errors: a port or address
  // that is taken (Conflict, Docker's wording), bad input (InvalidArgument), no address left
  // (Unavailable), connected before (AlreadyExists), no such network (NotFound).
  os::Co<Result<Endpoint>> connect(EndpointRequest request);
  // From now on what the container sends outside goes through this one of its networks, and its
  // ports are published there.
  os::Co<Result<Endpoint>> lead_out(std::string container_id, std::string network,
                                    std::vector<network::PublishedPort> ports);
  // Takes it out of one network; its namespace stays. NotFound when it is not in there.
  os::Co<Result<void>> leave(std::string container_id, std::string network);

  // Takes ports, rules, and the namespace's file away; NotFound when there is none. Links, open
  // flows and addresses follow by themselves within some tens of milliseconds. The container may be
  // connected again at once. Processes that still run in the namespace keep it, without a link.
  os::Co<Result<void>> disconnect(std::string container_id);

  // Ends the flows that lead to the container through this node's NAT, and leaves it connected.
  os::Co<Result<void>> end_flows(std::string container_id);

  os::Co<Result<void>> set_ports(std::vector<network::IngressPort> ports) override;
  os::Co<Result<void>> change_ports(std::vector<network::IngressPort> put,
                                    std::vector<network::IngressPort> gone) override;
  os::Co<Result<std::vector<network::IngressPort>>> retry_ports() override;

  // Compares bridge, settings and rules in the kernel with what they shall be, and mends them.
  os::Co<NetworkCheck> check();
  os::Co<Result<void>> end_flows_to(std::vector<network::IpAddress> servers) override;

  // Valid until the next co_await. Null when it is not connected there.
  const Endpoint* find(std::string_view container_id,
                       std::string_view network = network::kOwnBridge) const;
  std::vector<Endpoint> endpoints() const;  // in the order of container ids

  // After start(): the subnet of the node's own bridge, with the gateway's address.
  const network::Subnet& subnet() const;
  const std::string& bridge() const;
  int mtu() const;

  // Disconnects everything and removes bridges, table and files. Nothing may be called afterwards.
  os::Co<Result<void>> remove_all();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::netdriver

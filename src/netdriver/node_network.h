// NodeNetwork: the bridge network of this node. Network namespaces for containers, their addresses,
// NAT to the outside, published ports and the services' ports, kept right in the kernel over
// netlink; no program is run.
//
//   NodeNetwork net(loop, log, {.run_dir = "/run/shoal"});
//   co_await net.start(endpoints_of_containers_that_still_run);
//   auto endpoint = co_await net.connect({.container_id = id, .ports = ports});
//   … create the container with endpoint->netns_path in its OCI spec …
//   co_await net.disconnect(id);
//
// Control thread only; the kernel work runs on two threads of its own. The network namespace of the
// thread that calls start() is the node's. Works beside other daemons in other network namespaces.
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
#include "netdriver/ingress.h"
#include "netdriver/network_check.h"
#include "network/address.h"
#include "network/ports.h"
#include "os/co.h"
#include "os/loop.h"

namespace shoal::netdriver {

inline constexpr size_t kEndpointsMax = 4096;  // of one bridge
inline constexpr size_t kPortsPerEndpointMax = 1024;
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

enum class NetworkMode {
  Bridge,  // eth0 on the node's bridge
  None,    // a namespace with only lo
};

// What a container asks for. Host networking needs no endpoint.
struct EndpointRequest {
  std::string container_id;    // unique; [a-zA-Z0-9_.-], at most 64 characters
  std::string container_name;  // for error messages, as Docker words them
  NetworkMode mode = NetworkMode::Bridge;
  std::string link = "eth0";                  // how it is called in the container
  std::optional<network::IpAddress> address;  // a free one when empty
  std::optional<network::MacAddress> mac;     // made from the address when empty
  std::vector<network::PublishedPort> ports;
};

// A connected container. The caller keeps it (it is a plain value) and hands it to start() of the
// next daemon.
struct Endpoint {
  std::string container_id;
  std::string container_name;
  std::string endpoint_id;  // 64 hex digits, as Docker's EndpointID
  std::string netns_path;   // for the OCI spec's network namespace; Docker's SandboxKey
  NetworkMode mode = NetworkMode::Bridge;
  // Only in mode Bridge:
  std::string link = "eth0";                // in the container
  std::optional<network::Subnet> address;   // with the prefix length
  std::optional<network::Subnet> address6;  // not used by the bridge yet
  std::optional<network::IpAddress> gateway;
  network::MacAddress mac;
  std::vector<network::PublishedPort> ports;  // with the host ports that were chosen

  bool operator==(const Endpoint&) const = default;
};

class NodeNetwork final : public Ingress {
 public:
  NodeNetwork(os::Loop& loop, Log& log, Rng& rng, NodeNetworkOptions options);
  ~NodeNetwork() override;
  NodeNetwork(const NodeNetwork&) = delete;
  NodeNetwork& operator=(const NodeNetwork&) = delete;

  // Builds or repairs the bridge, its sysctls and the table, adopts `endpoints`, and removes links
  // and namespaces of ours that none of them owns. An endpoint whose namespace or link is gone is
  // not adopted: find() does not know it afterwards. Call once, before anything else. The ports of
  // services are served from the next set_ports(); until then the old rules stay.
  os::Co<Result<void>> start(std::vector<Endpoint> endpoints);

  // A namespace for the container, connected and with its ports published. When it returns, packets
  // flow; on an error nothing is left. Errors: a port or address that is taken (Conflict, Docker's
  // wording), bad input (InvalidArgument), no address left (Unavailable), connected before
  // (AlreadyExists).
  os::Co<Result<Endpoint>> connect(EndpointRequest request);

  // Takes ports, rules, and the namespace's file away; NotFound when it is not connected. Link,
  // open flows and address follow by themselves within some tens of milliseconds. The container may
  // be connected again at once. Processes that still run in the namespace keep it, without a link.
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

  // In the order of container ids. Valid until the next co_await.
  const Endpoint* find(std::string_view container_id) const;
  std::vector<Endpoint> endpoints() const;

  // After start(): the bridge's network, with the gateway's address.
  const network::Subnet& subnet() const;
  const std::string& bridge() const;
  int mtu() const;

  // Disconnects everything and removes bridge, table and files. Nothing may be called afterwards.
  os::Co<Result<void>> remove_all();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::netdriver

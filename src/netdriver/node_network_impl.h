// The inside of NodeNetwork, shared by the files that implement it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netdriver/flows.h"
#include "netdriver/host_ports.h"
#include "netdriver/kernel.h"
#include "netdriver/namespaces.h"
#include "netdriver/node_network.h"
#include "netdriver/service_ports.h"
#include "netdriver/worker.h"
#include "network/bridges.h"
#include "network/plan.h"

namespace shoal::netdriver {

using network::Backend;
using network::Bridge;
using network::Changes;
using network::IngressPort;
using network::IpAddress;
using network::kOwnBridge;
using network::Plan;
using network::PortProtocol;
using network::PublishedPort;
using network::RuleChange;
using network::Subnet;

struct NodeNetwork::Impl {
  Impl(os::Loop& l, Log& g, Rng& r, NodeNetworkOptions o)
      : loop(l),
        log(g),
        rng(r),
        options(std::move(o)),
        host_ports(l),
        services(host_ports),
        stock(options.ready_namespaces),
        driver(l),
        sweeper(l) {}

  // Publishing: what is in the kernel, or on its way there, is all of it.
  enum class State { Connecting, Publishing, Connected, Leaving };
  // An endpoint and what it holds.
  struct Held {
    Endpoint endpoint;
    std::vector<std::unique_ptr<HeldPort>> ports;
    State state = State::Connected;
  };
  // A container's namespace, with its links by their networks.
  struct Sandbox {
    std::map<std::string, Held, std::less<>> links;
    State state = State::Connected;
  };

  std::string netns_folder() const { return options.run_dir + "/netns"; }
  std::string path_of(std::string_view id) const {
    return fmt::format("{}/{}", netns_folder(), id);
  }
  Plan part_of(const Endpoint& endpoint) const;
  Plan whole_plan() const;
  Held* find(std::string_view container_id, std::string_view network);
  size_t link_count() const;

  Result<void> add_own_bridge(const Found& found, const KnownNetworks& known);
  std::vector<std::string> add_known_bridges(std::vector<Bridge> known, const Found& found);
  std::vector<std::string> adopt(KnownNetworks known, const Found& found);
  bool adopt(Endpoint endpoint);
  Result<std::vector<std::unique_ptr<HeldPort>>> hold_ports(const Endpoint& endpoint,
                                                            std::vector<PublishedPort>& ports);
  Result<Held> prepare(const EndpointRequest& request);
  void give_back(Held& held);

  os::Co<Result<void>> start(KnownNetworks known);
  os::Co<Result<void>> sweep(std::vector<std::string> links);
  os::Co<Result<Subnet>> choose_subnet();
  os::Co<Result<void>> add_bridge(Bridge added);
  os::Co<Result<void>> remove_bridge(std::string network);
  os::Co<Result<void>> put_bridge(std::string link, Changes changes);
  os::Co<Result<std::string>> open(std::string container_id);
  os::Co<Result<void>> attach(Held& held, bool is_new);
  os::Co<Result<void>> unpublish(Held& held);
  void remove_link_behind(const Endpoint& endpoint);
  void remove_behind(const std::string& link, const IpAddress& ip, Result<void>& done);
  os::Co<Result<Endpoint>> connect(EndpointRequest request);
  os::Co<Result<Endpoint>> lead_out(std::string container_id, std::string network,
                                    std::vector<PublishedPort> ports);
  os::Co<Result<void>> leave(std::string container_id, std::string network);
  os::Co<Result<void>> disconnect(std::string container_id);
  os::Co<Result<void>> change_rules(std::vector<RuleChange> changes);
  os::Co<Result<void>> end_flows(std::vector<FlowFilter> filters);
  os::Co<Result<void>> end_flows_of(std::string container_id);
  os::Co<> end_stale_flows(std::vector<PublishedPort> ports);
  os::Co<Result<void>> serve(Result<ServicePorts::Step> step);
  os::Co<NetworkCheck> check();
  os::Co<Result<void>> remove_all();

  os::Loop& loop;
  Log& log;
  Rng& rng;
  const NodeNetworkOptions options;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);  // For what comes back by itself.
  network::Bridges bridges;
  network::MapShapes maps;  // the frame's and every shard's
  HostPorts host_ports;     // Outlives whatever holds ports.
  ServicePorts services;
  std::map<std::string, Sandbox, std::less<>> sandboxes;  // by container id

  // Each is used by one worker only, after start() has filled it.
  std::optional<Kernel> kernel;          // driver
  std::optional<Flows> flows;            // sweeper
  std::optional<NetlinkSocket> removal;  // sweeper

  NamespaceStock stock;
  Worker driver;   // what a container waits for
  Worker sweeper;  // what nobody waits for: it may take a while
};

}  // namespace shoal::netdriver

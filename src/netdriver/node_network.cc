#include "netdriver/node_network.h"

#include <algorithm>
#include <set>
#include <span>

#include "base/check.h"
#include "netdriver/node_network_impl.h"
#include "network/shards.h"
#include "os/file.h"

namespace shoal::netdriver {
namespace {

constexpr size_t kRulesPerTransaction = 1000;

}  // namespace

// ---- Plans and books.

Plan NodeNetwork::Impl::part_of(const Endpoint& endpoint) const {
  const Bridge* bridge = bridges.find(endpoint.network);
  CHECK(bridge, "an endpoint of network {}, which is not there", endpoint.network);
  return network::plan_endpoint(
      bridge->config, {veth_name(endpoint), endpoint.link, endpoint.address.address, endpoint.mac,
                       endpoint.ports, endpoint.default_route});
}

Plan NodeNetwork::Impl::whole_plan() const {
  auto plan = bridges.frame();
  for (const auto& [id, sandbox] : sandboxes) {
    for (const auto& [network, held] : sandbox.links) {
      const bool in_kernel = held.state == State::Publishing || held.state == State::Connected;
      if (in_kernel) network::add_part(plan, part_of(held.endpoint));
    }
  }
  services.add_parts(plan);
  return plan;
}

Result<void> NodeNetwork::Impl::add_own_bridge(const Found& found, const KnownNetworks& known) {
  Bridge own{.network = std::string(kOwnBridge), .name = std::string(kOwnBridge)};
  own.config.name = options.bridge;
  own.config.mtu = options.mtu;
  own.config.mesh_link = options.mesh_link;
  const auto v4 =
      std::ranges::find_if(found.own_addresses, [](const Subnet& s) { return s.address.is_v4(); });
  const auto connected = std::ranges::find(known.endpoints, kOwnBridge, &Endpoint::network);
  if (connected !=
      known.endpoints.end()) {  // What containers already use cannot change under them.
    own.config.subnet = {connected->gateway, connected->address.length};
  } else if (options.subnet) {
    own.config.subnet = *options.subnet;
  } else if (v4 != found.own_addresses.end()) {
    own.config.subnet = *v4;
  } else {
    auto used = found.used;  // After a reboot users' bridges are not there yet.
    for (const auto& bridge : known.bridges) used.push_back(bridge.config.subnet);
    ASSIGN_OR_RETURN(own.config.subnet, network::choose_bridge_subnet(used));
  }
  return bridges.add(std::move(own));
}

// Returns the links of those that nobody knows.
std::vector<std::string> NodeNetwork::Impl::add_known_bridges(std::vector<Bridge> known,
                                                              const Found& found) {
  auto strangers = found.bridges;
  for (auto& bridge : known) {
    strangers.erase(bridge.network);
    const std::string name = bridge.name;
    const auto added = bridges.add(std::move(bridge));
    if (!added) {
      log.warn("a network cannot be made", {{"network", name}, {"error", added.error().message}});
    }
  }
  std::vector<std::string> links;
  for (const auto& [network, link] : strangers) links.push_back(link);
  return links;
}

// Takes over what still runs; returns the links that belong to nobody.
std::vector<std::string> NodeNetwork::Impl::adopt(KnownNetworks known, const Found& found) {
  auto orphans = add_known_bridges(std::move(known.bridges), found);
  std::set<std::string> veths(found.veths.begin(), found.veths.end());
  for (const auto& id : known.containers) {
    if (holds_namespace(path_of(id))) sandboxes.try_emplace(id);
  }
  for (auto& endpoint : known.endpoints) {
    const auto link = veth_name(endpoint);
    const auto id = endpoint.container_id;
    if (veths.contains(link) && adopt(std::move(endpoint))) {
      veths.erase(link);
    } else {
      log.warn("network of a container is gone", {{"container", id}});
    }
  }
  orphans.insert(orphans.end(), veths.begin(), veths.end());
  return orphans;
}

bool NodeNetwork::Impl::adopt(Endpoint endpoint) {
  if (!holds_namespace(endpoint.netns_path)) return false;
  if (!bridges.take(endpoint.network, endpoint.address.address)) return false;
  Held held;
  auto ports = hold_ports(endpoint, endpoint.ports);
  if (ports) {
    held.ports = std::move(*ports);
  } else {
    log.warn("a published port is no longer reserved",
             {{"container", endpoint.container_id}, {"error", ports.error().message}});
  }
  auto& sandbox = sandboxes[endpoint.container_id];
  const auto network = endpoint.network;
  held.endpoint = std::move(endpoint);
  return sandbox.links.emplace(network, std::move(held)).second;
}

// ---- Work in the kernel.

os::Co<Result<void>> NodeNetwork::Impl::start(KnownNetworks known) {
  auto open_and_look = [this]() -> Result<Found> {
    ASSIGN_OR_RETURN(kernel, Kernel::open(options.table));
    ASSIGN_OR_RETURN(flows, Flows::open());
    ASSIGN_OR_RETURN(removal, NetlinkSocket::open(NETLINK_ROUTE));
    RETURN_IF_ERROR(os::make_folders(netns_folder(), 0755));
    return kernel->look(options.bridge);
  };
  CO_ASSIGN_OR_RETURN(const auto found, co_await driver.run(open_and_look));
  CO_RETURN_IF_ERROR(add_own_bridge(found, known));
  auto orphans = adopt(std::move(known), found);
  services.adopt(found.rules);

  auto plan = whole_plan();
  maps = plan.rules.maps;
  for (size_t shard = 1; shard < network::kShards; ++shard) {
    maps.merge(network::plan_ingress_shard(shard).rules.maps);
  }
  // Services are served as before until set_ports() says what they are now.
  for (const auto& [port, part] : network::ingress_parts(found.rules)) {
    network::add_part(plan, part);
  }
  auto build = [&] { return kernel->build(plan, found); };
  CO_RETURN_IF_ERROR(co_await driver.run(build));
  co_return co_await sweep(std::move(orphans));
}

os::Co<Result<void>> NodeNetwork::Impl::sweep(std::vector<std::string> links) {
  std::set<std::string> owned;
  for (const auto& [id, sandbox] : sandboxes) owned.insert(id);
  auto remove = [&]() -> Result<void> {
    for (const auto& link : links) {
      const auto gone = remove_link(*removal, link);
      // NotFound: its namespace was on its way out, and took it along.
      if (!gone && gone.error().code != ErrorCode::NotFound) return gone;
    }
    for (const auto& name : list_held(netns_folder())) {
      if (!owned.contains(name)) RETURN_IF_ERROR(release_namespace(path_of(name)));
    }
    return {};
  };
  co_return co_await sweeper.run(remove);
}

// A transaction fails only when the table is not as we left it; then it is made anew as a whole.
os::Co<Result<void>> NodeNetwork::Impl::change_rules(std::vector<RuleChange> changes) {
  for (size_t first = 0; first < changes.size(); first += kRulesPerTransaction) {
    const auto count = std::min(kRulesPerTransaction, changes.size() - first);
    const std::span<const RuleChange> some(changes.data() + first, count);
    auto change = [&] { return kernel->change_rules(some, maps); };
    const auto changed = co_await driver.run(change);
    if (changed) continue;
    log.warn("the nftables table was changed by somebody else; making it anew",
             {{"error", changed.error().message}});
    const auto plan = whole_plan();
    auto replace = [&] { return kernel->replace_rules(plan.rules); };
    co_return co_await driver.run(replace);
  }
  co_return Result<void>{};
}

os::Co<Result<void>> NodeNetwork::Impl::end_flows(std::vector<FlowFilter> filters) {
  if (filters.empty()) co_return Result<void>{};
  auto end_all = [&] { return flows->end(filters); };
  co_return co_await sweeper.run(end_all);
}

os::Co<Result<void>> NodeNetwork::Impl::serve(Result<ServicePorts::Step> step) {
  CO_RETURN_IF_ERROR(step);
  CO_RETURN_IF_ERROR(co_await change_rules(std::move(step->rules)));
  CO_RETURN_IF_ERROR(co_await end_flows(std::move(step->end_flows)));
  co_return std::move(step->outcome);
}

// What the plan has is in the kernel when the check's turn on the driver comes, and what is on its
// way there comes after it.
os::Co<NetworkCheck> NodeNetwork::Impl::check() {
  NetworkCheck found{.networks = 1};
  auto plan = whole_plan();
  const auto adopted = services.adopted();
  auto look = [&] { return kernel->check(std::move(plan), adopted); };
  const auto differences = co_await driver.run(look);
  if (!differences) found.fail(fmt::format("network bridge: {}", differences.error().message));
  if (differences) {
    for (const auto& line : *differences) found.note("network bridge: " + line);
  }
  co_return found;
}

os::Co<Result<void>> NodeNetwork::Impl::remove_all() {
  Result<void> outcome;
  std::vector<std::string> ids;
  for (const auto& [id, sandbox] : sandboxes) ids.push_back(id);
  for (const auto& id : ids) {
    auto gone = co_await disconnect(id);
    if (!gone && outcome) outcome = std::move(gone);
  }
  auto step = services.set({});
  std::vector<std::string> links;
  for (const auto& [name, link] : bridges.frame().links) links.push_back(name);
  auto remove = [&]() -> Result<void> {
    for (const auto& link : links) RETURN_IF_ERROR(kernel->remove_bridge(link));
    return kernel->remove_rules();
  };
  auto removed = co_await driver.run(remove);
  std::vector<std::string> no_links;  // They are gone with the endpoints.
  auto folder = co_await sweep(std::move(no_links));
  auto tree = [this] { return os::remove_tree(netns_folder()); };
  auto emptied = co_await sweeper.run(tree);
  for (auto* result : {&removed, &folder, &emptied}) {
    if (!*result && outcome) outcome = std::move(*result);
  }
  co_return outcome;
}

// ---- The class itself.

NodeNetwork::NodeNetwork(os::Loop& loop, Log& log, Rng& rng, NodeNetworkOptions options)
    : impl_(std::make_unique<Impl>(loop, log, rng, std::move(options))) {}

NodeNetwork::~NodeNetwork() = default;

os::Co<Result<void>> NodeNetwork::start(KnownNetworks known) {
  return impl_->start(std::move(known));
}

os::Co<Result<Subnet>> NodeNetwork::choose_subnet() {
  return impl_->choose_subnet();
}

os::Co<Result<void>> NodeNetwork::add_bridge(Bridge bridge) {
  return impl_->add_bridge(std::move(bridge));
}

os::Co<Result<void>> NodeNetwork::remove_bridge(std::string network) {
  return impl_->remove_bridge(std::move(network));
}

bool NodeNetwork::has_endpoints(std::string_view network) const {
  return std::ranges::any_of(impl_->sandboxes, [&](const auto& sandbox) {
    return sandbox.second.links.contains(network);
  });
}

std::string NodeNetwork::namespace_of(std::string_view container_id) const {
  return impl_->path_of(container_id);
}

os::Co<Result<std::string>> NodeNetwork::open(std::string container_id) {
  return impl_->open(std::move(container_id));
}

os::Co<Result<Endpoint>> NodeNetwork::connect(EndpointRequest request) {
  return impl_->connect(std::move(request));
}

os::Co<Result<Endpoint>> NodeNetwork::lead_out(std::string container_id, std::string network,
                                               std::vector<PublishedPort> ports) {
  return impl_->lead_out(std::move(container_id), std::move(network), std::move(ports));
}

os::Co<Result<void>> NodeNetwork::leave(std::string container_id, std::string network) {
  return impl_->leave(std::move(container_id), std::move(network));
}

os::Co<Result<void>> NodeNetwork::disconnect(std::string container_id) {
  return impl_->disconnect(std::move(container_id));
}

os::Co<Result<void>> NodeNetwork::end_flows(std::string container_id) {
  return impl_->end_flows_of(std::move(container_id));
}

os::Co<Result<void>> NodeNetwork::end_flows_to(std::vector<IpAddress> servers) {
  std::vector<FlowFilter> filters;
  for (const IpAddress& ip : servers) filters.push_back({.server = ip});
  return impl_->end_flows(std::move(filters));
}

os::Co<Result<void>> NodeNetwork::set_ports(std::vector<IngressPort> ports) {
  return impl_->serve(impl_->services.set(std::move(ports)));
}

os::Co<Result<void>> NodeNetwork::change_ports(std::vector<IngressPort> put,
                                               std::vector<IngressPort> gone) {
  return impl_->serve(impl_->services.change(std::move(put), std::move(gone)));
}

os::Co<Result<std::vector<IngressPort>>> NodeNetwork::retry_ports() {
  std::vector<IngressPort> regained;
  Result<ServicePorts::Step> step = impl_->services.retry(regained);
  CO_RETURN_IF_ERROR(co_await impl_->serve(std::move(step)));
  co_return regained;
}

os::Co<NetworkCheck> NodeNetwork::check() {
  return impl_->check();
}

const Endpoint* NodeNetwork::find(std::string_view container_id, std::string_view network) const {
  const auto* held = impl_->find(container_id, network);
  return held && held->state == Impl::State::Connected ? &held->endpoint : nullptr;
}

std::vector<Endpoint> NodeNetwork::endpoints() const {
  std::vector<Endpoint> all;
  for (const auto& [id, sandbox] : impl_->sandboxes) {
    for (const auto& [network, held] : sandbox.links) {
      if (held.state == Impl::State::Connected) all.push_back(held.endpoint);
    }
  }
  return all;
}

const Subnet& NodeNetwork::subnet() const {
  return impl_->bridges.find(kOwnBridge)->config.subnet;
}
const std::string& NodeNetwork::bridge() const {
  return impl_->options.bridge;
}

int NodeNetwork::mtu() const {
  return impl_->options.mtu;
}

os::Co<Result<void>> NodeNetwork::remove_all() {
  return impl_->remove_all();
}

}  // namespace shoal::netdriver

#include "netdriver/node_network.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "base/check.h"
#include "netdriver/flows.h"
#include "netdriver/host_ports.h"
#include "netdriver/kernel.h"
#include "netdriver/namespaces.h"
#include "netdriver/service_ports.h"
#include "netdriver/worker.h"
#include "network/address_pool.h"
#include "network/plan.h"
#include "network/shards.h"
#include "os/file.h"

namespace shoal::netdriver {

using network::Backend;
using network::BridgeConfig;
using network::Changes;
using network::EndpointConfig;
using network::IngressPort;
using network::IpAddress;
using network::Plan;
using network::PortProtocol;
using network::PublishedPort;
using network::RuleChange;
using network::Subnet;

namespace {

constexpr size_t kContainerIdMax = 64;
constexpr size_t kLinkNameMax = 15;
constexpr size_t kRulesPerTransaction = 1000;

Result<void> check_id(const std::string& id) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  };
  if (id.empty() || id.size() > kContainerIdMax || id[0] == '.' || !std::ranges::all_of(id, fits)) {
    return invalid_argument("invalid container id \"{}\"", id);
  }
  return {};
}

Result<void> check_request(const EndpointRequest& request) {
  RETURN_IF_ERROR(check_id(request.container_id));
  if (request.mode == NetworkMode::None && (!request.ports.empty() || request.address)) {
    return invalid_argument(
        "conflicting options: a container without a network has no ports and no address");
  }
  if (request.ports.size() > kPortsPerEndpointMax) {
    return invalid_argument("{} published ports; at most {} are possible", request.ports.size(),
                            kPortsPerEndpointMax);
  }
  for (const auto& port : request.ports) {
    if (port.container_port == 0) return invalid_argument("invalid container port: 0");
  }
  if (request.address && !request.address->is_v4()) {
    return invalid_argument("invalid IPv4 address: {}", request.address->str());
  }
  return {};
}

// Derived from the endpoint, so that the next daemon finds it; not from the container, which may be
// connected again while its last link is still being removed.
std::string veth_name(const Endpoint& endpoint) {
  return (kVethPrefix + endpoint.endpoint_id).substr(0, kLinkNameMax);
}

std::string random_hex(Rng& rng) {
  std::string text;
  for (int i = 0; i < 4; ++i) text += fmt::format("{:016x}", rng.next());
  return text;
}

}  // namespace

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

  std::string netns_folder() const { return options.run_dir + "/netns"; }
  Plan part_of(const Endpoint& endpoint) const;
  Plan whole_plan() const;

  Result<void> choose_subnet(const Found& found, const std::vector<Endpoint>& endpoints);
  std::vector<std::string> adopt(std::vector<Endpoint> endpoints, const Found& found);
  Result<std::vector<std::unique_ptr<HeldPort>>> hold_ports(const Endpoint& endpoint,
                                                            std::vector<PublishedPort>& ports);
  Result<Held> prepare(const EndpointRequest& request);
  void give_back(Held& held);

  os::Co<Result<void>> start(std::vector<Endpoint> endpoints);
  os::Co<Result<void>> sweep(std::vector<std::string> links);
  os::Co<Result<void>> attach(Held& held);
  os::Co<Result<void>> detach(const Endpoint& endpoint);
  void remove_behind(std::weak_ptr<bool> here, const std::string& link, const IpAddress& ip);
  os::Co<Result<Endpoint>> connect(EndpointRequest request);
  os::Co<Result<void>> disconnect(std::string container_id);
  os::Co<Result<void>> change_rules(std::vector<RuleChange> changes);
  os::Co<Result<void>> end_flows(std::vector<FlowFilter> filters);
  os::Co<Result<void>> serve(Result<ServicePorts::Step> step);
  os::Co<NetworkCheck> check();
  os::Co<Result<void>> remove_all();

  os::Loop& loop;
  Log& log;
  Rng& rng;
  const NodeNetworkOptions options;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);  // For what comes back by itself.
  BridgeConfig bridge;
  network::MapShapes maps;  // the frame's and every shard's
  std::optional<network::AddressPool> pool;
  HostPorts host_ports;  // Outlives whatever holds ports.
  ServicePorts services;
  std::map<std::string, Held, std::less<>> endpoints;

  // Each is used by one worker only, after start() has filled it.
  std::optional<Kernel> kernel;          // driver
  std::optional<Flows> flows;            // sweeper
  std::optional<NetlinkSocket> removal;  // sweeper

  NamespaceStock stock;
  Worker driver;   // what a container waits for
  Worker sweeper;  // what nobody waits for: it may take a while
};

// ---- Plans and books.

Plan NodeNetwork::Impl::part_of(const Endpoint& endpoint) const {
  if (endpoint.mode != NetworkMode::Bridge) return {};
  return network::plan_endpoint(bridge, {veth_name(endpoint), endpoint.link,
                                         endpoint.address->address, endpoint.mac, endpoint.ports});
}

Plan NodeNetwork::Impl::whole_plan() const {
  auto plan = network::plan_frame(bridge);
  for (const auto& [id, held] : endpoints) {
    const bool in_kernel = held.state == State::Publishing || held.state == State::Connected;
    if (in_kernel) network::add_part(plan, part_of(held.endpoint));
  }
  services.add_parts(plan);
  return plan;
}

Result<void> NodeNetwork::Impl::choose_subnet(const Found& found,
                                              const std::vector<Endpoint>& adopted) {
  bridge.name = options.bridge;
  bridge.mtu = options.mtu;
  bridge.mesh_link = options.mesh_link;
  const auto v4 = std::ranges::find_if(found.bridge_addresses,
                                       [](const Subnet& s) { return s.address.is_v4(); });
  const auto connected = std::ranges::find_if(
      adopted, [](const Endpoint& e) { return e.gateway.has_value() && e.address.has_value(); });
  if (connected != adopted.end()) {  // What containers already use cannot change under them.
    bridge.subnet = {*connected->gateway, connected->address->length};
  } else if (options.subnet) {
    bridge.subnet = *options.subnet;
  } else if (v4 != found.bridge_addresses.end()) {
    bridge.subnet = *v4;
  } else {
    ASSIGN_OR_RETURN(bridge.subnet, network::choose_bridge_subnet(found.used));
  }
  const auto& subnet = bridge.subnet;
  if (!subnet.address.is_v4() || subnet.length < 8 || subnet.length > 30 ||
      subnet.address == subnet.first() || subnet.address == subnet.last()) {
    return invalid_argument("invalid bridge network {}", subnet.str());
  }
  pool.emplace(subnet);
  return {};
}

// Takes over what still runs; returns the links that belong to nobody.
std::vector<std::string> NodeNetwork::Impl::adopt(std::vector<Endpoint> running,
                                                  const Found& found) {
  std::set<std::string> orphans(found.veths.begin(), found.veths.end());
  for (auto& endpoint : running) {
    const bool on_bridge = endpoint.mode == NetworkMode::Bridge;
    const bool linked = !on_bridge || orphans.contains(veth_name(endpoint));
    if (!linked || !holds_namespace(endpoint.netns_path) ||
        (on_bridge && !pool->take(endpoint.address->address))) {
      log.warn("network of a container is gone", {{"container", endpoint.container_id}});
      continue;
    }
    orphans.erase(veth_name(endpoint));
    Held held;
    auto ports = hold_ports(endpoint, endpoint.ports);
    if (ports) {
      held.ports = std::move(*ports);
    } else {
      log.warn("a published port is no longer reserved",
               {{"container", endpoint.container_id}, {"error", ports.error().message}});
    }
    held.endpoint = std::move(endpoint);
    const auto id = held.endpoint.container_id;
    endpoints.emplace(id, std::move(held));
  }
  return {orphans.begin(), orphans.end()};
}

// Chooses the host ports that are not named.
Result<std::vector<std::unique_ptr<HeldPort>>> NodeNetwork::Impl::hold_ports(
    const Endpoint& endpoint, std::vector<PublishedPort>& ports) {
  std::vector<std::unique_ptr<HeldPort>> held;
  for (auto& port : ports) {
    const Backend target{endpoint.address->address, port.container_port};
    auto one = host_ports.hold(port.protocol, port.host_ip, port.host_port,
                               [target] { return std::optional(target); });
    if (!one) {
      return with_context(
          Result<std::vector<std::unique_ptr<HeldPort>>>(std::unexpected(std::move(one).error())),
          "driver failed programming external connectivity on endpoint {} ({})",
          endpoint.container_name, endpoint.endpoint_id);
    }
    port.host_port = (*one)->port();
    held.push_back(std::move(*one));
  }
  return held;
}

Result<NodeNetwork::Impl::Held> NodeNetwork::Impl::prepare(const EndpointRequest& request) {
  Held held{.state = State::Connecting};
  auto& endpoint = held.endpoint;
  endpoint.container_id = request.container_id;
  endpoint.container_name = request.container_name;
  endpoint.endpoint_id = random_hex(rng);
  endpoint.netns_path = netns_folder() + "/" + request.container_id;
  endpoint.mode = request.mode;
  endpoint.link = request.link;
  if (request.mode == NetworkMode::None) return held;

  IpAddress address;
  if (request.address) {
    address = *request.address;
    RETURN_IF_ERROR(pool->take(address));
  } else {
    ASSIGN_OR_RETURN(address, pool->take());
  }
  endpoint.address = Subnet{address, bridge.subnet.length};
  endpoint.gateway = bridge.subnet.address;
  endpoint.mac = request.mac.value_or(network::MacAddress::of(address));
  endpoint.ports = request.ports;
  auto ports = hold_ports(endpoint, endpoint.ports);
  if (!ports) {
    pool->give_back(address);
    return std::unexpected(std::move(ports).error());
  }
  held.ports = std::move(*ports);
  return held;
}

// Ports go with the Held itself.
void NodeNetwork::Impl::give_back(Held& held) {
  held.ports.clear();
  if (held.endpoint.address) pool->give_back(held.endpoint.address->address);
}

// ---- Work in the kernel.

os::Co<Result<void>> NodeNetwork::Impl::start(std::vector<Endpoint> running) {
  auto open_and_look = [this]() -> Result<Found> {
    ASSIGN_OR_RETURN(kernel, Kernel::open(options.table));
    ASSIGN_OR_RETURN(flows, Flows::open());
    ASSIGN_OR_RETURN(removal, NetlinkSocket::open(NETLINK_ROUTE));
    RETURN_IF_ERROR(os::make_folders(netns_folder(), 0755));
    return kernel->look(options.bridge);
  };
  CO_ASSIGN_OR_RETURN(const auto found, co_await driver.run(open_and_look));
  CO_RETURN_IF_ERROR(choose_subnet(found, running));
  auto orphans = adopt(std::move(running), found);
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
  for (const auto& [id, held] : endpoints) owned.insert(id);
  auto remove = [&]() -> Result<void> {
    for (const auto& link : links) {
      const auto gone = remove_link(*removal, link);
      // NotFound: its namespace was on its way out, and took it along.
      if (!gone && gone.error().code != ErrorCode::NotFound) return gone;
    }
    for (const auto& name : list_held(netns_folder())) {
      if (!owned.contains(name)) RETURN_IF_ERROR(release_namespace(netns_folder() + "/" + name));
    }
    return {};
  };
  co_return co_await sweeper.run(remove);
}

os::Co<Result<void>> NodeNetwork::Impl::attach(Held& held) {
  const Endpoint& endpoint = held.endpoint;
  auto changes = network::diff(Plan{}, part_of(endpoint));
  auto make = [&]() -> Result<void> {
    ASSIGN_OR_RETURN(auto space, stock.take());
    RETURN_IF_ERROR(hold_namespace(space.fd, endpoint.netns_path));
    auto attached = kernel->attach(changes.add_links, space);
    if (!attached) (void)release_namespace(endpoint.netns_path);  // The first error counts.
    return attached;
  };
  CO_RETURN_IF_ERROR(co_await driver.run(make));
  held.state = State::Publishing;
  auto published = co_await change_rules(std::move(changes.rules));
  if (!published) {
    held.state = State::Leaving;
    auto undo = [&]() -> Result<void> {
      RETURN_IF_ERROR(release_namespace(endpoint.netns_path));
      return endpoint.mode == NetworkMode::Bridge ? remove_link(*removal, veth_name(endpoint))
                                                  : Result<void>{};
    };
    (void)co_await sweeper.run(undo);  // The first error counts.
  }
  co_return published;
}

// Nobody waits for the link: its removal takes the kernel tens of milliseconds.
os::Co<Result<void>> NodeNetwork::Impl::detach(const Endpoint& endpoint) {
  auto release = [&] { return release_namespace(endpoint.netns_path); };
  auto released = co_await driver.run(release);  // Not behind earlier links.
  if (endpoint.mode == NetworkMode::Bridge) {
    sweeper.post([this, here = std::weak_ptr(alive), link = veth_name(endpoint),
                  ip = endpoint.address->address] { remove_behind(here, link, ip); });
  }
  co_return released;
}

// On the sweeper. The address is free only when nothing leads to it any more.
void NodeNetwork::Impl::remove_behind(std::weak_ptr<bool> here, const std::string& link,
                                      const IpAddress& ip) {
  Result<void> done = remove_link(*removal, link);
  // The namespace may have died before, and the link with it.
  if (!done && done.error().code == ErrorCode::NotFound) done = {};
  const FlowFilter both[] = {{.server = ip}, {.client = ip}};
  auto ended = flows->end(both);
  if (!ended && done) done = std::move(ended);
  loop.post([this, here = std::move(here), link, ip, done = std::move(done)] {
    if (here.expired()) return;
    if (!done)
      log.warn("a link was not removed", {{"link", link}, {"error", done.error().message}});
    pool->give_back(ip);
  });
}

os::Co<Result<Endpoint>> NodeNetwork::Impl::connect(EndpointRequest request) {
  CO_RETURN_IF_ERROR(check_request(request));
  const auto id = request.container_id;
  if (endpoints.contains(id)) {
    co_return already_exists("endpoint with name {} already exists in network bridge",
                             request.container_name);
  }
  if (endpoints.size() >= kEndpointsMax) {
    co_return unavailable("this node has {} endpoints, the most that are possible", kEndpointsMax);
  }
  CO_ASSIGN_OR_RETURN(auto prepared, prepare(request));
  auto& held = endpoints.emplace(id, std::move(prepared)).first->second;
  auto attached = co_await attach(held);
  attached = with_context(std::move(attached), "failed to create endpoint {} on network bridge",
                          request.container_name);
  if (!attached) {
    give_back(held);
    endpoints.erase(id);
    co_return std::unexpected(std::move(attached).error());
  }
  std::vector<FlowFilter> stale;
  for (const auto& port : held.endpoint.ports) {
    if (port.protocol == PortProtocol::Udp) {
      stale.push_back({.protocol = PortProtocol::Udp, .asked_port = port.host_port});
    }
  }
  const auto ended = co_await end_flows(std::move(stale));
  if (!ended) log.warn("flows were not ended", {{"error", ended.error().message}});
  held.state = State::Connected;
  co_return held.endpoint;
}

os::Co<Result<void>> NodeNetwork::Impl::disconnect(std::string container_id) {
  const auto at = endpoints.find(container_id);
  if (at == endpoints.end() || at->second.state != State::Connected) {
    co_return not_found("container {} is not connected to network bridge", container_id);
  }
  auto& held = at->second;
  held.state = State::Leaving;
  const auto& endpoint = held.endpoint;
  auto changes = network::diff(part_of(endpoint), Plan{});
  auto outcome = co_await change_rules(std::move(changes.rules));
  held.ports.clear();

  auto removed = co_await detach(endpoint);
  endpoints.erase(container_id);
  co_return outcome ? removed : outcome;
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
  for (const auto& [id, held] : endpoints) ids.push_back(id);
  for (const auto& id : ids) {
    auto gone = co_await disconnect(id);
    if (!gone && outcome) outcome = std::move(gone);
  }
  auto step = services.set({});
  auto remove = [this] { return kernel->remove_all(options.bridge); };
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

os::Co<Result<void>> NodeNetwork::start(std::vector<Endpoint> endpoints) {
  return impl_->start(std::move(endpoints));
}

os::Co<Result<Endpoint>> NodeNetwork::connect(EndpointRequest request) {
  return impl_->connect(std::move(request));
}

os::Co<Result<void>> NodeNetwork::disconnect(std::string container_id) {
  return impl_->disconnect(std::move(container_id));
}

os::Co<Result<void>> NodeNetwork::end_flows(std::string container_id) {
  const auto* endpoint = find(container_id);
  if (!endpoint) co_return not_found("container {} is not connected", container_id);
  std::vector<FlowFilter> filters;
  if (endpoint->address) filters.push_back({.server = endpoint->address->address});
  co_return co_await impl_->end_flows(std::move(filters));
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

const Endpoint* NodeNetwork::find(std::string_view container_id) const {
  const auto at = impl_->endpoints.find(container_id);
  const bool connected = at != impl_->endpoints.end() && at->second.state == Impl::State::Connected;
  return connected ? &at->second.endpoint : nullptr;
}

std::vector<Endpoint> NodeNetwork::endpoints() const {
  std::vector<Endpoint> all;
  for (const auto& [id, held] : impl_->endpoints) {
    if (held.state == Impl::State::Connected) all.push_back(held.endpoint);
  }
  return all;
}

os::Co<NetworkCheck> NodeNetwork::check() {
  return impl_->check();
}

const Subnet& NodeNetwork::subnet() const {
  return impl_->bridge.subnet;
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

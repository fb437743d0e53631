// NodeNetwork: containers and their links.
#include <algorithm>

#include "base/check.h"
#include "netdriver/node_network_impl.h"

namespace shoal::netdriver {
namespace {

std::string random_hex(Rng& rng) {
  std::string text;
  for (int i = 0; i < 4; ++i) text += fmt::format("{:016x}", rng.next());
  return text;
}

}  // namespace

NodeNetwork::Impl::Held* NodeNetwork::Impl::find(std::string_view container_id,
                                                 std::string_view network) {
  const auto sandbox = sandboxes.find(container_id);
  if (sandbox == sandboxes.end()) return nullptr;
  const auto held = sandbox->second.links.find(network);
  return held == sandbox->second.links.end() ? nullptr : &held->second;
}

size_t NodeNetwork::Impl::link_count() const {
  size_t count = 0;
  for (const auto& [id, sandbox] : sandboxes) count += sandbox.links.size();
  return count;
}

// Chooses the host ports that are not named.
Result<std::vector<std::unique_ptr<HeldPort>>> NodeNetwork::Impl::hold_ports(
    const Endpoint& endpoint, std::vector<PublishedPort>& ports) {
  std::vector<std::unique_ptr<HeldPort>> held;
  for (auto& port : ports) {
    const Backend target{endpoint.address.address, port.container_port};
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
  const Bridge* bridge = bridges.find(request.network);
  if (!bridge) return not_found("network {} not found", request.network);
  const Subnet& subnet = bridge->config.subnet;
  Held held{.state = State::Connecting};
  auto& endpoint = held.endpoint;
  endpoint.container_id = request.container_id;
  endpoint.container_name = request.container_name;
  endpoint.network = request.network;
  endpoint.endpoint_id = random_hex(rng);
  endpoint.netns_path = path_of(request.container_id);
  endpoint.link = request.link;
  endpoint.gateway = subnet.address;
  endpoint.default_route = request.default_route;
  ASSIGN_OR_RETURN(const auto address, bridges.take(request.network, request.address));
  endpoint.address = Subnet{address, subnet.length};
  endpoint.mac = request.mac.value_or(network::MacAddress::of(address));
  endpoint.ports = request.ports;
  auto ports = hold_ports(endpoint, endpoint.ports);
  if (!ports) {
    bridges.give_back(request.network, address);
    return std::unexpected(std::move(ports).error());
  }
  held.ports = std::move(*ports);
  return held;
}

// Ports go with the Held itself.
void NodeNetwork::Impl::give_back(Held& held) {
  held.ports.clear();
  bridges.give_back(held.endpoint.network, held.endpoint.address.address);
}

os::Co<Result<std::string>> NodeNetwork::Impl::open(std::string container_id) {
  CO_RETURN_IF_ERROR(check_container_id(container_id));
  const auto [sandbox, is_new] = sandboxes.try_emplace(container_id);
  if (!is_new) co_return already_exists("container {} has a namespace", container_id);
  const auto path = path_of(container_id);
  auto make = [&]() -> Result<void> {
    ASSIGN_OR_RETURN(const auto space, stock.take());
    return hold_namespace(space.fd, path);
  };
  const auto made = co_await driver.run(make);
  if (!made) {
    sandboxes.erase(sandbox);
    co_return std::unexpected(made.error());
  }
  co_return path;
}

os::Co<Result<void>> NodeNetwork::Impl::attach(Held& held, bool is_new) {
  const Endpoint& endpoint = held.endpoint;
  auto changes = network::diff(Plan{}, part_of(endpoint));
  auto make = [&]() -> Result<void> {
    ASSIGN_OR_RETURN(auto space, is_new ? stock.take() : enter_namespace(endpoint.netns_path));
    if (is_new) RETURN_IF_ERROR(hold_namespace(space.fd, endpoint.netns_path));
    auto attached = kernel->attach(changes.add_links, space);
    if (!attached && is_new) (void)release_namespace(endpoint.netns_path);  // The first counts.
    return attached;
  };
  CO_RETURN_IF_ERROR(co_await driver.run(make));
  held.state = State::Publishing;
  auto published = co_await change_rules(std::move(changes.rules));
  if (!published) {
    held.state = State::Leaving;
    auto undo = [&]() -> Result<void> {
      if (is_new) RETURN_IF_ERROR(release_namespace(endpoint.netns_path));
      return remove_link(*removal, veth_name(endpoint));
    };
    (void)co_await sweeper.run(undo);  // The first error counts.
  }
  co_return published;
}

os::Co<Result<void>> NodeNetwork::Impl::unpublish(Held& held) {
  held.state = State::Leaving;
  auto changes = network::diff(part_of(held.endpoint), Plan{});
  auto outcome = co_await change_rules(std::move(changes.rules));
  held.ports.clear();
  co_return outcome;
}

// Nobody waits for the link: its removal takes the kernel tens of milliseconds.
void NodeNetwork::Impl::remove_link_behind(const Endpoint& endpoint) {
  sweeper.post([this, here = std::weak_ptr(alive), link = veth_name(endpoint),
                network = endpoint.network, ip = endpoint.address.address] {
    Result<void> done;
    remove_behind(link, ip, done);
    loop.post([this, here, link, network, ip, done = std::move(done)] {
      if (here.expired()) return;
      if (!done) {
        log.warn("a link was not removed", {{"link", link}, {"error", done.error().message}});
      }
      bridges.give_back(network, ip);
    });
  });
}

// On the sweeper. The address is free only when nothing leads to it any more.
void NodeNetwork::Impl::remove_behind(const std::string& link, const IpAddress& ip,
                                      Result<void>& done) {
  done = remove_link(*removal, link);
  // The namespace may have died before, and the link with it.
  if (!done && done.error().code == ErrorCode::NotFound) done = {};
  const FlowFilter both[] = {{.server = ip}, {.client = ip}};
  auto ended = flows->end(both);
  if (!ended && done) done = std::move(ended);
}

os::Co<Result<Endpoint>> NodeNetwork::Impl::connect(EndpointRequest request) {
  CO_RETURN_IF_ERROR(check_request(request));
  const auto id = request.container_id;
  const auto network = request.network;
  if (find(id, network)) {
    co_return already_exists("endpoint with name {} already exists in network {}",
                             request.container_name, bridges.find(network)->name);
  }
  if (link_count() >= kEndpointsMax) {
    co_return unavailable("this node has {} endpoints, the most that are possible", kEndpointsMax);
  }
  if (request.address) {  // Of a link that is still being removed: after that it is free.
    auto nothing = [] { return 0; };
    co_await sweeper.run(nothing);
  }
  CO_ASSIGN_OR_RETURN(auto prepared, prepare(request));
  const auto [sandbox, is_new] = sandboxes.try_emplace(id);
  auto& held = sandbox->second.links.emplace(network, std::move(prepared)).first->second;
  auto attached = co_await attach(held, is_new);
  attached = with_context(std::move(attached), "failed to create endpoint {} on network {}",
                          request.container_name, bridges.find(network)->name);
  if (!attached) {
    give_back(held);
    sandbox->second.links.erase(network);
    if (is_new) sandboxes.erase(sandbox);
    co_return std::unexpected(std::move(attached).error());
  }
  co_await end_stale_flows(held.endpoint.ports);
  held.state = State::Connected;
  co_return held.endpoint;
}

// Flows that went past the ports before they were published.
os::Co<> NodeNetwork::Impl::end_stale_flows(std::vector<PublishedPort> ports) {
  std::vector<FlowFilter> stale;
  for (const auto& port : ports) {
    if (port.protocol == PortProtocol::Udp) {
      stale.push_back({.protocol = PortProtocol::Udp, .asked_port = port.host_port});
    }
  }
  const auto ended = co_await end_flows(std::move(stale));
  if (!ended) log.warn("flows were not ended", {{"error", ended.error().message}});
}

os::Co<Result<Endpoint>> NodeNetwork::Impl::lead_out(std::string container_id, std::string network,
                                                     std::vector<PublishedPort> ports) {
  Held* held = find(container_id, network);
  if (!held || held->state != State::Connected) {
    co_return not_found("container {} is not connected to network {}", container_id, network);
  }
  Endpoint changed = held->endpoint;
  changed.default_route = true;
  changed.ports = std::move(ports);
  CO_ASSIGN_OR_RETURN(auto held_ports, hold_ports(changed, changed.ports));
  auto changes = network::diff(part_of(held->endpoint), part_of(changed));
  const bool internal = bridges.find(network)->config.internal;
  auto lead = [&]() -> Result<void> {
    if (internal) return {};
    ASSIGN_OR_RETURN(auto space, enter_namespace(changed.netns_path));
    return set_default_route(space.route, changed.link, changed.gateway);
  };
  CO_RETURN_IF_ERROR(co_await driver.run(lead));
  held->endpoint = changed;  // Before the rules: a check finds them as the plan has them.
  held->ports = std::move(held_ports);
  CO_RETURN_IF_ERROR(co_await change_rules(std::move(changes.rules)));
  co_await end_stale_flows(changed.ports);
  co_return changed;
}

os::Co<Result<void>> NodeNetwork::Impl::leave(std::string container_id, std::string network) {
  Held* held = find(container_id, network);
  if (!held || held->state != State::Connected) {
    co_return not_found("container {} is not connected to network {}", container_id, network);
  }
  auto outcome = co_await unpublish(*held);
  const Endpoint gone = held->endpoint;
  const auto link = veth_name(gone);
  const auto ip = gone.address.address;
  Result<void> done;
  auto remove = [&] {
    remove_behind(link, ip, done);
    return 0;
  };
  co_await sweeper.run(remove);
  bridges.give_back(network, ip);
  sandboxes.find(container_id)->second.links.erase(network);
  co_return outcome ? done : outcome;
}

os::Co<Result<void>> NodeNetwork::Impl::disconnect(std::string container_id) {
  const auto at = sandboxes.find(container_id);
  if (at == sandboxes.end() || at->second.state != State::Connected) {
    co_return not_found("container {} is not connected to network bridge", container_id);
  }
  at->second.state = State::Leaving;
  Result<void> outcome;
  for (auto& [network, held] : at->second.links) {
    auto unpublished = co_await unpublish(held);
    if (outcome) outcome = std::move(unpublished);
  }
  auto release = [&] { return release_namespace(path_of(container_id)); };
  auto released = co_await driver.run(release);  // Not behind earlier links.
  for (const auto& [network, held] : at->second.links) remove_link_behind(held.endpoint);
  sandboxes.erase(at);
  co_return outcome ? released : outcome;
}

os::Co<Result<void>> NodeNetwork::Impl::end_flows_of(std::string container_id) {
  const auto at = sandboxes.find(container_id);
  if (at == sandboxes.end()) {
    co_return not_found("container {} is not connected", container_id);
  }
  std::vector<FlowFilter> filters;
  for (const auto& [network, held] : at->second.links) {
    filters.push_back({.server = held.endpoint.address.address});
  }
  co_return co_await end_flows(std::move(filters));
}

}  // namespace shoal::netdriver

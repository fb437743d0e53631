#include "agent/core/network_book.h"

#include <algorithm>

#include <fmt/format.h>

namespace shoal::agent {
namespace {

using network::IpAddress;
using network::Subnet;

// "10.0.1.5" or "10.0.1.5/24".
std::optional<IpAddress> address_of(const std::string& text) {
  auto address = IpAddress::parse(text.substr(0, text.find('/')));
  return address ? std::optional(*address) : std::nullopt;
}

std::vector<IpAddress> addresses_of(const std::vector<std::string>& texts, NetworkSteps& steps) {
  std::vector<IpAddress> all;
  for (const std::string& text : texts) {
    if (const auto address = address_of(text)) {
      all.push_back(*address);
    } else {
      steps.faults.push_back(fmt::format("\"{}\" is no address", text));
    }
  }
  return all;
}

std::vector<Subnet> subnets_of(const std::vector<std::string>& texts, NetworkSteps& steps) {
  std::vector<Subnet> all;
  for (const std::string& text : texts) {
    if (auto subnet = Subnet::parse(text)) {
      all.push_back(*subnet);
    } else {
      steps.faults.push_back(subnet.error().message);
    }
  }
  return all;
}

// The option that `docker network create -o com.docker.network.driver.mtu=…` sets; 0: none.
int mtu_of(const model::Labels& options) {
  const auto option = options.find("com.docker.network.driver.mtu");
  if (option == options.end() || option->second.size() > 5) return 0;
  int mtu = 0;
  for (const char c : option->second) {
    if (c < '0' || c > '9') return 0;
    mtu = mtu * 10 + (c - '0');
  }
  return mtu;
}

network::OverlayNetwork overlay_of(const model::NetworkView& view, NetworkSteps& steps) {
  network::OverlayNetwork overlay{.id = view.id.str(),
                                  .vni = view.vni,
                                  .subnets = {},
                                  .mtu = mtu_of(view.options),
                                  .internal = view.internal,
                                  .ingress = view.ingress};
  for (const model::IpamConfig& config : view.ipam) {
    const auto slash = config.subnet.find('/');
    const std::string length = slash == std::string::npos ? "" : config.subnet.substr(slash);
    const auto subnets = subnets_of({config.gateway + length}, steps);
    overlay.subnets.insert(overlay.subnets.end(), subnets.begin(), subnets.end());
  }
  return overlay;
}

}  // namespace

const model::NetworkView* NetworkBook::find(const model::NetworkId& network) const {
  const auto found = networks_.find(network);
  return found == networks_.end() ? nullptr : &found->second.view;
}

std::vector<model::NetworkId> NetworkBook::networks() const {
  std::vector<model::NetworkId> ids;
  for (const auto& [id, network] : networks_) ids.push_back(id);
  return ids;
}

const model::NetworkView* NetworkBook::ingress() const {
  for (const auto& [id, network] : networks_) {
    if (network.view.ingress) return &network.view;
  }
  return nullptr;
}

model::NetworksMessage NetworkBook::everything() const {
  model::NetworksMessage message{.complete = true, .changes = {}};
  const auto tell = [&](const auto& view) { message.changes.push_back(model::share(view)); };
  for (const auto& [id, network] : networks_) {
    tell(network.view);
    for (const auto& [task, view] : network.endpoints) tell(view);
    for (const auto& [service, known] : network.services) {
      if (known.view) tell(*known.view);
    }
    for (const auto& [node, view] : network.gateways) tell(view);
  }
  return message;
}

NetworkSteps NetworkBook::apply(const model::NetworksMessage& message, const model::NodeId& self) {
  NetworkSteps steps{.complete = message.complete};
  self_ = self;
  if (message.complete) {
    for (const auto& [id, network] : networks_) {
      if (!network.view.ingress) continue;
      for (const auto& [task, view] : network.endpoints) end(view, steps);
    }
    networks_.clear();
    steps.gateway = Gateway{};
  }
  for (const model::Ref<model::NetworkChange>& change : message.changes) {
    std::visit([&](const auto& one) { put(one, steps); }, *change);
  }
  for (const auto& [id, service] : std::exchange(dirty_, {})) {
    if (const auto network = networks_.find(id); network != networks_.end()) {
      settle(id, network->second, service, steps);
    }
  }
  // What has its address now begins anew: nothing of that is over.
  std::erase_if(steps.ended, [&](const IpAddress& address) { return came_.contains(address); });
  came_.clear();
  // A port that went from one service to another is not gone.
  std::erase_if(steps.gone_ports, [&](const network::IngressPort& gone) {
    return std::ranges::any_of(steps.put_ports, [&](const network::IngressPort& put) {
      return put.protocol == gone.protocol && put.port == gone.port;
    });
  });
  return steps;
}

NetworkBook::Network* NetworkBook::known(const model::NetworkId& id, NetworkSteps& steps) {
  const auto found = networks_.find(id);
  if (found != networks_.end()) return &found->second;
  steps.faults.push_back(fmt::format("the network {} was not told before what is in it", id));
  return nullptr;
}

void NetworkBook::put_peers(Network& network, const Peer& peer, NetworkSteps& steps) {
  if (peer.host.empty()) return;  // Told again when it is known.
  const auto host = IpAddress::parse(peer.host);
  if (!host) {
    steps.faults.push_back(host.error().message);
    return;
  }
  const std::vector<IpAddress> addresses = addresses_of(peer.addresses, steps);
  if (addresses.empty()) return;
  // One link, whose own address follows from the one that its host names it after.
  const auto v4 = std::ranges::find_if(addresses, &IpAddress::is_v4);
  const IpAddress& first = v4 != addresses.end() ? *v4 : addresses.front();
  for (const IpAddress& address : addresses) {
    network.owners[address] = peer.owner;
    network::OverlayPeer placed{address, *host, {}};
    if (address != first) placed.mac = network::MacAddress::of(first);
    steps.overlays.push_back(network::PutPeer{network.view.id.str(), placed});
  }
}

void NetworkBook::drop_peers(Network& network, const Peer& peer, NetworkSteps& steps) {
  for (const IpAddress& address : addresses_of(peer.addresses, steps)) {
    const auto owned = network.owners.find(address);
    if (owned == network.owners.end() || owned->second != peer.owner) continue;
    network.owners.erase(owned);
    steps.overlays.push_back(network::DropPeer{network.view.id.str(), address});
  }
}

// ---- What the manager says.

void NetworkBook::put(const model::NetworkView& view, NetworkSteps& steps) {
  networks_[view.id].view = view;
  steps.overlays.push_back(network::PutOverlay{overlay_of(view, steps)});
}

void NetworkBook::put(const model::EndpointView& view, NetworkSteps& steps) {
  Network* network = known(view.network, steps);
  if (!network) return;
  const auto before = network->endpoints.find(view.task);
  const bool moved =
      before != network->endpoints.end() &&
      (before->second.addresses != view.addresses || before->second.node != view.node);
  if (moved && before->second.node != self_) {
    drop_peers(*network, {view.task.str(), before->second.addresses, {}}, steps);
  }
  const bool placed =
      before == network->endpoints.end() || moved || before->second.host != view.host;
  if (view.node != self_ && placed) {
    put_peers(*network, {view.task.str(), view.addresses, view.host}, steps);
  }
  network->endpoints[view.task] = view;
  if (network->view.ingress && placed) {
    for (const IpAddress& address : addresses_of(view.addresses, steps)) came_.insert(address);
  }
  if (!view.service) return;
  auto& serving = network->services[view.service].serving;
  if (view.serving) {
    serving[view.task] = addresses_of(view.addresses, steps);
  } else {
    serving.erase(view.task);
  }
  dirty_.emplace(view.network, view.service);
}

void NetworkBook::put(const model::ServiceView& view, NetworkSteps& steps) {
  Network* network = known(view.network, steps);
  if (!network) return;
  network->services[view.service].view = view;
  dirty_.emplace(view.network, view.service);
}

void NetworkBook::put(const model::GatewayView& view, NetworkSteps& steps) {
  Network* network = known(view.network, steps);
  if (!network) return;
  const auto before = network->gateways.find(view.node);
  if (view.node == self_) {
    steps.gateway = Gateway{view.network.str(), subnets_of(view.addresses, steps)};
  } else {
    if (before != network->gateways.end() && before->second.addresses != view.addresses) {
      drop_peers(*network, {view.node.str(), before->second.addresses, {}}, steps);
    }
    put_peers(*network, {view.node.str(), view.addresses, view.host}, steps);
  }
  network->gateways[view.node] = view;
}

void NetworkBook::put(const model::NetworkGone& gone, NetworkSteps& steps) {
  const auto found = networks_.find(gone.network);
  if (found == networks_.end()) return;
  for (auto& [id, service] : found->second.services) {
    service.view.reset();
    settle_ports(service, steps);
  }
  if (found->second.gateways.contains(self_)) steps.gateway = Gateway{};
  networks_.erase(found);
  steps.overlays.push_back(network::DropOverlay{gone.network.str()});
}

void NetworkBook::put(const model::EndpointGone& gone, NetworkSteps& steps) {
  const auto found = networks_.find(gone.network);
  if (found == networks_.end()) return;
  const auto endpoint = found->second.endpoints.find(gone.task);
  if (endpoint == found->second.endpoints.end()) return;
  const model::EndpointView& view = endpoint->second;
  if (view.node != self_) {
    drop_peers(found->second, {gone.task.str(), view.addresses, {}}, steps);
  }
  if (found->second.view.ingress) end(view, steps);
  if (const auto service = found->second.services.find(view.service);
      service != found->second.services.end()) {
    service->second.serving.erase(gone.task);
    dirty_.emplace(gone.network, view.service);
  }
  found->second.endpoints.erase(endpoint);
}

void NetworkBook::put(const model::ServiceGone& gone, NetworkSteps&) {
  const auto found = networks_.find(gone.network);
  if (found == networks_.end()) return;
  const auto service = found->second.services.find(gone.service);
  if (service == found->second.services.end()) return;
  service->second.view.reset();
  dirty_.emplace(gone.network, gone.service);
}

void NetworkBook::put(const model::GatewayGone& gone, NetworkSteps& steps) {
  const auto found = networks_.find(gone.network);
  if (found == networks_.end()) return;
  const auto gateway = found->second.gateways.find(gone.node);
  if (gateway == found->second.gateways.end()) return;
  if (gone.node == self_) {
    steps.gateway = Gateway{};
  } else {
    drop_peers(found->second, {gone.node.str(), gateway->second.addresses, {}}, steps);
  }
  found->second.gateways.erase(gateway);
}

void NetworkBook::end(const model::EndpointView& view, NetworkSteps& steps) {
  const auto addresses = addresses_of(view.addresses, steps);
  steps.ended.insert(steps.ended.end(), addresses.begin(), addresses.end());
}

// ---- What follows for a service.

void NetworkBook::settle(const model::NetworkId& id, Network& network,
                         const model::ServiceId& service_id, NetworkSteps& steps) {
  const auto found = network.services.find(service_id);
  if (found == network.services.end()) return;
  Service& service = found->second;
  if (network.view.ingress) {
    settle_ports(service, steps);
  } else if (service.view && !service.view->virtual_ips.empty()) {
    network::OverlayService placed{.id = service_id.str(),
                                   .virtual_ips = addresses_of(service.view->virtual_ips, steps),
                                   .backends = {}};
    for (const auto& [task, addresses] : service.serving) {
      placed.backends.insert(placed.backends.end(), addresses.begin(), addresses.end());
    }
    service.placed = true;
    steps.overlays.push_back(network::PutOverlayService{id.str(), std::move(placed)});
  } else if (std::exchange(service.placed, false)) {
    steps.overlays.push_back(network::DropOverlayService{id.str(), service_id.str()});
  }
  if (!service.view && service.serving.empty()) network.services.erase(found);
}

void NetworkBook::settle_ports(Service& service, NetworkSteps& steps) {
  std::set<std::pair<model::PortProtocol, uint16_t>> ports;
  for (const model::PortConfig& config :
       service.view ? service.view->ports : std::vector<model::PortConfig>{}) {
    if (config.mode != model::PublishMode::Ingress) continue;
    network::IngressPort port{config.protocol, uint16_t(config.published_port), {}};
    const auto bound = std::ranges::find_if(service.view->bound, [&](const auto& one) {
      return one.published_port == config.published_port && one.protocol == config.protocol;
    });
    if (bound != service.view->bound.end()) {
      const auto at = addresses_of({bound->address}, steps);
      if (at.empty()) continue;  // Nowhere rather than everywhere.
      port.address = at.front();
    }
    for (const auto& [task, addresses] : service.serving) {
      const auto v4 = std::ranges::find_if(addresses, &IpAddress::is_v4);
      if (v4 != addresses.end()) port.backends.push_back({*v4, uint16_t(config.target_port)});
    }
    ports.emplace(port.protocol, port.port);
    steps.put_ports.push_back(std::move(port));
  }
  for (const auto& key : service.ports) {
    if (!ports.contains(key)) steps.gone_ports.push_back({key.first, key.second, {}});
  }
  service.ports = std::move(ports);
}

}  // namespace shoal::agent

#include "network/overlay_state.h"

#include <algorithm>
#include <utility>

namespace shoal::network {
namespace {

constexpr uint32_t kVniMax = (1u << 24) - 1;

int outer_bytes(const OverlayHost& host) {
  return host.address.is_v4() ? kVxlanBytesV4 : kVxlanBytesV6;
}

Result<void> check_network(const OverlayNetwork& network) {
  if (network.vni == 0 || network.vni > kVniMax) {
    return invalid_argument("invalid VXLAN network identifier {}", network.vni);
  }
  if (network.subnets.empty()) return invalid_argument("the network has no subnet");
  for (const auto& subnet : network.subnets) {
    const auto bits = subnet.address.size() * 8;
    if (subnet.length == 0 || subnet.length >= bits || subnet.address == subnet.first()) {
      return invalid_argument("invalid subnet {}: it has no room, or no gateway", subnet.str());
    }
  }
  return {};
}

Result<void> check_mtu(const OverlayNetwork& network, const OverlayHost& host, int mtu) {
  const bool ipv6 =
      std::ranges::any_of(network.subnets, [](const Subnet& s) { return !s.address.is_v4(); });
  const int least = ipv6 ? kOverlayMtuMinV6 : kOverlayMtuMin;
  if (mtu >= least && mtu <= kOverlayMtuMax) return {};
  if (network.mtu != 0) {
    return invalid_argument("invalid MTU {}: it is from {} to {}", mtu, least, kOverlayMtuMax);
  }
  return failed_precondition(
      "the link with address {} has an MTU of {}, which leaves {} for the network; it needs {}",
      host.address.str(), host.mtu, mtu, least);
}

MacAddress mac_of(const OverlayPeer& peer) {
  return peer.mac.value_or(MacAddress::of(peer.address));
}

const IpAddress* find_of(const std::vector<IpAddress>& all, Family family) {
  const auto at = std::ranges::find(all, family, &IpAddress::family);
  return at == all.end() ? nullptr : &*at;
}

bool has(const std::vector<IpAddress>& all, const IpAddress& ip) {
  return std::ranges::find(all, ip) != all.end();
}

}  // namespace

MacAddress OverlayLocal::mac() const {
  const auto v4 =
      std::ranges::find_if(addresses, [](const Subnet& s) { return s.address.is_v4(); });
  return MacAddress::of(v4 != addresses.end() ? v4->address : addresses.at(0).address);
}

OverlayState::OverlayState(OverlayNetwork network, const OverlayHost& host)
    : network_(std::move(network)), host_(host) {
  mtu_ = network_.mtu != 0 ? network_.mtu : host.mtu - outer_bytes(host);
}

Result<OverlayState> OverlayState::make(OverlayNetwork network, const OverlayHost& host) {
  RETURN_IF_ERROR(check_network(network));
  return OverlayState(std::move(network), host);
}

Result<OverlayState> OverlayState::remade(OverlayNetwork network, const OverlayHost& host) const {
  ASSIGN_OR_RETURN(auto made, make(std::move(network), host));
  auto state = *this;
  state.network_ = std::move(made.network_);
  state.host_ = made.host_;
  state.mtu_ = made.mtu_;
  (void)state.take_step();
  return state;
}

Result<OverlayFrame> OverlayState::frame() const {
  RETURN_IF_ERROR(check_mtu(network_, host_, mtu_));
  return OverlayFrame{network_.vni, host_.address, host_.port, mtu_,
                      MacAddress::of(network_.subnets.at(0).address)};
}

bool OverlayState::contains(const IpAddress& ip) const {
  return std::ranges::any_of(network_.subnets, [&](const Subnet& s) { return s.contains(ip); });
}

const OverlayLocal* OverlayState::local_at(const MacAddress& mac) const {
  const auto at = local_macs_.find(mac);
  return at == local_macs_.end() ? nullptr : &locals_.at(at->second);
}

// In the network, but nobody that this host has been told of.
bool OverlayState::is_stranger(const IpAddress& ip) const {
  const bool gateway =
      std::ranges::find(network_.subnets, ip, &Subnet::address) != network_.subnets.end();
  return contains(ip) && !gateway && !local_addresses_.contains(ip) && !peers_.contains(ip);
}

// ---- Parts.

OverlayPlan OverlayState::frame_part() const {
  return plan_overlay_frame(network_, mtu_, shards_);
}

OverlayPlan OverlayState::station_part(const MacAddress& mac) const {
  OverlayStation station{.mac = mac};
  if (const auto* local = local_at(mac)) {
    station.port = local->port();
    for (const auto& subnet : local->addresses) station.addresses.push_back(subnet.address);
  } else if (const auto at = stations_.find(mac); at != stations_.end()) {
    // Whoever is connected here has its address, whatever is still said of it elsewhere.
    for (const auto& ip : at->second) {
      if (!local_addresses_.contains(ip)) station.addresses.push_back(ip);
    }
    const auto& host = peers_.at(*at->second.begin()).host;
    if (!host.is_any() && host != host_.address && !station.addresses.empty()) station.host = host;
  }
  return plan_overlay_station(station, mtu_);
}

OverlayPlan OverlayState::service_part(const std::string& id) const {
  const auto at = services_.find(id);
  return at == services_.end() ? OverlayPlan{} : plan_overlay_service(at->second);
}

void OverlayState::touch_station(const MacAddress& mac) {
  if (!old_stations_.contains(mac)) old_stations_.emplace(mac, station_part(mac));
}

void OverlayState::touch_service(const std::string& id) {
  if (!old_services_.contains(id)) old_services_.emplace(id, service_part(id));
}

OverlayPlan OverlayState::plan() const {
  auto plan = frame_part();
  std::set<MacAddress> macs;
  for (const auto& [mac, addresses] : stations_) macs.insert(mac);
  for (const auto& [mac, id] : local_macs_) macs.insert(mac);
  for (const auto& mac : macs) add_part(plan, station_part(mac));
  for (const auto& [id, service] : services_) add_part(plan, plan_overlay_service(service));
  return plan;
}

OverlayState::Step OverlayState::take_step() {
  OverlayPlan before;
  OverlayPlan after;
  if (old_frame_) {
    add_part(before, *old_frame_);
    add_part(after, frame_part());
  }
  for (const auto& [mac, part] : old_stations_) {
    add_part(before, part);
    add_part(after, station_part(mac));
  }
  for (const auto& [id, part] : old_services_) {
    add_part(before, part);
    add_part(after, service_part(id));
  }
  Step step{diff(before, after), std::exchange(ended_, {})};
  old_frame_.reset();
  old_stations_.clear();
  old_services_.clear();
  return step;
}

// ---- Peers.

Result<void> OverlayState::put(const OverlayPeer& peer) {
  if (!contains(peer.address)) {
    return invalid_argument("{} is not an address of the network", peer.address.str());
  }
  if (!peer.host.is_any() && peer.host.family() != host_.address.family()) {
    return invalid_argument("{} is on host {}, which {} cannot reach: another family",
                            peer.address.str(), peer.host.str(), host_.address.str());
  }
  const auto at = peers_.find(peer.address);
  if (at != peers_.end() && at->second == peer) return {};
  if (at == peers_.end() && peers_.size() >= kOverlayPeersMax) {
    return unavailable("the network has {} peers, the most that are possible", kOverlayPeersMax);
  }
  if (at != peers_.end()) {
    if (at->second.host != peer.host) end_flows_of(peer.address);  // Somebody else has it now.
    forget_peer(at);
  }
  touch_station(mac_of(peer));
  peers_.emplace(peer.address, peer);
  stations_[mac_of(peer)].insert(peer.address);
  return {};
}

void OverlayState::forget_peer(std::map<IpAddress, OverlayPeer>::iterator at) {
  const auto mac = mac_of(at->second);
  touch_station(mac);
  auto station = stations_.find(mac);
  station->second.erase(at->first);
  if (station->second.empty()) stations_.erase(station);
  peers_.erase(at);
}

void OverlayState::drop_peer(const IpAddress& address) {
  const auto at = peers_.find(address);
  if (at == peers_.end()) return;
  const auto& host = at->second.host;
  // An address may have come to this host before its old owner elsewhere is dropped.
  const bool moved_here =
      local_addresses_.contains(address) && !host.is_any() && host != host_.address;
  if (!moved_here) end_flows_of(address);
  forget_peer(at);
}

void OverlayState::end_flows_of(const IpAddress& ip) {
  ended_.push_back({.server = ip});
  ended_.push_back({.client = ip});
}

// ---- Services.

Result<void> OverlayState::check(const OverlayService& service) const {
  for (const auto& ip : service.virtual_ips) {
    const auto owner = virtual_ips_.find(ip);
    if (!contains(ip)) {
      return invalid_argument("the virtual address {} is not one of the network", ip.str());
    }
    if (find_of(service.virtual_ips, ip.family()) != &ip) {
      return invalid_argument("two virtual addresses of one family: {}", ip.str());
    }
    if (owner != virtual_ips_.end() && owner->second != service.id) {
      return invalid_argument("the virtual address {} is that of service {}", ip.str(),
                              owner->second);
    }
  }
  if (service.backends.size() > kOverlayBackendsMax) {
    return invalid_argument("{} backends; at most {} are possible", service.backends.size(),
                            kOverlayBackendsMax);
  }
  std::set<IpAddress> seen;
  for (const auto& ip : service.backends) {
    if (!contains(ip) || has(service.virtual_ips, ip) || !seen.insert(ip).second) {
      return invalid_argument("invalid backend {}", ip.str());
    }
  }
  return {};
}

// The routing mesh balances in the ingress network by itself: nothing is made of services there.
Result<void> OverlayState::put(const OverlayService& service) {
  if (network_.ingress) return {};
  RETURN_IF_ERROR(with_context(check(service), "service {}", service.id));
  const auto at = services_.find(service.id);
  if (at != services_.end() && at->second == service) return {};
  if (at == services_.end() && services_.size() >= kOverlayServicesMax) {
    return unavailable("the network has {} services, the most that are possible",
                       kOverlayServicesMax);
  }
  touch_service(service.id);
  for (const auto& ip : service.virtual_ips) {
    if (shards_.contains(overlay_shard(ip))) continue;
    if (!old_frame_) old_frame_ = frame_part();
    shards_.insert(overlay_shard(ip));
  }
  end_withdrawn(at == services_.end() ? nullptr : &at->second, service);
  if (at != services_.end()) {
    for (const auto& ip : at->second.virtual_ips) virtual_ips_.erase(ip);
  }
  for (const auto& ip : service.virtual_ips) virtual_ips_[ip] = service.id;
  services_[service.id] = service;
  return {};
}

void OverlayState::drop_service(const std::string& id) {
  const auto at = services_.find(id);
  if (at == services_.end()) return;
  touch_service(id);
  end_withdrawn(&at->second, {});
  for (const auto& ip : at->second.virtual_ips) virtual_ips_.erase(ip);
  services_.erase(at);
}

// Connections end by themselves; datagrams go on to where their flow once led, so these flows are
// ended when a backend leaves, and when the first one comes to an address that refused so far.
void OverlayState::end_withdrawn(const OverlayService* before, const OverlayService& after) {
  constexpr auto kUdp = PortProtocol::Udp;
  for (const auto& ip : before ? before->virtual_ips : std::vector<IpAddress>{}) {
    for (const auto& backend : before->backends) {
      const bool stays = has(after.backends, backend) && has(after.virtual_ips, ip);
      if (stays || backend.family() != ip.family()) continue;
      ended_.push_back({.server = backend, .asked = ip, .protocol = kUdp});
    }
  }
  for (const auto& ip : after.virtual_ips) {
    const bool served =
        before && has(before->virtual_ips, ip) && find_of(before->backends, ip.family()) != nullptr;
    if (!served && find_of(after.backends, ip.family())) {
      ended_.push_back({.server = ip, .protocol = kUdp});
    }
  }
}

// ---- Who is connected here.

Result<void> OverlayState::add_local(const OverlayLocal& local) {
  if (local.addresses.empty()) return invalid_argument("no address is given");
  if (locals_.contains(local.id)) {
    return already_exists("container {} is connected to network {}", local.id, network_.id);
  }
  std::set<Family> families;
  for (const auto& subnet : local.addresses) {
    const auto& ip = subnet.address;
    if (!contains(ip) || !families.insert(ip.family()).second) {
      return invalid_argument("invalid address {} in network {}", subnet.str(), network_.id);
    }
    if (const auto owner = local_addresses_.find(ip); owner != local_addresses_.end()) {
      return conflict("address {} is that of container {}", ip.str(), owner->second);
    }
  }
  if (const auto* owner = local_at(local.mac())) {
    return conflict("MAC address {} is that of container {}", local.mac().str(), owner->id);
  }
  touch_station(local.mac());
  for (const auto& subnet : local.addresses) {
    // What was known of the address elsewhere counts no more.
    const auto peer = peers_.find(subnet.address);
    if (peer != peers_.end()) touch_station(mac_of(peer->second));
  }
  for (const auto& subnet : local.addresses) local_addresses_[subnet.address] = local.id;
  local_macs_[local.mac()] = local.id;
  locals_.emplace(local.id, local);
  return {};
}

void OverlayState::remove_local(const std::string& id) {
  const auto at = locals_.find(id);
  if (at == locals_.end()) return;
  touch_station(at->second.mac());
  for (const auto& subnet : at->second.addresses) {
    const auto peer = peers_.find(subnet.address);
    if (peer != peers_.end()) touch_station(mac_of(peer->second));
    end_flows_of(subnet.address);
    local_addresses_.erase(subnet.address);
  }
  local_macs_.erase(at->second.mac());
  locals_.erase(at);
}

// ---- Flows.

bool OverlayState::is_over(const Flow& flow) const {
  if (is_stranger(flow.client)) return true;
  const auto owner = virtual_ips_.find(flow.asked);
  if (owner == virtual_ips_.end()) return is_stranger(flow.server);
  const auto& backends = services_.at(owner->second).backends;
  const bool refused = flow.server == flow.asked;  // Nobody answered at the address.
  const bool stays = refused ? !find_of(backends, flow.asked.family()) : has(backends, flow.server);
  if (flow.protocol == PortProtocol::Udp) return !stays;
  return !refused && is_stranger(flow.server);
}

}  // namespace shoal::network

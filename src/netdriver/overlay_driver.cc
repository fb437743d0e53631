#include "netdriver/overlay_driver.h"

#include <algorithm>

#include "netdriver/sysctl.h"
#include "os/file.h"

namespace shoal::netdriver {

using network::OverlayChange;
using network::OverlayLocal;
using network::OverlayState;

namespace {

constexpr size_t kLinkNameMax = 15;
constexpr size_t kIdMax = 64;
constexpr auto kOn = "1";

// Ids become file names and parts of names of links.
Result<void> check_id(std::string_view what, const std::string& id) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  };
  if (id.empty() || id.size() > kIdMax || id[0] == '.' || !std::ranges::all_of(id, fits)) {
    return invalid_argument("invalid {} id \"{}\"", what, id);
  }
  return {};
}

Result<void> check_link_name(const std::string& name) {
  const auto fits = [](char c) { return c > ' ' && c < 127 && c != '/' && c != ':'; };
  if (name.empty() || name.size() > kLinkNameMax || name == "." || name == ".." ||
      !std::ranges::all_of(name, fits)) {
    return invalid_argument("invalid name of a link \"{}\"", name);
  }
  return {};
}

void keep_first(Result<void>& outcome, Result<void> result) {
  if (outcome && !result) outcome = std::move(result);
}

}  // namespace

// ---- The host.

Result<void> OverlayDriver::start() {
  ASSIGN_OR_RETURN(home_, OverlayHome::open());
  ASSIGN_OR_RETURN(tunnel_, NftTable::open(network::kTunnelTable));
  RETURN_IF_ERROR(os::make_folders(folder_, 0755));
  for (const auto& name : list_held(folder_)) {
    if (!holds_namespace(path_of(name))) {
      RETURN_IF_ERROR(release_namespace(path_of(name)));
      continue;
    }
    ASSIGN_OR_RETURN(auto space, OverlaySpace::open(*home_, path_of(name)));
    ASSIGN_OR_RETURN(auto locals, space.read_locals());
    for (const auto& local : locals) {
      if (!local.id.empty()) places_[local.id].insert(name);
    }
    nets_.emplace(name, Net{std::move(space), std::nullopt, std::move(locals), false});
  }
  return {};
}

Result<void> OverlayDriver::set_host(const network::IpAddress& address, uint16_t port) {
  if (port == 0) return invalid_argument("invalid VXLAN port 0");
  ASSIGN_OR_RETURN(const auto link, find_link_of(home_->route, address));
  const network::OverlayHost host{address, port, link.mtu};
  if (host_ == host) return {};
  host_ = host;
  RETURN_IF_ERROR(check_tunnel());
  for (auto& [id, net] : nets_) {
    if (!net.state) continue;
    ASSIGN_OR_RETURN(net.state, net.state->remade(net.state->network(), host));
    net.settled = false;
  }
  return {};
}

Result<void> OverlayDriver::look_at_host() {
  if (!host_) return {};
  const auto host = *host_;
  return set_host(host.address, host.port);
}

Result<std::vector<std::string>> OverlayDriver::check_tunnel() {
  std::vector<std::string> differences;
  if (!host_) return differences;
  const auto wanted = network::plan_tunnel_rules(host_->port);
  ASSIGN_OR_RETURN(const auto found, tunnel_->read(wanted));
  for (const auto& change : network::diff(found, wanted)) {
    differences.push_back("host: " + network::to_text(change));
  }
  if (!differences.empty()) RETURN_IF_ERROR(tunnel_->lead(found, wanted));
  return differences;
}

std::vector<std::string> OverlayDriver::networks() const {
  std::vector<std::string> ids;
  for (const auto& [id, net] : nets_) ids.push_back(id);
  return ids;
}

std::vector<std::string> OverlayDriver::planned() const {
  std::vector<std::string> ids;
  for (const auto& [id, net] : nets_) {
    if (net.state) ids.push_back(id);
  }
  return ids;
}

std::vector<std::string> OverlayDriver::unsettled() const {
  std::vector<std::string> ids;
  for (const auto& [id, net] : nets_) {
    if (net.state && !net.settled) ids.push_back(id);
  }
  return ids;
}

OverlayDriver::Net* OverlayDriver::find(const std::string& network) {
  const auto at = nets_.find(network);
  return at == nets_.end() ? nullptr : &at->second;
}

Result<OverlayDriver::Net*> OverlayDriver::require(const std::string& network) {
  auto* net = find(network);
  if (!net || !net->state) return not_found("network {} is not on this host", network);
  return net;
}

// ---- Changes.

Result<void> OverlayDriver::apply(const std::string& network, const Changes& changes) {
  Result<void> outcome;
  for (const auto& one : changes) keep_first(outcome, change(network, one));
  auto* net = find(network);
  if (net && net->state) keep_first(outcome, carry_out(*net));
  return with_context(std::move(outcome), "network {}", network);
}

Result<void> OverlayDriver::replace(const std::string& network, const Changes& changes) {
  if (auto* net = find(network); net && net->state) {
    net->found.clear();
    for (const auto& [id, local] : net->state->locals()) net->found.push_back(local);
    net->state.reset();
    net->settled = false;
  }
  return apply(network, changes);
}

Result<void> OverlayDriver::change(const std::string& network, const OverlayChange& change) {
  if (const auto* c = std::get_if<network::PutOverlay>(&change)) return put(c->network);
  if (std::holds_alternative<network::DropOverlay>(change)) return drop(network);
  const bool drops = std::holds_alternative<network::DropPeer>(change) ||
                     std::holds_alternative<network::DropOverlayService>(change);
  auto net = require(network);
  if (!net && drops) return {};  // It is not there in any case.
  RETURN_IF_ERROR(net);
  auto& state = *(*net)->state;
  if (const auto* c = std::get_if<network::PutPeer>(&change)) return state.put(c->peer);
  if (const auto* c = std::get_if<network::PutOverlayService>(&change)) {
    return state.put(c->service);
  }
  if (const auto* c = std::get_if<network::DropPeer>(&change)) state.drop_peer(c->address);
  if (const auto* c = std::get_if<network::DropOverlayService>(&change)) {
    state.drop_service(c->service);
  }
  return {};
}

Result<void> OverlayDriver::put(const network::OverlayNetwork& network) {
  if (!host_) return failed_precondition("the address of this host is not known yet");
  RETURN_IF_ERROR(check_id("network", network.id));
  auto* net = find(network.id);
  if (net && net->state) {
    if (net->state->network() == network) return {};
    ASSIGN_OR_RETURN(net->state, net->state->remade(network, *host_));
    net->settled = false;
    return {};
  }
  ASSIGN_OR_RETURN(auto state, OverlayState::make(network, *host_));
  if (!net) {
    if (nets_.size() >= kOverlaysMax) {
      return unavailable("this host has {} overlay networks, the most that are possible",
                         kOverlaysMax);
    }
    ASSIGN_OR_RETURN(auto space, OverlaySpace::open(*home_, path_of(network.id)));
    net = &nets_.emplace(network.id, Net{std::move(space), std::nullopt, {}, false}).first->second;
  }
  Result<void> outcome;
  for (const auto& local : net->found) keep_first(outcome, state.add_local(local));
  net->found.clear();
  net->state = std::move(state);
  return outcome;
}

Result<void> OverlayDriver::drop(const std::string& network) {
  auto* net = find(network);
  if (!net) return {};
  for (auto& [id, networks] : places_) networks.erase(network);
  std::erase_if(places_, [](const auto& place) { return place.second.empty(); });
  if (gateway_.network == network) gateway_ = {};
  nets_.erase(network);  // Its sockets hold the namespace too.
  return OverlaySpace::remove(*home_, path_of(network));
}

Result<void> OverlayDriver::leave(const std::string& network) {
  auto* net = find(network);
  if (!net) return {};
  ASSIGN_OR_RETURN(net->found, net->space.read_locals());
  net->state.reset();
  const bool connected =
      std::ranges::any_of(net->found, [](const OverlayLocal& local) { return !local.id.empty(); });
  return connected ? Result<void>{} : with_context(drop(network), "network {}", network);
}

// ---- Carrying them out.

Result<void> OverlayDriver::carry_out(Net& net) {
  if (net.settled) {
    if (step(net)) return {};
    net.settled = false;  // Somebody else was at it: look what there is, and mend it.
  }
  RETURN_IF_ERROR(sync(net));
  return {};
}

Result<void> OverlayDriver::step(Net& net) {
  auto step = net.state->take_step();
  RETURN_IF_ERROR(net.space.apply(step.diff));
  return net.space.end_flows(step.end_flows);
}

Result<std::vector<std::string>> OverlayDriver::sync(Net& net) {
  auto& state = *net.state;
  net.settled = false;
  ASSIGN_OR_RETURN(const auto frame, state.frame());
  // A link goes with its container's namespace, and nobody says so.
  ASSIGN_OR_RETURN(const auto linked, net.space.read_locals());
  std::vector<std::string> gone;
  for (const auto& [id, local] : state.locals()) {
    if (std::ranges::find(linked, local) == linked.end()) gone.push_back(id);
  }
  for (const auto& id : gone) state.remove_local(id);
  (void)state.take_step();  // The whole plan holds it.
  ASSIGN_OR_RETURN(auto differences, net.space.sync(*home_, frame, state.plan()));
  if (!differences.empty()) {
    RETURN_IF_ERROR(net.space.end_flows_if([&](const auto& flow) { return state.is_over(flow); }));
  }
  net.settled = true;
  return differences;
}

Result<void> OverlayDriver::settle(const std::string& network) {
  ASSIGN_OR_RETURN(auto* net, require(network));
  return with_context(carry_out(*net), "network {}", network);
}

Result<std::vector<std::string>> OverlayDriver::check(const std::string& network) {
  auto* net = find(network);
  if (!net || !net->state) return std::vector<std::string>{};
  return with_context(sync(*net), "network {}", network);
}

// ---- Containers.

Result<OverlayEndpoint> OverlayDriver::connect(const std::string& container_id,
                                               const std::string& netns_path,
                                               const network::OverlayAttachment& attachment) {
  RETURN_IF_ERROR(check_id("container", container_id));
  RETURN_IF_ERROR(check_link_name(attachment.link));
  ASSIGN_OR_RETURN(auto* net, require(attachment.network));
  if (!net->settled) {
    RETURN_IF_ERROR(with_context(carry_out(*net), "network {}", attachment.network));
  }
  const OverlayLocal local{container_id, attachment.addresses};
  ASSIGN_OR_RETURN(auto space, open_namespace(netns_path));
  RETURN_IF_ERROR(link(*net, local, {std::move(space), attachment.link}));
  places_[container_id].insert(attachment.network);
  return OverlayEndpoint{attachment, local.mac()};
}

Result<void> OverlayDriver::link(Net& net, const OverlayLocal& local, const OverlayFarEnd& far) {
  auto& state = *net.state;
  RETURN_IF_ERROR(state.add_local(local));
  auto linked = net.space.add_link(local, state.mtu(), far);
  if (linked) linked = step(net);
  if (linked) linked = net.space.open_link(local, far);
  if (linked) return {};
  state.remove_local(local.id);
  (void)net.space.remove_link(local.port());  // The first error counts.
  net.settled = bool(step(net));
  return linked;
}

Result<void> OverlayDriver::disconnect(const std::string& container_id) {
  const auto at = places_.find(container_id);
  if (at == places_.end()) return {};
  const auto networks = std::move(at->second);
  places_.erase(at);
  Result<void> outcome;
  for (const auto& network : networks) {
    if (auto* net = find(network)) keep_first(outcome, unlink(network, *net, container_id));
  }
  return outcome;
}

Result<void> OverlayDriver::disconnect_from(const std::string& container_id,
                                            const std::string& network) {
  const auto at = places_.find(container_id);
  if (at == places_.end() || at->second.erase(network) == 0) return {};
  if (at->second.empty()) places_.erase(at);
  auto* net = find(network);
  return net ? unlink(network, *net, container_id) : Result<void>{};
}

Result<void> OverlayDriver::unlink(const std::string& network, Net& net, const std::string& id) {
  if (!net.state) {
    const auto at = std::ranges::find(net.found, id, &OverlayLocal::id);
    if (at != net.found.end()) {
      RETURN_IF_ERROR(net.space.remove_link(at->port()));
      net.found.erase(at);
    }
    return leave(network);
  }
  const auto at = net.state->locals().find(id);
  if (at == net.state->locals().end()) return {};
  auto removed = net.space.remove_link(at->second.port());
  net.state->remove_local(id);
  keep_first(removed, carry_out(net));
  return with_context(std::move(removed), "network {}", network);
}

// ---- The host's own link.

Result<void> OverlayDriver::set_gateway(Gateway gateway) {
  gateway_ = std::move(gateway);
  ASSIGN_OR_RETURN(const bool same, has_gateway());
  if (same) return {};
  for (auto& [id, net] : nets_) {
    if (net.state) RETURN_IF_ERROR(unlink(id, net, ""));
  }
  RETURN_IF_ERROR(remove_gateway_link());
  if (gateway_.network.empty()) return {};
  ASSIGN_OR_RETURN(auto* net, require(gateway_.network));
  ASSIGN_OR_RETURN(auto space, current_namespace());
  RETURN_IF_ERROR(
      with_context(link(*net, {"", gateway_.addresses}, {std::move(space), gateway_link_}),
                   "network {}", gateway_.network));
  // A process of the host that asks 127.0.0.1 goes this way too.
  return write_sysctl(gateway_sysctl(), kOn);
}

Result<std::vector<std::string>> OverlayDriver::check_gateway() {
  std::vector<std::string> differences;
  if (gateway_.network.empty()) return differences;
  ASSIGN_OR_RETURN(const bool same, has_gateway());
  if (!same) {
    RETURN_IF_ERROR(set_gateway(gateway_));
    differences.push_back("add link " + gateway_link_);
    return differences;
  }
  const auto sysctl = gateway_sysctl();
  ASSIGN_OR_RETURN(const auto value, read_sysctl(sysctl));
  if (value == kOn) return differences;
  RETURN_IF_ERROR(write_sysctl(sysctl, kOn));
  differences.push_back(fmt::format("set {} to {}", sysctl, kOn));
  return differences;
}

Result<bool> OverlayDriver::has_gateway() {
  const auto* net = find(gateway_.network);
  if (!net || !net->state) return false;
  const OverlayLocal local{"", gateway_.addresses};
  const auto& locals = net->state->locals();
  const auto at = locals.find("");
  if (at == locals.end() || at->second != local) return false;
  const auto far = find_link(home_->route, gateway_link_);
  if (!far && far.error().code != ErrorCode::NotFound) return std::unexpected(far.error());
  if (!far || !far->up || far->mac != local.mac() || far->mtu != net->state->mtu()) return false;
  ASSIGN_OR_RETURN(const auto addresses, list_addresses(home_->route, far->index));
  return std::ranges::all_of(local.addresses, [&](const auto& address) {
    return std::ranges::find(addresses, address) != addresses.end();
  });
}

// One whose other end is in a network that was left.
Result<void> OverlayDriver::remove_gateway_link() {
  auto gone = remove_link(home_->route, gateway_link_);
  if (!gone && gone.error().code == ErrorCode::NotFound) return {};
  return gone;
}

Result<void> OverlayDriver::remove_all() {
  Result<void> outcome;
  for (const auto& network : networks()) keep_first(outcome, drop(network));
  keep_first(outcome, remove_gateway_link());
  auto untold = tunnel_->remove();
  if (untold || untold.error().code != ErrorCode::NotFound) keep_first(outcome, std::move(untold));
  keep_first(outcome, os::remove_tree(folder_));
  return outcome;
}

}  // namespace shoal::netdriver

#include "netdriver/overlay_space.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>

#include "netdriver/overlay_links.h"
#include "netdriver/sysctl.h"
#include "os/file.h"

namespace shoal::netdriver {
namespace {

using network::kOverlayBridge;
using network::kOverlayTunnel;
using network::OverlayDiff;
using network::OverlayFrame;
using network::OverlayLocal;
using network::OverlayPlan;
using network::Subnet;

constexpr int kLoopbackIndex = 1;
constexpr auto kContainerAlias = "container ";  // then the id and the addresses
constexpr auto kHostAlias = "host";             // then the addresses

// A link says whose it is, for the next daemon.
std::string alias_of(const OverlayLocal& local) {
  std::string text = local.id.empty() ? kHostAlias : kContainerAlias + local.id;
  for (const auto& address : local.addresses) text += " " + address.str();
  return text;
}

std::optional<OverlayLocal> parse_alias(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  const bool container = words.size() > 2 && words[0] + " " == kContainerAlias;
  const bool host = words.size() > 1 && words[0] == kHostAlias;
  if (!container && !host) return std::nullopt;
  OverlayLocal local{.id = container ? words[1] : ""};
  for (size_t i = container ? 2 : 1; i < words.size(); ++i) {
    const auto address = Subnet::parse(words[i]);
    if (!address) return std::nullopt;
    local.addresses.push_back(*address);
  }
  return local;
}

bool is_link_local(const Subnet& subnet) {
  static const Subnet kLinkLocal = *Subnet::parse("fe80::/10");
  return kLinkLocal.contains(subnet.address);
}

// NotFound is fine: a kernel without IPv6, or without the module.
Result<void> write_if_present(const std::string& path, std::string_view value) {
  auto written = write_sysctl(path, value);
  if (!written && written.error().code == ErrorCode::NotFound) return {};
  return written;
}

Result<void> write_planned(const std::string& path, const std::string& value) {
  constexpr auto kBridgeFilter = "net/bridge/";
  auto written = write_sysctl(path, value);
  const bool absent = !written && written.error().code == ErrorCode::NotFound;
  if (!absent || !path.starts_with(kBridgeFilter)) return written;
  if (value == "0") return {};  // Without the module bridged packets meet no rules in any case.
  return failed_precondition(
      "services cannot have virtual addresses on this host: the kernel module br_netfilter is not "
      "loaded (modprobe br_netfilter)");
}

// For the links to come: only what is planned has IPv6, and only what is planned is heard.
Result<void> make_held_namespace(const OverlayHome& home, const std::string& path) {
  if (::unshare(CLONE_NEWNET) != 0) return os::system_error("create", "network namespace", errno);
  auto made = current_namespace();
  ASSIGN_OR_RETURN(const auto back, NamespaceVisit::begin(home.space, home.space));
  ASSIGN_OR_RETURN(const auto space, std::move(made));
  ASSIGN_OR_RETURN(const auto inside, NamespaceVisit::begin(space, home.space));
  ASSIGN_OR_RETURN(auto route, NetlinkSocket::open(NETLINK_ROUTE));
  RETURN_IF_ERROR(set_up(route, kLoopbackIndex));
  RETURN_IF_ERROR(write_if_present("net/ipv6/conf/default/disable_ipv6", "1"));
  return hold_namespace(space, path);
}

OverlayPlan ports_of(const std::vector<LinkInfo>& links, int bridge_index) {
  OverlayPlan found;
  for (const auto& link : links) {
    const bool right = link.master == bridge_index && link.up && !link.learning;
    if (right) found.ports[link.name] = {link.hairpin, link.mtu};
  }
  return found;
}

}  // namespace

Result<OverlayHome> OverlayHome::open() {
  ASSIGN_OR_RETURN(auto space, current_namespace());
  ASSIGN_OR_RETURN(auto route, NetlinkSocket::open(NETLINK_ROUTE));
  return OverlayHome{std::move(space), std::move(route)};
}

Result<OverlaySpace> OverlaySpace::open(const OverlayHome& home, std::string path) {
  if (!holds_namespace(path)) {
    // Never made, or a file that a daemon left which died before it held anything.
    RETURN_IF_ERROR(release_namespace(path));
    RETURN_IF_ERROR(make_held_namespace(home, path));
  }
  ASSIGN_OR_RETURN(const auto space, open_namespace(path));
  ASSIGN_OR_RETURN(const auto inside, NamespaceVisit::begin(space, home.space));
  ASSIGN_OR_RETURN(auto route, NetlinkSocket::open(NETLINK_ROUTE));
  ASSIGN_OR_RETURN(auto table, NftTable::open(network::kOverlayTable));
  ASSIGN_OR_RETURN(auto guards, PortGuards::open());
  ASSIGN_OR_RETURN(auto flows, Flows::open());
  return OverlaySpace(home, std::move(path), std::move(route), std::move(table), std::move(guards),
                      std::move(flows));
}

// The kernel empties a namespace some time after its last holder is gone; until then the VXLAN
// link would keep its identifier from whoever comes next.
Result<void> OverlaySpace::remove(const OverlayHome& home, const std::string& path) {
  if (holds_namespace(path)) {
    ASSIGN_OR_RETURN(const auto space, open_namespace(path));
    ASSIGN_OR_RETURN(const auto inside, NamespaceVisit::begin(space, home.space));
    ASSIGN_OR_RETURN(auto route, NetlinkSocket::open(NETLINK_ROUTE));
    const auto gone = shoal::netdriver::remove_link(route, kOverlayTunnel);
    if (!gone && gone.error().code != ErrorCode::NotFound) return gone;
  }
  return release_namespace(path);
}

Result<NamespaceVisit> OverlaySpace::visit() const {
  ASSIGN_OR_RETURN(const auto space, open_namespace(path_));
  return NamespaceVisit::begin(space, home_->space);
}

int OverlaySpace::index_of(const std::string& link) const {
  const auto at = indexes_.find(link);
  return at == indexes_.end() ? 0 : at->second;
}

Result<std::vector<OverlayLocal>> OverlaySpace::read_locals() {
  ASSIGN_OR_RETURN(const auto links, list_links(route_));
  std::vector<OverlayLocal> locals;
  for (const auto& link : links) {
    auto local = parse_alias(link.alias);
    if (local && local->port() == link.name) locals.push_back(std::move(*local));
  }
  return locals;
}

// ---- The whole.

Result<std::vector<std::string>> OverlaySpace::sync(OverlayHome& host, const OverlayFrame& frame,
                                                    const OverlayPlan& plan) {
  std::vector<std::string> differences;
  RETURN_IF_ERROR(make_links(host, frame, differences));
  RETURN_IF_ERROR(remove_strangers(plan, differences));
  RETURN_IF_ERROR(guard_ports(plan, differences));
  ASSIGN_OR_RETURN(const auto found, read(plan));
  const auto diff = network::diff(found, plan);
  auto lines = network::describe(diff);
  differences.insert(differences.end(), std::make_move_iterator(lines.begin()),
                     std::make_move_iterator(lines.end()));
  RETURN_IF_ERROR(write_sysctls(diff.sysctls));
  RETURN_IF_ERROR(change_links(diff));
  RETURN_IF_ERROR(table_.lead(found.rules, plan.rules));
  RETURN_IF_ERROR(take_away(diff));
  return differences;
}

Result<void> OverlaySpace::make_links(OverlayHome& host, const OverlayFrame& frame,
                                      std::vector<std::string>& differences) {
  ASSIGN_OR_RETURN(auto links, list_links(route_));
  const auto find = [&](const char* name) {
    const auto at = std::ranges::find(links, name, &LinkInfo::name);
    return at == links.end() ? nullptr : &*at;
  };
  const auto* bridge = find(kOverlayBridge);
  const auto* tunnel = find(kOverlayTunnel);
  const bool same_bridge =
      bridge && bridge->up && bridge->mtu == frame.mtu && bridge->mac == frame.bridge_mac;
  const bool same_tunnel = tunnel && tunnel->vni == frame.vni &&
                           tunnel->tunnel_address == frame.host &&
                           tunnel->tunnel_port == frame.port;
  if (!bridge) {
    differences.push_back("add bridge");
    RETURN_IF_ERROR(add_overlay_bridge(route_, frame));
  } else if (!same_bridge) {
    differences.push_back("set bridge");
    Messages messages;
    set_bridge(messages, frame);
    RETURN_IF_ERROR(with_context(route_.send(std::move(messages)), "set bridge"));
  }
  if (!same_tunnel) {
    differences.push_back("add VXLAN link");
    if (tunnel) RETURN_IF_ERROR(shoal::netdriver::remove_link(route_, kOverlayTunnel));
    RETURN_IF_ERROR(make_tunnel(host, frame));
  }
  return {};
}

// The port is taken only when the link comes up, in the namespace that it was made from.
Result<void> OverlaySpace::make_tunnel(OverlayHome& host, const OverlayFrame& frame) {
  ASSIGN_OR_RETURN(const auto space, open_namespace(path_));
  RETURN_IF_ERROR(add_tunnel(host.route, frame, space.get()));
  ASSIGN_OR_RETURN(const auto link, find_link(route_, kOverlayTunnel));
  const auto up = set_up(route_, link.index);
  if (up) return {};
  (void)shoal::netdriver::remove_link(route_, kOverlayTunnel);  // The first error counts.
  if (up.error().code != ErrorCode::Conflict) return up;
  return conflict("UDP port {} is in use by another program on this host; VXLAN needs it",
                  frame.port);
}

// Links that an unfinished connect() left, and those of containers that are known no more.
Result<void> OverlaySpace::remove_strangers(const OverlayPlan& plan,
                                            std::vector<std::string>& differences) {
  ASSIGN_OR_RETURN(const auto links, list_links(route_));
  indexes_.clear();
  for (const auto& link : links) {
    const bool planned = link.name == kOverlayBridge || plan.ports.contains(link.name);
    if (planned) indexes_[link.name] = link.index;
    if (planned || link.kind != "veth") continue;
    differences.push_back("remove link " + link.name);
    RETURN_IF_ERROR(remove_link(link.name));
  }
  return {};
}

// Whose a port is, its link says.
Result<void> OverlaySpace::guard_ports(const OverlayPlan& plan,
                                       std::vector<std::string>& differences) {
  ASSIGN_OR_RETURN(auto locals, read_locals());
  std::erase_if(locals, [&](const auto& local) { return !plan.ports.contains(local.port()); });
  ASSIGN_OR_RETURN(const auto changed, guards_.sync(locals));
  for (const auto& port : changed) differences.push_back("set guard of link " + port);
  return {};
}

Result<OverlayPlan> OverlaySpace::read(const OverlayPlan& wanted) {
  const int bridge = index_of(kOverlayBridge);
  ASSIGN_OR_RETURN(const auto links, list_links(route_));
  auto found = ports_of(links, bridge);
  ASSIGN_OR_RETURN(const auto addresses, list_addresses(route_, bridge));
  std::ranges::copy_if(addresses, std::inserter(found.addresses, found.addresses.end()),
                       std::not_fn(is_link_local));
  std::map<int, std::string> names;
  for (const auto& [name, index] : indexes_) names[index] = name;
  RETURN_IF_ERROR(read_forwarding(route_, names, found));
  RETURN_IF_ERROR(read_neighbours(route_, names, found));
  ASSIGN_OR_RETURN(found.rules, table_.read(wanted.rules));

  ASSIGN_OR_RETURN(const auto inside, visit());
  for (const auto& [path, value] : wanted.sysctls) {
    const auto present = read_sysctl(path);
    if (present) found.sysctls[path] = *present;  // Else writing it says why it cannot be.
  }
  return found;
}

// ---- Changes.

Result<void> OverlaySpace::apply(const OverlayDiff& diff) {
  RETURN_IF_ERROR(write_sysctls(diff.sysctls));
  RETURN_IF_ERROR(change_links(diff));
  RETURN_IF_ERROR(table_.apply(diff.rules, network::overlay_maps()));
  return take_away(diff);
}

Result<void> OverlaySpace::write_sysctls(const std::map<std::string, std::string>& sysctls) {
  if (sysctls.empty()) return {};
  ASSIGN_OR_RETURN(const auto inside, visit());
  for (const auto& [path, value] : sysctls) RETURN_IF_ERROR(write_planned(path, value));
  return {};
}

Result<void> OverlaySpace::change_links(const OverlayDiff& diff) {
  const int bridge = index_of(kOverlayBridge);
  const int tunnel = index_of(kOverlayTunnel);
  RouteBatch batch(route_);
  for (const auto& [name, port] : diff.ports) set_port(batch.next(), name, bridge, port);
  for (const auto& address : diff.add_addresses) {
    change_address(batch.next(), true, bridge, address);
  }
  for (const auto& [mac, port] : diff.forwarding) {
    change_forwarding(batch.next(), true, mac, index_of(port));
  }
  for (const auto& [mac, host] : diff.tunnels) {
    change_tunnel(batch.next(), true, mac, host, tunnel);
  }
  for (const auto& [neighbour, mac] : diff.neighbours) {
    change_neighbour(batch.next(), true, neighbour.address, mac, index_of(neighbour.link));
  }
  return with_context(batch.finish(), "set the network's tables");
}

Result<void> OverlaySpace::take_away(const OverlayDiff& diff) {
  const int bridge = index_of(kOverlayBridge);
  RouteBatch batch(route_, NetlinkSocket::Absence::IsFine);
  for (const auto& address : diff.remove_addresses) {
    change_address(batch.next(), false, bridge, address);
  }
  for (const auto& [mac, port] : diff.remove_forwarding) {
    // With a link that is gone went its entries.
    if (const int index = index_of(port)) change_forwarding(batch.next(), false, mac, index);
  }
  for (const auto& [mac, host] : diff.remove_tunnels) {
    change_tunnel(batch.next(), false, mac, host, index_of(kOverlayTunnel));
  }
  for (const auto& [neighbour, mac] : diff.remove_neighbours) {
    change_neighbour(batch.next(), false, neighbour.address, mac, index_of(neighbour.link));
  }
  return with_context(batch.finish(), "clear the network's tables");
}

// ---- Flows.

Result<void> OverlaySpace::end_flows(const std::vector<FlowFilter>& filters) {
  std::vector<FlowFilter> found;
  for (const auto& filter : filters) {
    const bool balanced = filter.asked && filter.protocol == network::PortProtocol::Udp;
    bool exists = true;
    if (balanced) {
      const auto set = network::overlay_datagrams(filter.asked->family());
      ASSIGN_OR_RETURN(exists, table_.has(set, *filter.asked));
    }
    if (exists) found.push_back(filter);
  }
  return flows_.end(found);
}

// Whoever changed the rules may have emptied the sets.
Result<void> OverlaySpace::end_flows_if(const Flows::Predicate& is_over) {
  std::set<network::IpAddress> asked;
  RETURN_IF_ERROR(flows_.end_if([&](const network::Flow& flow) {
    if (is_over(flow)) return true;
    const bool balanced = flow.asked != flow.server;
    if (balanced && flow.protocol == network::PortProtocol::Udp) asked.insert(flow.asked);
    return false;
  }));
  std::vector<network::RuleChange> notes;
  for (const auto& ip : asked) {
    notes.push_back(network::AddElement{network::overlay_datagrams(ip.family()), ip, {}});
  }
  return table_.apply(notes, network::overlay_maps());
}

// ---- Links of containers.

Result<void> OverlaySpace::add_link(const OverlayLocal& local, int mtu, const OverlayFarEnd& far) {
  const auto port = local.port();
  const network::LinkPlan pair{.kind = network::LinkPlan::Kind::Veth,
                               .mtu = mtu,
                               .peer = network::PeerPlan{far.link, local.mac(), {}, {}}};
  RETURN_IF_ERROR(add_veth(route_, port, pair, 0, far.space.get()));
  Messages messages;
  set_alias(messages, port, alias_of(local));
  RETURN_IF_ERROR(with_context(route_.send(std::move(messages)), "name link {}", port));
  ASSIGN_OR_RETURN(const auto link, find_link(route_, port));
  indexes_[port] = link.index;
  return local.id.empty() ? Result<void>{} : guards_.put(local);
}

Result<void> OverlaySpace::open_link(const OverlayLocal& local, const OverlayFarEnd& far) {
  ASSIGN_OR_RETURN(const auto inside, NamespaceVisit::begin(far.space, home_->space));
  const bool ipv6 =
      std::ranges::any_of(local.addresses, [](const Subnet& s) { return !s.address.is_v4(); });
  const auto set = [&](std::string_view name, std::string_view value) {
    return write_sysctl(fmt::format("net/ipv6/conf/{}/{}", far.link, name), value);
  };
  if (ipv6) {
    RETURN_IF_ERROR(set("accept_dad", "0"));  // Its addresses are its own, and are used at once.
    RETURN_IF_ERROR(set("accept_ra", "0"));   // No neighbour may call itself a router.
    RETURN_IF_ERROR(set("disable_ipv6", "0"));
  }
  ASSIGN_OR_RETURN(auto route, NetlinkSocket::open(NETLINK_ROUTE));
  RETURN_IF_ERROR(configure_link(route, far.link, local.addresses));
  // The kernel learns a moment later that both ends are up; asking makes it look at once.
  RETURN_IF_ERROR(find_link(route, far.link));
  RETURN_IF_ERROR(find_link(route_, local.port()));
  return {};
}

Result<void> OverlaySpace::remove_link(const std::string& port) {
  indexes_.erase(port);
  auto gone = shoal::netdriver::remove_link(route_, port);
  if (!gone && gone.error().code == ErrorCode::NotFound) gone = {};
  const auto unguarded = guards_.drop(port);
  return gone ? unguarded : gone;
}

}  // namespace shoal::netdriver

#include "network/overlay_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "network/shards.h"

namespace shoal::network {
namespace {

// What each family's rules are named by.
struct Names {
  Family family;
  const char* services;  // virtual address -> the chain of its backends
  const char* self;      // everybody of this host, paired with itself
  const char* datagrams;
};
constexpr Names kNames[] = {{Family::V4, "services", "self", "datagrams"},
                            {Family::V6, "services6", "self6", "datagrams6"}};

const Names& names_of(Family family) {
  return family == Family::V4 ? kNames[0] : kNames[1];
}

// Named by the address, so that a service that takes over another's address changes one chain.
std::string chain_of(const IpAddress& virtual_ip) {
  auto name = "service_" + virtual_ip.str();
  std::ranges::replace_if(name, [](char c) { return c == '.' || c == ':'; }, '_');
  return in_shard(overlay_shard(virtual_ip), name);
}

uint8_t host_length(const IpAddress& ip) {
  return uint8_t(ip.size() * 8);
}

// What leads to the services of one shard.
void add_shard(size_t shard, Ruleset& rules) {
  auto& in = rules.chains[in_shard(shard, "to_backends")];
  in.base = BaseChain{true, Hook::Prerouting, Priority::DestinationNat};
  for (const auto& names : kNames) {
    const auto services = in_shard(shard, names.services);
    rules.maps[services] = {MapShape::Leads::ToChain, MapShape::Keys::Address, names.family};
    in.rules.push_back({{IsNotIcmp{}}, FollowMap{services}});
  }
}

Ruleset frame_rules(const std::set<size_t>& shards) {
  Ruleset rules;
  add_shard(0, rules);
  for (const auto shard : shards) {
    if (shard != 0) add_shard(shard, rules);
  }
  auto& out = rules.chains["to_self"];
  out.base = BaseChain{true, Hook::Postrouting, Priority::SourceNat};
  for (const auto& names : kNames) {
    using Keys = MapShape::Keys;
    rules.maps[names.self] = {MapShape::Leads::Nowhere, Keys::AddressPair, names.family};
    rules.maps[names.datagrams] = {MapShape::Leads::Nowhere, Keys::Address, names.family, true};
    const Rule note{{IsProtocol{PortProtocol::Udp}, IsTranslated{}}, NoteAsked{names.datagrams}};
    // Who is served by itself would answer itself past the translation: its peer is the service.
    const Rule hide{{IsTranslated{}, AddressesAreIn{names.self}}, SourceFromAsked{names.family}};
    out.rules.push_back(note);
    out.rules.push_back(hide);
  }
  return rules;
}

std::map<std::string, std::string> frame_sysctls(bool ipv6, bool balances) {
  const auto* on = balances ? "1" : "0";
  std::map<std::string, std::string> sysctls{
      {"net/ipv4/ip_forward", "1"},  // Without it the bridge drops what was given a backend.
      {"net/ipv4/conf/all/rp_filter", "0"},
      {"net/ipv4/conf/all/send_redirects", "0"},
      {fmt::format("net/ipv4/conf/{}/rp_filter", kOverlayBridge), "0"},
      {fmt::format("net/ipv4/conf/{}/send_redirects", kOverlayBridge), "0"},
      // Whether bridged packets meet the rules, and so the connection tracking.
      {"net/bridge/bridge-nf-call-iptables", on},
      {"net/bridge/bridge-nf-call-ip6tables", on},
      {"net/bridge/bridge-nf-call-arptables", "0"},
  };
  if (balances) {
    // A packet that conntrack finds odd would pass untranslated and be answered with a reset.
    sysctls["net/netfilter/nf_conntrack_tcp_be_liberal"] = "1";
    // What is left of a flow that was ended is refused, not given to another backend.
    sysctls["net/netfilter/nf_conntrack_tcp_loose"] = "0";
  }
  if (ipv6) {
    sysctls["net/ipv6/conf/all/forwarding"] = "1";
    // The VXLAN link has neighbours, if no addresses.
    for (const auto* link : {kOverlayBridge, kOverlayTunnel}) {
      const auto of_link = [&](std::string_view name) {
        return fmt::format("net/ipv6/conf/{}/{}", link, name);
      };
      sysctls[of_link("accept_dad")] = "0";  // Virtual addresses are on every host.
      sysctls[of_link("accept_ra")] = "0";
      sysctls[of_link("disable_ipv6")] = "0";
    }
  }
  return sysctls;
}

template <class Map>
void add_all(Map& into, const Map& from) {
  for (const auto& item : from) CHECK(into.insert(item).second, "planned twice");
}

// What `to` has beyond `from`, or otherwise.
template <class Map>
Map beyond(const Map& from, const Map& to) {
  Map found;
  for (const auto& [key, value] : to) {
    const auto had = from.find(key);
    if (had == from.end() || had->second != value) found.emplace(key, value);
  }
  return found;
}

// What `from` has under keys that `to` does not have.
template <class Map>
Map gone(const Map& from, const Map& to) {
  Map found;
  for (const auto& item : from) {
    if (!to.contains(item.first)) found.insert(item);
  }
  return found;
}

std::set<Subnet> without(const std::set<Subnet>& all, const std::set<Subnet>& some) {
  std::set<Subnet> rest;
  std::ranges::set_difference(all, some, std::inserter(rest, rest.end()));
  return rest;
}

}  // namespace

Ruleset plan_tunnel_rules(uint16_t port) {
  Ruleset rules;
  const std::vector<Rule> untrack{{{IsProtocol{PortProtocol::Udp}, ToPort{port}}, Untrack{}}};
  rules.chains["tunnel_in"] = {BaseChain{false, Hook::Prerouting, Priority::Raw}, untrack};
  rules.chains["tunnel_out"] = {BaseChain{false, Hook::Output, Priority::Raw}, untrack};
  return rules;
}

OverlayPlan plan_overlay_frame(const OverlayNetwork& network, int mtu,
                               const std::set<size_t>& shards) {
  OverlayPlan plan;
  const bool balances = !shards.empty() && !network.ingress;
  const bool ipv6 =
      std::ranges::any_of(network.subnets, [](const Subnet& s) { return !s.address.is_v4(); });
  plan.sysctls = frame_sysctls(ipv6, balances);
  plan.addresses.insert(network.subnets.begin(), network.subnets.end());
  plan.ports[kOverlayTunnel] = {false, mtu};
  plan.rules = frame_rules(shards);
  return plan;
}

OverlayPlan plan_overlay_station(const OverlayStation& station, int mtu) {
  OverlayPlan plan;
  if (!station.port.empty()) {
    plan.ports[station.port] = {true, mtu};
    plan.forwarding[station.mac] = station.port;
  } else if (station.host) {
    plan.forwarding[station.mac] = kOverlayTunnel;
    plan.tunnels[station.mac] = *station.host;
  } else {
    return plan;
  }
  for (const auto& ip : station.addresses) {
    plan.neighbours[{kOverlayBridge, ip}] = station.mac;
    if (station.port.empty()) {
      plan.neighbours[{kOverlayTunnel, ip}] = station.mac;  // Answers the containers' questions.
    } else {
      plan.rules.elements[names_of(ip.family()).self][AddressPair{ip, ip}] = std::monostate{};
    }
  }
  return plan;
}

OverlayPlan plan_overlay_service(const OverlayService& service) {
  OverlayPlan plan;
  for (const auto& virtual_ip : service.virtual_ips) {
    plan.addresses.insert({virtual_ip, host_length(virtual_ip)});
    std::vector<Backend> backends;
    for (const auto& backend : service.backends) {
      if (backend.family() == virtual_ip.family()) backends.push_back({backend, 0});
    }
    if (backends.empty()) continue;
    const auto chain = chain_of(virtual_ip);
    const auto services =
        in_shard(overlay_shard(virtual_ip), names_of(virtual_ip.family()).services);
    plan.rules.elements[services][virtual_ip] = GoToChain{chain};
    plan.rules.chains[chain].rules = balance_rules({}, std::move(backends));
  }
  return plan;
}

std::string overlay_datagrams(Family family) {
  return names_of(family).datagrams;
}

size_t overlay_shard(const IpAddress& virtual_ip) {
  return shard_of(virtual_ip.bytes());
}

const MapShapes& overlay_maps() {
  static const MapShapes kMaps = [] {
    std::set<size_t> shards;
    for (size_t shard = 0; shard < kShards; ++shard) shards.insert(shard);
    return frame_rules(shards).maps;
  }();
  return kMaps;
}

void add_part(OverlayPlan& plan, const OverlayPlan& part) {
  add_all(plan.sysctls, part.sysctls);
  add_all(plan.addresses, part.addresses);
  add_all(plan.ports, part.ports);
  add_all(plan.forwarding, part.forwarding);
  add_all(plan.tunnels, part.tunnels);
  add_all(plan.neighbours, part.neighbours);
  add_part(plan.rules, part.rules);
}

std::string overlay_port_name(const MacAddress& mac) {
  return fmt::format("c{:02x}{:02x}{:02x}{:02x}", mac.bytes[2], mac.bytes[3], mac.bytes[4],
                     mac.bytes[5]);
}

bool OverlayDiff::empty() const {
  return *this == OverlayDiff{};
}

OverlayDiff diff(const OverlayPlan& from, const OverlayPlan& to) {
  return {
      .sysctls = beyond(from.sysctls, to.sysctls),
      .ports = beyond(from.ports, to.ports),
      .add_addresses = without(to.addresses, from.addresses),
      .forwarding = beyond(from.forwarding, to.forwarding),
      .tunnels = beyond(from.tunnels, to.tunnels),
      .neighbours = beyond(from.neighbours, to.neighbours),
      .rules = diff(from.rules, to.rules),
      .remove_addresses = without(from.addresses, to.addresses),
      .remove_forwarding = gone(from.forwarding, to.forwarding),
      .remove_tunnels = gone(from.tunnels, to.tunnels),
      .remove_neighbours = gone(from.neighbours, to.neighbours),
  };
}

}  // namespace shoal::network

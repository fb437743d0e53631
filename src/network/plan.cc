#include "network/plan.h"

#include <fmt/format.h>

#include "base/check.h"
#include "network/shards.h"

namespace shoal::network {
namespace {

// The frame's maps; see plan_frame for who asks them.
constexpr auto kPorts = "ports";          // published at every address
constexpr auto kPortsAt = "ports_at";     // published at one address
constexpr auto kServices = "services";    // ingress ports with backends
constexpr auto kIdle = "services_idle";   // ingress ports without
constexpr auto kBusy = "services_busy";   // ingress ports with, as a set
constexpr auto kPublished = "published";  // the chain that asks the maps

const Subnet kLoopback{IpAddress::v4(127, 0, 0, 0), 8};

std::string service_chain(const IngressPort& port) {
  return in_shard(ingress_shard(port),
                  fmt::format("service_{}_{}", to_text(port.protocol), port.port));
}

Chain base_chain(bool nat, Hook hook, Priority priority, std::vector<Rule> rules) {
  return Chain{BaseChain{nat, hook, priority}, std::move(rules)};
}

// A service without backends refuses new connections; open ones may end as they like. The state
// comes first: each packet of the host meets these, and most are of known flows.
std::vector<Rule> refuse_idle() {
  return {
      {{InState{FlowState::New}, ToThisHost{}, IsProtocol{PortProtocol::Tcp}, PortIsIn{kIdle}},
       Refuse{true}},
      {{InState{FlowState::New}, ToThisHost{}, PortIsIn{kIdle}}, Refuse{false}},
  };
}

// The rest of a connection whose backend is gone is ended, never given to another one.
Rule refuse_mid_stream() {
  return {{InState{FlowState::New}, ToThisHost{}, IsProtocol{PortProtocol::Tcp}, IsMidStream{},
           PortIsIn{kBusy}},
          Refuse{true}};
}

// The bridge's neighbours reach containers only by published ports, containers reach all.
std::vector<Rule> forward_rules(const std::string& bridge) {
  return {
      {{ToLink{bridge}, InState{FlowState::EstablishedOrRelated}}, Accept{}},
      {{ToLink{bridge}, FromLink{bridge}}, Accept{}},
      {{ToLink{bridge}, IsTranslated{}}, Accept{}},
      {{ToLink{bridge}}, Drop{}},
  };
}

// Into the mesh goes what was asked of a published port, out of it come the answers.
std::vector<Rule> mesh_forward_rules(const std::string& link) {
  return {
      {{FromLink{link}, InState{FlowState::EstablishedOrRelated}}, Accept{}},
      {{FromLink{link}}, Drop{}},
      {{ToLink{link}, InState{FlowState::EstablishedOrRelated}}, Accept{}},
      {{ToLink{link}, IsTranslated{}}, Accept{}},
      {{ToLink{link}}, Drop{}},
  };
}

// Nothing is forwarded between an internal bridge and anything else, whatever was published.
std::vector<Rule> internal_forward_rules(const std::string& bridge) {
  return {
      {{FromLink{bridge}, ToLink{bridge, true}}, Drop{}},
      {{ToLink{bridge}, FromLink{bridge, true}}, Drop{}},
  };
}

void append(std::vector<Rule>& rules, const std::vector<Rule>& more) {
  rules.insert(rules.end(), more.begin(), more.end());
}

void prepend(std::vector<Rule>& rules, std::vector<Rule> first) {
  append(first, rules);
  rules = std::move(first);
}

void add_mesh(const std::string& link, Ruleset& rules) {
  rules.chains["guard"].rules.push_back({{FromLink{link}, ToSubnet{kLoopback}}, Drop{}});
  // Before the bridge's: what came in over the mesh for a container of the bridge is an answer.
  prepend(rules.chains["forward"].rules, mesh_forward_rules(link));
  // A process of the host that asks 127.0.0.1 is answered at the host's own address in the mesh.
  rules.chains["nat_post"].rules.push_back({{FromSubnet{kLoopback}, ToLink{link}}, Masquerade{}});
}

std::vector<Rule> postrouting_rules(const BridgeConfig& bridge) {
  std::vector<Rule> rules;
  if (bridge.masquerade) {
    rules.push_back({{FromSubnet{bridge.subnet}, ToLink{bridge.name, true}}, Masquerade{}});
  }
  // A container that asks a published port: the answer must come back through this host.
  rules.push_back({{FromSubnet{bridge.subnet}, ToLink{bridge.name}, IsTranslated{}}, Masquerade{}});
  // So must the answer to a process of the host that asks 127.0.0.1.
  rules.push_back({{FromSubnet{kLoopback}, ToLink{bridge.name}}, Masquerade{}});
  return rules;
}

// One more bridge beside those that the frame has.
void add_bridge(const BridgeConfig& bridge, Plan& plan) {
  LinkPlan link{.kind = LinkPlan::Kind::Bridge, .mtu = bridge.mtu, .address = bridge.subnet};
  link.alias = bridge.alias;
  plan.links[bridge.name] = std::move(link);
  const auto set = [&](std::string_view name, std::string_view value) {
    plan.sysctls[fmt::format("net/ipv4/conf/{}/{}", bridge.name, name)] = value;
  };
  set("forwarding", "1");
  set("route_localnet", "1");  // Published ports answer at 127.0.0.1 too.
  set("rp_filter", "1");       // No container sends in another network's name.
  set("send_redirects", "0");  // Containers that ask each other by this host stay so.
  set("accept_redirects", "0");
  auto& chains = plan.rules.chains;
  // route_localnet would let a container talk to what listens on the host's loopback alone.
  chains["guard"].rules.push_back({{FromLink{bridge.name}, ToSubnet{kLoopback}}, Drop{}});
  auto& forward = chains["forward"].rules;
  if (bridge.internal) {
    prepend(forward, internal_forward_rules(bridge.name));
    return;
  }
  append(forward, forward_rules(bridge.name));
  append(chains["nat_post"].rules, postrouting_rules(bridge));
}

template <class Map>
void add_all(Map& into, const Map& from) {
  for (const auto& [key, value] : from) CHECK(into.emplace(key, value).second, "planned twice");
}

void diff_links(const Plan& from, const Plan& to, Changes& changes) {
  for (const auto& [name, link] : from.links) {
    const auto kept = to.links.find(name);
    if (kept == to.links.end() || kept->second != link) changes.remove_links.push_back(name);
  }
  for (const auto& [name, link] : to.links) {
    const auto had = from.links.find(name);
    if (had == from.links.end() || had->second != link) changes.add_links.emplace(name, link);
  }
  for (const auto& [path, value] : to.sysctls) {
    const auto had = from.sysctls.find(path);
    if (had == from.sysctls.end() || had->second != value) changes.set_sysctls.emplace(path, value);
  }
}

void diff_chains(const Ruleset& from, const Ruleset& to, std::vector<RuleChange>& changes) {
  for (const auto& [name, chain] : to.chains) {
    const auto had = from.chains.find(name);
    if (had == from.chains.end()) {
      changes.push_back(AddChain{name, chain.base});
    } else {
      CHECK(had->second.base == chain.base, "chain {} cannot move to another hook", name);
    }
  }
  for (const auto& [name, chain] : to.chains) {
    const auto had = from.chains.find(name);
    const bool had_rules = had != from.chains.end() && !had->second.rules.empty();
    const bool same = had != from.chains.end() && had->second.rules == chain.rules;
    if (!same && (had_rules || !chain.rules.empty())) {
      changes.push_back(SetRules{name, chain.rules, had_rules});
    }
  }
  // One that nobody plans any more stays, empty: it gets its rules once when it is planned again.
  for (const auto& [name, chain] : from.chains) {
    if (!chain.base || chain.rules.empty() || to.chains.contains(name)) continue;
    changes.push_back(SetRules{name, {}, true});
  }
}

void diff_elements(const Ruleset& from, const Ruleset& to, std::vector<RuleChange>& changes) {
  static const std::map<MapKey, MapTarget> kNone;
  const auto of = [](const Ruleset& rules, const std::string& map) -> const auto& {
    const auto found = rules.elements.find(map);
    return found == rules.elements.end() ? kNone : found->second;
  };
  // What is new comes first: when there is too much for one transaction, what moves from one map to
  // another is at both places for a while, not at none.
  for (const auto& [name, elements] : to.elements) {
    const auto& present = of(from, name);
    for (const auto& [key, target] : elements) {
      const auto had = present.find(key);
      if (had != present.end() && had->second == target) continue;
      if (had != present.end()) changes.push_back(RemoveElement{name, key});
      changes.push_back(AddElement{name, key, target});
    }
  }
  for (const auto& [name, elements] : from.elements) {
    const auto& wanted = of(to, name);
    for (const auto& [key, target] : elements) {
      if (!wanted.contains(key)) changes.push_back(RemoveElement{name, key});
    }
  }
}

}  // namespace

Plan plan_frame(const BridgeConfig& bridge, const std::vector<BridgeConfig>& others) {
  using enum Hook;
  using enum Priority;
  Plan plan;
  plan.sysctls = {{"net/ipv4/ip_forward", "1"}};
  auto& rules = plan.rules;
  using Leads = MapShape::Leads;
  using Keys = MapShape::Keys;
  rules.maps[kPorts] = {Leads::ToBackend, Keys::Port, Family::V4};
  rules.maps[kPortsAt] = {Leads::ToBackend, Keys::AddressAndPort, Family::V4};
  rules.maps[kServices] = {Leads::ToChain, Keys::Port, Family::V4};
  rules.maps[kIdle] = {Leads::Nowhere, Keys::Port, Family::V4};
  rules.maps[kBusy] = {Leads::Nowhere, Keys::Port, Family::V4};
  rules.chains[kPublished].rules = {
      {{}, FollowMap{kPortsAt}}, {{}, FollowMap{kPorts}}, {{}, FollowMap{kServices}}};

  rules.chains["guard"] = base_chain(false, Prerouting, Raw, {});
  rules.chains["idle_in"] = base_chain(false, Prerouting, Mangle, refuse_idle());
  rules.chains["idle_in"].rules.push_back(refuse_mid_stream());
  rules.chains["idle_out"] = base_chain(false, Output, Mangle, refuse_idle());
  rules.chains["nat_in"] =
      base_chain(true, Prerouting, DestinationNat, {{{ToThisHost{}}, Jump{kPublished}}});
  rules.chains["nat_out"] =
      base_chain(true, Output, DestinationNat, {{{ToThisHost{}}, Jump{kPublished}}});
  rules.chains["forward"] = base_chain(false, Forward, Filter, {});
  rules.chains["nat_post"] = base_chain(true, Postrouting, SourceNat, {});
  add_bridge(bridge, plan);
  if (!bridge.mesh_link.empty()) add_mesh(bridge.mesh_link, rules);
  // Last: what keeps an internal one from everything else comes before all that lets anything by.
  for (const auto& other : others) add_bridge(other, plan);
  return plan;
}

Plan plan_endpoint(const BridgeConfig& bridge, const EndpointConfig& endpoint) {
  Plan plan;
  PeerPlan peer{
      endpoint.peer_link, endpoint.mac, Subnet{endpoint.address, bridge.subnet.length}, {}};
  if (endpoint.default_route && !bridge.internal) peer.gateway = bridge.subnet.address;
  LinkPlan link{.kind = LinkPlan::Kind::Veth, .mtu = bridge.mtu, .master = bridge.name};
  link.peer = std::move(peer);
  plan.links[endpoint.link] = std::move(link);
  for (const auto& port : endpoint.ports) {
    if (!port.host_ip.is_v4()) continue;
    const Backend target{endpoint.address, port.container_port};
    if (port.host_ip.is_any()) {
      plan.rules.elements[kPorts][PortKey{{}, port.protocol, port.host_port}] = target;
    } else {
      const PortKey key{port.host_ip, port.protocol, port.host_port};
      plan.rules.elements[kPortsAt][key] = target;
    }
  }
  return plan;
}

Plan plan_ingress(const IngressPort& port) {
  Plan plan;
  if (!port.address.is_v4()) return plan;  // It is relayed.
  const bool everywhere = port.address.is_any();
  const PortKey key{{}, port.protocol, port.port};
  if (port.backends.empty()) {
    // At other addresses the port may be somebody else's, and no refusal asks for the address.
    if (everywhere) plan.rules.elements[kIdle][key] = std::monostate{};
    return plan;
  }
  std::vector<Condition> conditions{ToThisHost{}, IsProtocol{port.protocol}};
  if (!everywhere) conditions.push_back(ToSubnet{{port.address, 32}});
  const auto chain = service_chain(port);
  plan.rules.chains[chain].rules = balance_rules(std::move(conditions), port.backends);
  plan.rules.elements[in_shard(ingress_shard(port), kServices)][key] = GoToChain{chain};
  if (everywhere) plan.rules.elements[kBusy][key] = std::monostate{};
  return plan;
}

size_t ingress_shard(const IngressPort& port) {
  const uint8_t key[] = {uint8_t(port.port >> 8), uint8_t(port.port)};
  return shard_of(key);
}

// Each looks at every new flow: whether it is for this host at all is asked only of what is found.
Plan plan_ingress_shard(size_t shard) {
  Plan plan;
  const auto services = in_shard(shard, kServices);
  plan.rules.maps[services] = {MapShape::Leads::ToChain, MapShape::Keys::Port, Family::V4};
  const std::vector<Rule> follow{{{}, FollowMap{services}}};
  plan.rules.chains[in_shard(shard, "nat_in")] =
      base_chain(true, Hook::Prerouting, Priority::DestinationNat, follow);
  plan.rules.chains[in_shard(shard, "nat_out")] =
      base_chain(true, Hook::Output, Priority::DestinationNat, follow);
  return plan;
}

std::vector<std::pair<IngressPort, Plan>> ingress_parts(const Ruleset& found) {
  std::vector<std::pair<IngressPort, Plan>> parts;
  std::vector<std::string> maps;
  for (size_t shard = 0; shard < kShards; ++shard) maps.push_back(in_shard(shard, kServices));
  maps.push_back(kIdle);
  for (const auto& map : maps) {
    const auto elements = found.elements.find(map);
    if (elements == found.elements.end()) continue;
    for (const auto& [key, target] : elements->second) {
      Plan part;
      part.rules.elements[map][key] = target;
      const auto* to = std::get_if<GoToChain>(&target);
      const auto chain = found.chains.find(to ? to->chain : "");
      if (chain != found.chains.end()) part.rules.chains.insert(*chain);
      const auto busy = found.elements.find(kBusy);
      if (to && busy != found.elements.end() && busy->second.contains(key)) {
        part.rules.elements[kBusy][key] = std::monostate{};
      }
      const auto& port = std::get<PortKey>(key);
      parts.emplace_back(IngressPort{port.protocol, port.port, {}}, std::move(part));
    }
  }
  return parts;
}

void add_part(Plan& plan, const Plan& part) {
  add_all(plan.links, part.links);
  add_all(plan.sysctls, part.sysctls);
  add_part(plan.rules, part.rules);
}

void add_part(Ruleset& rules, const Ruleset& part) {
  add_all(rules.maps, part.maps);
  add_all(rules.chains, part.chains);
  for (const auto& [name, elements] : part.elements) add_all(rules.elements[name], elements);
}

bool Changes::empty() const {
  return *this == Changes{};
}

Changes diff(const Plan& from, const Plan& to) {
  Changes changes;
  diff_links(from, to, changes);
  changes.rules = diff(from.rules, to.rules);
  return changes;
}

std::vector<RuleChange> diff(const Ruleset& from, const Ruleset& to) {
  std::vector<RuleChange> changes;
  for (const auto& [name, map] : to.maps) {
    if (!from.maps.contains(name)) changes.push_back(AddMap{name, map});
  }
  diff_chains(from, to, changes);
  diff_elements(from, to, changes);
  for (const auto& [name, chain] : from.chains) {
    if (!chain.base && !to.chains.contains(name)) changes.push_back(RemoveChain{name});
  }
  return changes;
}

}  // namespace shoal::network

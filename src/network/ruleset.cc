#include "network/ruleset.h"

#include <fmt/format.h>

#include "base/check.h"

namespace shoal::network {
namespace {

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};

std::string_view address_type(Family family) {
  return family == Family::V4 ? "ipv4_addr" : "ipv6_addr";
}
std::string_view address_word(Family family) {
  return family == Family::V4 ? "ip" : "ip6";
}

std::string endpoint_text(const Backend& backend) {
  return fmt::format("{} . {}", backend.address.str(), backend.port);
}

std::string text_of(const Condition& condition) {
  const auto negation = [](bool negated) { return negated ? "!= " : ""; };
  return std::visit(
      Overloaded{
          [&](const FromLink& c) {
            return fmt::format("iifname {}\"{}\"", negation(c.negated), c.name);
          },
          [&](const ToLink& c) {
            return fmt::format("oifname {}\"{}\"", negation(c.negated), c.name);
          },
          [](const FromSubnet& c) {
            return fmt::format("{} saddr {}/{}", address_word(c.subnet.address.family()),
                               c.subnet.first().str(), c.subnet.length);
          },
          [](const ToSubnet& c) {
            return fmt::format("{} daddr {}/{}", address_word(c.subnet.address.family()),
                               c.subnet.first().str(), c.subnet.length);
          },
          [](const ToThisHost&) { return std::string("fib daddr type local"); },
          [](const IsProtocol& c) { return fmt::format("meta l4proto {}", to_text(c.protocol)); },
          [](const InState& c) {
            return std::string(c.state == FlowState::New ? "ct state new"
                                                         : "ct state established,related");
          },
          [](const IsTranslated&) { return std::string("ct status dnat"); },
          [](const PortIsIn& c) { return fmt::format("meta l4proto . th dport @{}", c.set); },
      },
      condition);
}

std::string follow_text(const FollowMap& action, const Ruleset& ruleset) {
  const auto map = ruleset.maps.find(action.map);
  CHECK(map != ruleset.maps.end(), "no map {}", action.map);
  const auto family = address_word(map->second.family);
  const auto key = fmt::format("{}meta l4proto . th dport",
                               map->second.by_address ? fmt::format("{} daddr . ", family) : "");
  return map->second.leads == PortMap::Leads::ToChain
             ? fmt::format("{} vmap @{}", key, action.map)
             : fmt::format("dnat {} to {} map @{}", family, key, action.map);
}

std::string balance_text(const Balance& action) {
  std::vector<std::string> turns;
  for (const auto& backend : action.backends) {
    turns.push_back(fmt::format("{} : {}", turns.size(), endpoint_text(backend)));
  }
  return fmt::format("dnat {} to numgen inc mod {} map {{ {} }}",
                     address_word(action.backends.at(0).address.family()), turns.size(),
                     fmt::join(turns, ", "));
}

std::string text_of(const Action& action, const Ruleset& ruleset) {
  return std::visit(Overloaded{
                        [](const Accept&) { return std::string("accept"); },
                        [](const Drop&) { return std::string("drop"); },
                        [](const Refuse& a) {
                          return std::string(a.tcp_reset ? "reject with tcp reset"
                                                         : "reject with icmpx port-unreachable");
                        },
                        [](const Masquerade&) { return std::string("masquerade"); },
                        [](const Jump& a) { return "jump " + a.chain; },
                        [&](const FollowMap& a) { return follow_text(a, ruleset); },
                        [](const Balance& a) { return balance_text(a); },
                    },
                    action);
}

std::string_view hook_word(Hook hook) {
  switch (hook) {
    case Hook::Prerouting:
      return "prerouting";
    case Hook::Forward:
      return "forward";
    case Hook::Output:
      return "output";
    case Hook::Postrouting:
      return "postrouting";
  }
  CHECK(false, "hook {}", int(hook));
}

std::string map_text(const std::string& name, const PortMap& map, const Ruleset& ruleset) {
  const bool is_set = map.leads == PortMap::Leads::Nowhere;
  const auto key =
      fmt::format("{}inet_proto . inet_service",
                  map.by_address ? fmt::format("{} . ", address_type(map.family)) : std::string());
  std::string data;
  if (map.leads == PortMap::Leads::ToChain) data = " : verdict";
  if (map.leads == PortMap::Leads::ToBackend) {
    data = fmt::format(" : {} . inet_service", address_type(map.family));
  }
  auto text = fmt::format("  {} {} {{\n    type {}{}\n", is_set ? "set" : "map", name, key, data);
  if (const auto found = ruleset.elements.find(name); found != ruleset.elements.end()) {
    std::vector<std::string> elements;
    for (const auto& [port, target] : found->second) {
      const auto to = to_text(target);
      elements.push_back(to_text(port) + (to.empty() ? "" : " : " + to));
    }
    text += fmt::format("    elements = {{ {} }}\n", fmt::join(elements, ",\n                 "));
  }
  return text + "  }\n";
}

std::string chain_text(const std::string& name, const Chain& chain, const Ruleset& ruleset) {
  auto text = fmt::format("  chain {} {{\n", name);
  if (chain.base) {
    text += fmt::format("    type {} hook {} priority {}\n", chain.base->nat ? "nat" : "filter",
                        hook_word(chain.base->hook), int(chain.base->priority));
  }
  for (const auto& rule : chain.rules) text += "    " + to_text(rule, ruleset) + "\n";
  return text + "  }\n";
}

}  // namespace

std::string to_text(const PortKey& key) {
  return fmt::format("{}{} . {}", key.address ? key.address->str() + " . " : "",
                     to_text(key.protocol), key.port);
}

std::string to_text(const PortTarget& target) {
  return std::visit(Overloaded{
                        [](std::monostate) { return std::string(); },
                        [](const Backend& backend) { return endpoint_text(backend); },
                        [](const GoToChain& to) { return "goto " + to.chain; },
                    },
                    target);
}

std::string to_text(const Rule& rule, const Ruleset& ruleset) {
  std::string text;
  for (const auto& condition : rule.conditions) text += text_of(condition) + " ";
  return text + text_of(rule.action, ruleset);
}

std::string to_text(const Ruleset& ruleset, const std::string& table) {
  // Chains before maps: an element may name a chain, which nft wants to have read by then.
  auto text = fmt::format("table inet {} {{\n", table);
  for (const auto& [name, chain] : ruleset.chains) {
    if (!chain.base) text += chain_text(name, chain, ruleset);
  }
  for (const auto& [name, map] : ruleset.maps) text += map_text(name, map, ruleset);
  for (const auto& [name, chain] : ruleset.chains) {
    if (chain.base) text += chain_text(name, chain, ruleset);
  }
  return text + "}\n";
}

}  // namespace shoal::network

#include "network/ruleset.h"

#include <fmt/format.h>

#include "base/check.h"
#include "network/shards.h"

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
  if (backend.port == 0) return backend.address.str();
  return fmt::format("{} . {}", backend.address.str(), backend.port);
}

const MapShape& shape_of(const std::string& map, const MapShapes& maps) {
  const auto found = maps.find(map);
  CHECK(found != maps.end(), "no map {}", map);
  return found->second;
}

std::string text_of(const Condition& condition, const MapShapes& maps) {
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
          [](const ToPort& c) { return fmt::format("th dport {}", c.port); },
          [](const PortIsIn& c) {
            return fmt::format("meta l4proto . th dport @{}", local_name(c.set));
          },
          [&](const AddressesAreIn& c) {
            const auto word = address_word(shape_of(c.set, maps).family);
            return fmt::format("{0} saddr . {0} daddr @{1}", word, local_name(c.set));
          },
          [](const IsMidStream&) {
            return std::string("tcp flags & (fin | syn | rst | ack) != syn");
          },
          [](const IsNotIcmp&) {
            return std::string("meta l4proto != icmp meta l4proto != ipv6-icmp");
          },
      },
      condition);
}

// What a map is asked with.
std::string key_text(const MapShape& map) {
  const auto word = address_word(map.family);
  switch (map.keys) {
    case MapShape::Keys::Port:
      return "meta l4proto . th dport";
    case MapShape::Keys::AddressAndPort:
      return fmt::format("{} daddr . meta l4proto . th dport", word);
    case MapShape::Keys::Address:
      return fmt::format("{} daddr", word);
    case MapShape::Keys::AddressPair:
      return fmt::format("{0} saddr . {0} daddr", word);
  }
  CHECK(false, "keys {}", int(map.keys));
}

std::string follow_text(const FollowMap& action, const MapShapes& maps) {
  const auto& map = shape_of(action.map, maps);
  return map.leads == MapShape::Leads::ToChain
             ? fmt::format("{} vmap @{}", key_text(map), local_name(action.map))
             : fmt::format("dnat {} to {} map @{}", address_word(map.family), key_text(map),
                           local_name(action.map));
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

std::string text_of(const Action& action, const MapShapes& maps) {
  return std::visit(
      Overloaded{
          [](const Accept&) { return std::string("accept"); },
          [](const Drop&) { return std::string("drop"); },
          [](const Refuse& a) {
            return std::string(a.tcp_reset ? "reject with tcp reset"
                                           : "reject with icmpx port-unreachable");
          },
          [](const Untrack&) { return std::string("notrack"); },
          [](const Masquerade&) { return std::string("masquerade"); },
          [](const Jump& a) { return fmt::format("jump {}", local_name(a.chain)); },
          [&](const FollowMap& a) { return follow_text(a, maps); },
          [](const Balance& a) { return balance_text(a); },
          [](const SendTo& a) {
            return fmt::format("dnat {} to {}", address_word(a.backend.address.family()),
                               endpoint_text(a.backend));
          },
          [](const SourceFromAsked& a) {
            return fmt::format("snat {0} to ct original {0} daddr", address_word(a.family));
          },
          [&](const NoteAsked& a) {
            return fmt::format("add @{} {{ ct original {} daddr }}", local_name(a.set),
                               address_word(shape_of(a.set, maps).family));
          },
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

std::string key_type_text(const MapShape& map) {
  const auto address = address_type(map.family);
  switch (map.keys) {
    case MapShape::Keys::Port:
      return "inet_proto . inet_service";
    case MapShape::Keys::AddressAndPort:
      return fmt::format("{} . inet_proto . inet_service", address);
    case MapShape::Keys::Address:
      return std::string(address);
    case MapShape::Keys::AddressPair:
      return fmt::format("{0} . {0}", address);
  }
  CHECK(false, "keys {}", int(map.keys));
}

std::string map_text(const std::string& name, const MapShape& map, const Ruleset& ruleset) {
  const bool is_set = map.leads == MapShape::Leads::Nowhere;
  const auto key = key_type_text(map);
  std::string data;
  if (map.leads == MapShape::Leads::ToChain) data = " : verdict";
  if (map.leads == MapShape::Leads::ToBackend) {
    data = fmt::format(" : {} . inet_service", address_type(map.family));
  }
  auto text = fmt::format("  {} {} {{\n    type {}{}\n", is_set ? "set" : "map", local_name(name),
                          key, data);
  if (map.noted) text += fmt::format("    size {}\n    flags dynamic\n", kNotedMax);
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
  auto text = fmt::format("  chain {} {{\n", local_name(name));
  if (chain.base) {
    text += fmt::format("    type {} hook {} priority {}\n", chain.base->nat ? "nat" : "filter",
                        hook_word(chain.base->hook), int(chain.base->priority));
  }
  for (const auto& rule : chain.rules) text += "    " + to_text(rule, ruleset.maps) + "\n";
  return text + "  }\n";
}

// What is in one of the ruleset's tables.
std::string table_text(const Ruleset& ruleset, const std::string& base, const std::string& table) {
  const auto is_here = [&](const auto& item) { return table_of(base, item.first) == table; };
  // Chains before maps: an element may name a chain, which nft wants to have read by then.
  std::string text;
  for (const auto& item : ruleset.chains) {
    if (!item.second.base && is_here(item)) text += chain_text(item.first, item.second, ruleset);
  }
  for (const auto& item : ruleset.maps) {
    if (is_here(item)) text += map_text(item.first, item.second, ruleset);
  }
  for (const auto& item : ruleset.chains) {
    if (item.second.base && is_here(item)) text += chain_text(item.first, item.second, ruleset);
  }
  return text;
}

}  // namespace

std::string to_text(const MapKey& key) {
  return std::visit(Overloaded{
                        [](const PortKey& k) {
                          return fmt::format("{}{} . {}", k.address ? k.address->str() + " . " : "",
                                             to_text(k.protocol), k.port);
                        },
                        [](const IpAddress& k) { return k.str(); },
                        [](const AddressPair& k) {
                          return fmt::format("{} . {}", k.source.str(), k.destination.str());
                        },
                    },
                    key);
}

std::string to_text(const MapTarget& target) {
  return std::visit(
      Overloaded{
          [](std::monostate) { return std::string(); },
          [](const Backend& backend) { return endpoint_text(backend); },
          [](const GoToChain& to) { return fmt::format("goto {}", local_name(to.chain)); },
      },
      target);
}

std::string to_text(const Rule& rule, const MapShapes& maps) {
  std::string text;
  for (const auto& condition : rule.conditions) text += text_of(condition, maps) + " ";
  return text + text_of(rule.action, maps);
}

std::string fingerprint(const Rule& rule, const MapShapes& maps) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, over what the rule says.
  for (const char c : to_text(rule, maps)) hash = (hash ^ uint8_t(c)) * 0x100000001b3;
  return fmt::format("shoal {:016x}", hash);
}

std::vector<Rule> balance_rules(const std::vector<Condition>& conditions,
                                std::vector<Backend> backends) {
  const Backend first = backends.at(0);
  return {{conditions, Balance{std::move(backends)}}, {conditions, SendTo{first}}};
}

std::string to_text(const Ruleset& ruleset, const std::string& table) {
  std::string text;
  for (size_t shard = 0; shard < kShards; ++shard) {
    const auto name = table_of(table, in_shard(shard, ""));
    const auto inside = table_text(ruleset, table, name);
    if (shard == 0 || !inside.empty())
      text += fmt::format("table inet {} {{\n{}}}\n", name, inside);
  }
  return text;
}

}  // namespace shoal::network

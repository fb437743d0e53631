#include "netdriver/nft_table.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <optional>

#include "netdriver/nft_encode.h"

namespace shoal::netdriver {
namespace {

using namespace network;

Messages request(uint16_t type, uint16_t flags, uint16_t table_attribute, const std::string& table,
                 uint16_t name_attribute = 0, const std::string& name = {}) {
  Messages messages;
  auto* message = messages.add(uint16_t(NFNL_SUBSYS_NFTABLES << 8 | type), flags,
                               nfgenmsg{NFPROTO_INET, NFNETLINK_V0, 0});
  mnl_attr_put_strz(message, table_attribute, table.c_str());
  if (!name.empty()) mnl_attr_put_strz(message, name_attribute, name.c_str());
  return messages;
}

uint32_t number_of(const nlattr& attribute) {
  return ntohl(mnl_attr_get_u32(&attribute));
}

std::span<const uint8_t> payload_of(const nlattr& attribute) {
  return {static_cast<const uint8_t*>(mnl_attr_get_payload(&attribute)),
          mnl_attr_get_payload_len(&attribute)};
}

// Which of our shapes the set has; nothing for anonymous sets and those of another version.
std::optional<MapShape> shape_of(const NftTypes& types) {
  using Leads = MapShape::Leads;
  using Keys = MapShape::Keys;
  for (const auto leads : {Leads::Nowhere, Leads::ToBackend, Leads::ToChain}) {
    for (const auto keys : {Keys::Port, Keys::AddressAndPort, Keys::Address, Keys::AddressPair}) {
      for (const auto family : {Family::V4, Family::V6}) {
        const MapShape map{leads, keys, family};
        const auto ours = types_of(map);
        if (ours.key_type == types.key_type && ours.data_type == types.data_type) return map;
      }
    }
  }
  return std::nullopt;
}

struct Element {
  std::vector<uint8_t> key;
  std::vector<uint8_t> data;
  std::string chain;
};

void parse_data(const nlattr& outer, std::vector<uint8_t>& bytes, std::string& chain) {
  for_each_nested(outer, [&](const nlattr& data) {
    const auto type = mnl_attr_get_type(&data);
    if (type == NFTA_DATA_VALUE) bytes.assign(payload_of(data).begin(), payload_of(data).end());
    if (type != NFTA_DATA_VERDICT) return;
    for_each_nested(data, [&](const nlattr& verdict) {
      if (mnl_attr_get_type(&verdict) == NFTA_VERDICT_CHAIN) chain = mnl_attr_get_str(&verdict);
    });
  });
}

Element parse_element(const nlattr& item) {
  Element element;
  for_each_nested(item, [&](const nlattr& field) {
    const auto type = mnl_attr_get_type(&field);
    if (type == NFTA_SET_ELEM_KEY) parse_data(field, element.key, element.chain);
    if (type == NFTA_SET_ELEM_DATA) parse_data(field, element.data, element.chain);
  });
  return element;
}

void take_element(const MapShape& map, const Element& element,
                  std::map<MapKey, MapTarget>& elements) {
  const auto key = decode_key(map, element.key);
  if (!key) return;
  MapTarget target;
  if (map.leads == MapShape::Leads::ToChain) target = GoToChain{element.chain};
  if (map.leads == MapShape::Leads::ToBackend) {
    if (const auto backend = decode_backend(map, element.data)) target = *backend;
  }
  elements[*key] = target;
}

std::optional<BaseChain> parse_base(const nlattr& hook_attribute, bool nat) {
  uint32_t number = NF_INET_NUMHOOKS;
  BaseChain base{nat, Hook::Prerouting, Priority::Filter};
  for_each_nested(hook_attribute, [&](const nlattr& field) {
    const auto type = mnl_attr_get_type(&field);
    if (type == NFTA_HOOK_HOOKNUM) number = number_of(field);
    if (type == NFTA_HOOK_PRIORITY) base.priority = Priority(int(number_of(field)));
  });
  const auto hook = hook_of(number);
  if (!hook) return std::nullopt;
  base.hook = *hook;
  return base;
}

// False when a chain or map of the same name is of another kind, as another version may leave it:
// these cannot be changed, only made anew.
bool is_compatible(const Ruleset& found, const Ruleset& wanted) {
  const auto fits = [](const auto& have, const auto& want, auto kind) {
    return std::ranges::all_of(want, [&](const auto& item) {
      const auto at = have.find(item.first);
      return at == have.end() || kind(at->second) == kind(item.second);
    });
  };
  return fits(found.maps, wanted.maps, [](const auto& map) { return map; }) &&
         fits(found.chains, wanted.chains, [](const auto& chain) { return chain.base; });
}

// How many of the changes one transaction takes: what the kernel takes in at once is bounded.
size_t count_for_one(std::span<const RuleChange> changes) {
  constexpr size_t kPartsMax = 8192;  // A change is one, and so is each backend of a rule.
  size_t parts = 0;
  for (size_t i = 0; i < changes.size(); ++i) {
    ++parts;
    if (const auto* set = std::get_if<SetRules>(&changes[i])) {
      for (const auto& rule : set->rules) {
        const auto* balance = std::get_if<Balance>(&rule.action);
        if (balance) parts += balance->backends.size();
      }
    }
    if (parts > kPartsMax) return std::max<size_t>(i, 1);
  }
  return changes.size();
}

// Stands for rules that are not as planned. No plan jumps to a chain without a name.
Rule unread() {
  return Rule{{}, Jump{""}};
}

}  // namespace

Result<NftTable> NftTable::open(std::string name) {
  ASSIGN_OR_RETURN(auto socket, NetlinkSocket::open(NETLINK_NETFILTER));
  return NftTable(std::move(name), std::move(socket));
}

Result<Ruleset> NftTable::read(const Ruleset& wanted) {
  Ruleset rules;
  const auto exists =
      socket_.query(request(NFT_MSG_GETTABLE, 0, NFTA_TABLE_NAME, name_), [](const nlmsghdr&) {});
  if (!exists && exists.error().code == ErrorCode::NotFound) return rules;
  RETURN_IF_ERROR(with_context(exists, "read table {}", name_));
  RETURN_IF_ERROR(read_maps(rules));
  RETURN_IF_ERROR(read_chains(rules));
  RETURN_IF_ERROR(compare_rules(wanted, rules));
  for (const auto& [map, shape] : rules.maps) RETURN_IF_ERROR(read_elements(map, rules));
  return rules;
}

Result<void> NftTable::read_maps(Ruleset& rules) {
  return socket_.query(
      request(NFT_MSG_GETSET, NLM_F_DUMP, NFTA_SET_TABLE, name_), [&](const nlmsghdr& message) {
        std::string name;
        NftTypes types{};
        uint32_t flags = 0;
        for_each_attribute(message, sizeof(nfgenmsg), [&](const nlattr& attribute) {
          const auto type = mnl_attr_get_type(&attribute);
          if (type == NFTA_SET_NAME) name = mnl_attr_get_str(&attribute);
          if (type == NFTA_SET_FLAGS) flags = number_of(attribute);
          if (type == NFTA_SET_KEY_TYPE) types.key_type = number_of(attribute);
          if (type == NFTA_SET_DATA_TYPE) types.data_type = number_of(attribute);
        });
        const auto shape = shape_of(types);
        if (shape && !(flags & NFT_SET_ANONYMOUS)) rules.maps[name] = *shape;
      });
}

Result<void> NftTable::read_chains(Ruleset& rules) {
  // A dump of chains is not limited to one table: others' are left out here.
  return socket_.query(
      request(NFT_MSG_GETCHAIN, NLM_F_DUMP, NFTA_CHAIN_TABLE, name_), [&](const nlmsghdr& message) {
        std::string table;
        std::string name;
        const nlattr* hook = nullptr;
        bool nat = false;
        for_each_attribute(message, sizeof(nfgenmsg), [&](const nlattr& attribute) {
          const auto type = mnl_attr_get_type(&attribute);
          if (type == NFTA_CHAIN_TABLE) table = mnl_attr_get_str(&attribute);
          if (type == NFTA_CHAIN_NAME) name = mnl_attr_get_str(&attribute);
          if (type == NFTA_CHAIN_HOOK) hook = &attribute;
          if (type == NFTA_CHAIN_TYPE)
            nat = mnl_attr_get_str(&attribute) == std::string_view("nat");
        });
        if (table != name_) return;
        const auto base = hook ? parse_base(*hook, nat) : std::nullopt;
        rules.chains[name] = Chain{base, {}};
      });
}

Result<void> NftTable::compare_rules(const Ruleset& wanted, Ruleset& rules) {
  std::map<std::string, std::vector<std::string>> comments;  // by chain, in the rules' order
  const auto take = [&](const nlmsghdr& message) {
    std::string table;
    std::string chain;
    std::string comment;
    for_each_attribute(message, sizeof(nfgenmsg), [&](const nlattr& attribute) {
      const auto type = mnl_attr_get_type(&attribute);
      if (type == NFTA_RULE_TABLE) table = mnl_attr_get_str(&attribute);
      if (type == NFTA_RULE_CHAIN) chain = mnl_attr_get_str(&attribute);
      if (type == NFTA_RULE_USERDATA) comment = decode_comment(payload_of(attribute));
    });
    if (table == name_) comments[chain].push_back(std::move(comment));
  };
  RETURN_IF_ERROR(
      socket_.query(request(NFT_MSG_GETRULE, NLM_F_DUMP, NFTA_RULE_TABLE, name_), take));
  for (const auto& [name, found] : comments) {
    std::vector<std::string> planned;
    const auto chain = wanted.chains.find(name);
    if (chain != wanted.chains.end()) {
      for (const auto& rule : chain->second.rules) {
        planned.push_back(fingerprint(rule, wanted.maps));
      }
    }
    rules.chains[name].rules = found == planned ? chain->second.rules : std::vector{unread()};
  }
  return {};
}

Result<void> NftTable::read_elements(const std::string& map, Ruleset& rules) {
  const auto shape = rules.maps.at(map);
  auto& elements = rules.elements[map];
  return socket_.query(request(NFT_MSG_GETSETELEM, NLM_F_DUMP, NFTA_SET_ELEM_LIST_TABLE, name_,
                               NFTA_SET_ELEM_LIST_SET, map),
                       [&](const nlmsghdr& message) {
                         for_each_attribute(message, sizeof(nfgenmsg), [&](const nlattr& list) {
                           if (mnl_attr_get_type(&list) != NFTA_SET_ELEM_LIST_ELEMENTS) return;
                           for_each_nested(list, [&](const nlattr& item) {
                             take_element(shape, parse_element(item), elements);
                           });
                         });
                       });
}

Result<void> NftTable::apply(std::span<const RuleChange> changes, const MapShapes& maps) {
  while (!changes.empty()) {
    NftTransaction transaction(name_, maps);
    transaction.add_table();
    const auto now = changes.first(count_for_one(changes));
    for (const auto& change : now) transaction.add(change);
    RETURN_IF_ERROR(with_context(socket_.send(transaction.finish()), "change table {}", name_));
    changes = changes.subspan(now.size());
  }
  return {};
}

Result<void> NftTable::lead(const Ruleset& found, const Ruleset& wanted) {
  if (is_compatible(found, wanted)) {
    const auto changed = apply(diff(found, wanted), wanted.maps);
    if (changed) return {};
  }
  return replace(wanted);
}

Result<void> NftTable::replace(const Ruleset& wanted) {
  NftTransaction transaction(name_, wanted.maps);
  transaction.replace_table();
  const auto changes = diff(Ruleset{}, wanted);
  const auto now = count_for_one(changes);
  for (const auto& change : std::span(changes).first(now)) transaction.add(change);
  RETURN_IF_ERROR(with_context(socket_.send(transaction.finish()), "replace table {}", name_));
  return apply(std::span(changes).subspan(now), wanted.maps);
}

Result<void> NftTable::remove() {
  Messages messages;
  messages.add(NFNL_MSG_BATCH_BEGIN, 0,
               nfgenmsg{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)});
  auto* message = messages.add(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE, NLM_F_ACK,
                               nfgenmsg{NFPROTO_INET, NFNETLINK_V0, 0});
  mnl_attr_put_strz(message, NFTA_TABLE_NAME, name_.c_str());
  messages.add(NFNL_MSG_BATCH_END, 0,
               nfgenmsg{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)});
  return with_context(socket_.send(std::move(messages)), "remove table {}", name_);
}

}  // namespace shoal::netdriver

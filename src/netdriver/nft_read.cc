// What the kernel has of a table.
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <optional>

#include "netdriver/nft_encode.h"
#include "netdriver/nft_table.h"
#include "network/shards.h"

namespace shoal::netdriver {
namespace {

using namespace network;

Messages request(uint16_t type, uint16_t flags, uint16_t table_attribute, const std::string& table,
                 uint16_t name_attribute = 0, std::string_view name = {}) {
  Messages messages;
  auto* message = messages.add(uint16_t(NFNL_SUBSYS_NFTABLES << 8 | type), flags,
                               nfgenmsg{NFPROTO_INET, NFNETLINK_V0, 0});
  if (!table.empty()) mnl_attr_put_strz(message, table_attribute, table.c_str());
  if (!name.empty()) mnl_attr_put_strz(message, name_attribute, std::string(name).c_str());
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
std::optional<MapShape> shape_of(const NftTypes& types, uint32_t flags) {
  if (flags & NFT_SET_ANONYMOUS) return std::nullopt;
  using Leads = MapShape::Leads;
  using Keys = MapShape::Keys;
  for (const auto leads : {Leads::Nowhere, Leads::ToBackend, Leads::ToChain}) {
    for (const auto keys : {Keys::Port, Keys::AddressAndPort, Keys::Address, Keys::AddressPair}) {
      for (const auto family : {Family::V4, Family::V6}) {
        const MapShape map{leads, keys, family, bool(flags & NFT_SET_EVAL)};
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

// Stands for rules that are not as planned. No plan jumps to a chain without a name.
Rule unread() {
  return Rule{{}, Jump{""}};
}

}  // namespace

Result<Ruleset> NftTable::read(const Ruleset& wanted) {
  Ruleset rules;
  ASSIGN_OR_RETURN(const auto shards, list_shards());
  if (shards.empty()) return rules;
  Comments comments;
  for (const auto shard : shards) {
    RETURN_IF_ERROR(read_maps(shard, rules));
    RETURN_IF_ERROR(read_comments(shard, comments));
  }
  RETURN_IF_ERROR(read_chains(rules));
  compare_rules(comments, wanted, rules);
  for (const auto& [map, shape] : rules.maps) {
    if (!shape.noted) RETURN_IF_ERROR(read_elements(map, rules));
  }
  return rules;
}

Result<std::vector<size_t>> NftTable::list_shards() {
  std::vector<size_t> shards;
  const auto take = [&](const nlmsghdr& message) {
    for_each_attribute(message, sizeof(nfgenmsg), [&](const nlattr& attribute) {
      if (mnl_attr_get_type(&attribute) != NFTA_TABLE_NAME) return;
      if (const auto shard = shard_of_table(name_, mnl_attr_get_str(&attribute))) {
        shards.push_back(*shard);
      }
    });
  };
  RETURN_IF_ERROR(
      with_context(socket_.query(request(NFT_MSG_GETTABLE, NLM_F_DUMP, NFTA_TABLE_NAME, ""), take),
                   "list tables"));
  return shards;
}

Result<void> NftTable::read_maps(size_t shard, Ruleset& rules) {
  const auto take = [&](const nlmsghdr& message) {
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
    if (const auto shape = shape_of(types, flags)) rules.maps[in_shard(shard, name)] = *shape;
  };
  const auto table = table_of(name_, in_shard(shard, ""));
  return with_context(
      socket_.query(request(NFT_MSG_GETSET, NLM_F_DUMP, NFTA_SET_TABLE, table), take),
      "read the maps of table {}", table);
}

Result<void> NftTable::read_chains(Ruleset& rules) {
  // A dump of chains is not limited to one table: others' are left out here.
  const auto take = [&](const nlmsghdr& message) {
    std::string_view table;
    std::string_view name;
    const nlattr* hook = nullptr;
    bool nat = false;
    for_each_attribute(message, sizeof(nfgenmsg), [&](const nlattr& attribute) {
      const auto type = mnl_attr_get_type(&attribute);
      if (type == NFTA_CHAIN_TABLE) table = mnl_attr_get_str(&attribute);
      if (type == NFTA_CHAIN_NAME) name = mnl_attr_get_str(&attribute);
      if (type == NFTA_CHAIN_HOOK) hook = &attribute;
      if (type == NFTA_CHAIN_TYPE) nat = mnl_attr_get_str(&attribute) == std::string_view("nat");
    });
    const auto shard = shard_of_table(name_, table);
    if (!shard) return;
    const auto base = hook ? parse_base(*hook, nat) : std::nullopt;
    rules.chains[in_shard(*shard, name)] = Chain{base, {}};
  };
  return with_context(
      socket_.query(request(NFT_MSG_GETCHAIN, NLM_F_DUMP, NFTA_CHAIN_TABLE, name_), take),
      "read chains");
}

Result<void> NftTable::read_comments(size_t shard, Comments& comments) {
  const auto table = table_of(name_, in_shard(shard, ""));
  const auto take = [&](const nlmsghdr& message) {
    std::string_view in_table;
    std::string_view chain;
    std::string comment;
    for_each_attribute(message, sizeof(nfgenmsg), [&](const nlattr& attribute) {
      const auto type = mnl_attr_get_type(&attribute);
      if (type == NFTA_RULE_TABLE) in_table = mnl_attr_get_str(&attribute);
      if (type == NFTA_RULE_CHAIN) chain = mnl_attr_get_str(&attribute);
      if (type == NFTA_RULE_USERDATA) comment = decode_comment(payload_of(attribute));
    });
    if (in_table == table) comments[in_shard(shard, chain)].push_back(std::move(comment));
  };
  return with_context(
      socket_.query(request(NFT_MSG_GETRULE, NLM_F_DUMP, NFTA_RULE_TABLE, table), take),
      "read the rules of table {}", table);
}

void NftTable::compare_rules(const Comments& comments, const Ruleset& wanted, Ruleset& rules) {
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
}

Result<void> NftTable::read_elements(const std::string& map, Ruleset& rules) {
  const auto shape = rules.maps.at(map);
  auto& elements = rules.elements[map];
  const auto take = [&](const nlmsghdr& message) {
    for_each_attribute(message, sizeof(nfgenmsg), [&](const nlattr& list) {
      if (mnl_attr_get_type(&list) != NFTA_SET_ELEM_LIST_ELEMENTS) return;
      for_each_nested(list, [&](const nlattr& item) {
        auto element = parse_element(item);
        element.chain = in_shard_of(map, element.chain);
        take_element(shape, element, elements);
      });
    });
  };
  return socket_.query(request(NFT_MSG_GETSETELEM, NLM_F_DUMP, NFTA_SET_ELEM_LIST_TABLE,
                               table_of(name_, map), NFTA_SET_ELEM_LIST_SET, local_name(map)),
                       take);
}

Result<bool> NftTable::has(const std::string& map, const MapKey& key) {
  Messages messages;
  auto* message = messages.add(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM, 0,
                               nfgenmsg{NFPROTO_INET, NFNETLINK_V0, 0});
  put_element(message, table_of(name_, map), map, key);
  const auto found = socket_.query(std::move(messages), [](const nlmsghdr&) {});
  if (!found && found.error().code == ErrorCode::NotFound) return false;
  RETURN_IF_ERROR(with_context(found, "look for {} in {}", to_text(key), map));
  return true;
}

}  // namespace shoal::netdriver

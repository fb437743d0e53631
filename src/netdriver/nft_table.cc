#include "netdriver/nft_table.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

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
std::optional<PortMap> shape_of(const NftTypes& types) {
  using Leads = PortMap::Leads;
  for (const auto leads : {Leads::Nowhere, Leads::ToBackend, Leads::ToChain}) {
    for (const bool by_address : {false, true}) {
      for (const auto family : {Family::V4, Family::V6}) {
        const PortMap map{leads, by_address, family};
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

void take_element(const PortMap& map, const Element& element,
                  std::map<PortKey, PortTarget>& elements) {
  const auto key = decode_key(map, element.key);
  if (!key) return;
  PortTarget target;
  if (map.leads == PortMap::Leads::ToChain) target = GoToChain{element.chain};
  if (map.leads == PortMap::Leads::ToBackend) {
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

// Stands for rules that were not read. No plan jumps to a chain without a name.
Rule unread() {
  return Rule{{}, Jump{""}};
}

}  // namespace

Result<NftTable> NftTable::open(std::string name) {
  ASSIGN_OR_RETURN(auto socket, NetlinkSocket::open(NETLINK_NETFILTER));
  return NftTable(std::move(name), std::move(socket));
}

Result<Ruleset> NftTable::read() {
  Ruleset rules;
  const auto exists =
      socket_.query(request(NFT_MSG_GETTABLE, 0, NFTA_TABLE_NAME, name_), [](const nlmsghdr&) {});
  if (!exists && exists.error().code == ErrorCode::NotFound) return rules;
  RETURN_IF_ERROR(with_context(exists, "read table {}", name_));
  RETURN_IF_ERROR(read_maps(rules));
  RETURN_IF_ERROR(read_chains(rules));
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
        rules.chains[name] = Chain{base, {unread()}};
      });
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

Result<void> NftTable::apply(std::span<const RuleChange> changes,
                             const std::map<std::string, PortMap>& maps) {
  if (changes.empty()) return {};
  NftTransaction transaction(name_, maps);
  transaction.add_table();
  for (const auto& change : changes) transaction.add(change);
  return with_context(socket_.send(transaction.finish()), "change table {}", name_);
}

Result<void> NftTable::replace(const Ruleset& wanted) {
  Plan plan;
  plan.rules = wanted;
  NftTransaction transaction(name_, wanted.maps);
  transaction.replace_table();
  for (const auto& change : diff(Plan{}, plan).rules) transaction.add(change);
  return with_context(socket_.send(transaction.finish()), "replace table {}", name_);
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

#include "netdriver/nft_encode.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>

#include <algorithm>

#include "base/check.h"
#include "netdriver/nft_rule.h"
#include "network/shards.h"

namespace shoal::netdriver {
namespace {

using namespace network;

// Types of nft(8), which the kernel only keeps for it; a concatenation takes six bits for each
// part.
constexpr uint32_t kTypeIpv4 = 7;
constexpr uint32_t kTypeIpv6 = 8;
constexpr uint32_t kTypeProtocol = 12;
constexpr uint32_t kTypeService = 13;
constexpr uint32_t kTypeInteger = 4;
constexpr uint32_t kTypeBits = 6;
constexpr uint32_t kTypeVerdict = NFT_DATA_VERDICT;

constexpr uint32_t concatenated(uint32_t first, uint32_t second) {
  return first << kTypeBits | second;
}

uint32_t address_type(Family family) {
  return family == Family::V4 ? kTypeIpv4 : kTypeIpv6;
}
uint32_t address_bytes(Family family) {
  return family == Family::V4 ? 4 : 16;
}

uint16_t nft_type(uint16_t message) {
  return uint16_t(NFNL_SUBSYS_NFTABLES << 8 | message);
}

constexpr std::pair<Hook, uint8_t> kHooks[] = {
    {Hook::Prerouting, NF_INET_PRE_ROUTING},
    {Hook::Forward, NF_INET_FORWARD},
    {Hook::Output, NF_INET_LOCAL_OUT},
    {Hook::Postrouting, NF_INET_POST_ROUTING},
};

constexpr std::pair<PortProtocol, uint8_t> kProtocols[] = {
    {PortProtocol::Tcp, IPPROTO_TCP},
    {PortProtocol::Udp, IPPROTO_UDP},
    {PortProtocol::Sctp, IPPROTO_SCTP},
};

void append_port(std::vector<uint8_t>& bytes, uint16_t port) {
  bytes.insert(bytes.end(), {uint8_t(port >> 8), uint8_t(port), 0, 0});
}

uint16_t port_at(std::span<const uint8_t> bytes) {
  return uint16_t(bytes[0] << 8 | bytes[1]);
}

void put_number(nlmsghdr* message, uint16_t type, uint32_t value) {
  mnl_attr_put_u32(message, type, htonl(value));
}

void put_value(nlmsghdr* message, uint16_t type, std::span<const uint8_t> bytes) {
  const Nested data(message, type);
  mnl_attr_put(message, NFTA_DATA_VALUE, bytes.size(), bytes.data());
}

// Of a map or chain, without its shard.
void put_local_name(nlmsghdr* message, uint16_t attribute, const std::string& name) {
  mnl_attr_put_strz(message, attribute, std::string(local_name(name)).c_str());
}

void put_target(nlmsghdr* message, const MapTarget& target) {
  if (const auto* backend = std::get_if<Backend>(&target)) {
    put_value(message, NFTA_SET_ELEM_DATA, encode(*backend));
  } else if (const auto* to = std::get_if<GoToChain>(&target)) {
    const Nested data(message, NFTA_SET_ELEM_DATA);
    const Nested verdict(message, NFTA_DATA_VERDICT);
    put_number(message, NFTA_VERDICT_CODE, uint32_t(NFT_GOTO));
    put_local_name(message, NFTA_VERDICT_CHAIN, to->chain);
  }
}

}  // namespace

uint8_t hook_number(Hook hook) {
  const auto* known = std::ranges::find(kHooks, hook, &std::pair<Hook, uint8_t>::first);
  CHECK(known != std::end(kHooks), "hook {}", int(hook));
  return known->second;
}

std::optional<Hook> hook_of(uint32_t number) {
  for (const auto& [hook, ours] : kHooks) {
    if (ours == number) return hook;
  }
  return std::nullopt;
}

NftTypes types_of(const MapShape& map) {
  const auto type = address_type(map.family);
  const auto bytes = address_bytes(map.family);
  constexpr auto kPort = concatenated(kTypeProtocol, kTypeService);
  NftTypes types{};
  switch (map.keys) {
    case MapShape::Keys::Port:
      types = {kPort, 8, 0, 0};
      break;
    case MapShape::Keys::AddressAndPort:
      types = {type << 2 * kTypeBits | kPort, bytes + 8, 0, 0};
      break;
    case MapShape::Keys::Address:
      types = {type, bytes, 0, 0};
      break;
    case MapShape::Keys::AddressPair:
      types = {concatenated(type, type), 2 * bytes, 0, 0};
      break;
  }
  if (map.leads == MapShape::Leads::ToChain) {
    types.data_type = kTypeVerdict;
    types.data_bytes = 16;
  }
  if (map.leads == MapShape::Leads::ToBackend) {
    types.data_type = concatenated(address_type(map.family), kTypeService);
    types.data_bytes = address_bytes(map.family) + 4;
  }
  return types;
}

std::vector<uint8_t> encode(const MapKey& key) {
  std::vector<uint8_t> bytes;
  const auto append = [&](const IpAddress& ip) {
    bytes.insert(bytes.end(), ip.bytes().begin(), ip.bytes().end());
  };
  if (const auto* address = std::get_if<IpAddress>(&key)) append(*address);
  if (const auto* pair = std::get_if<AddressPair>(&key)) {
    append(pair->source);
    append(pair->destination);
  }
  if (const auto* port = std::get_if<PortKey>(&key)) {
    if (port->address) append(*port->address);
    for (const auto& [protocol, number] : kProtocols) {
      if (protocol == port->protocol) bytes.insert(bytes.end(), {number, 0, 0, 0});
    }
    append_port(bytes, port->port);
  }
  return bytes;
}

std::vector<uint8_t> encode(const Backend& backend) {
  std::vector<uint8_t> bytes(backend.address.bytes().begin(), backend.address.bytes().end());
  if (backend.port != 0) append_port(bytes, backend.port);
  return bytes;
}

std::optional<MapKey> decode_key(const MapShape& map, std::span<const uint8_t> bytes) {
  using Keys = MapShape::Keys;
  if (bytes.size() != types_of(map).key_bytes) return std::nullopt;
  const auto size = address_bytes(map.family);
  if (map.keys == Keys::Address) return IpAddress::of(bytes);
  if (map.keys == Keys::AddressPair) {
    return AddressPair{IpAddress::of(bytes.first(size)), IpAddress::of(bytes.last(size))};
  }
  PortKey key;
  if (map.keys == Keys::AddressAndPort) key.address = IpAddress::of(bytes.first(size));
  const auto rest = bytes.last(8);
  for (const auto& [protocol, number] : kProtocols) {
    if (number != rest[0]) continue;
    key.protocol = protocol;
    key.port = port_at(rest.subspan(4));
    return key;
  }
  return std::nullopt;
}

std::optional<Backend> decode_backend(const MapShape& map, std::span<const uint8_t> bytes) {
  const auto address = address_bytes(map.family);
  if (bytes.size() != address + 4) return std::nullopt;
  return Backend{IpAddress::of(bytes.first(address)), port_at(bytes.subspan(address))};
}

// Type 0, the length with the closing zero, the text.
void put_comment(nlmsghdr* message, const std::string& text) {
  std::vector<uint8_t> data{0, uint8_t(text.size() + 1)};
  data.insert(data.end(), text.begin(), text.end());
  data.push_back(0);
  mnl_attr_put(message, NFTA_RULE_USERDATA, data.size(), data.data());
}

std::string decode_comment(std::span<const uint8_t> user_data) {
  if (user_data.size() < 3 || user_data[0] != 0 || user_data[1] != user_data.size() - 2) return {};
  return {reinterpret_cast<const char*>(user_data.data()) + 2, user_data.size() - 3};
}

void put_element(nlmsghdr* message, const std::string& table, const std::string& map,
                 const MapKey& key, const MapTarget* target) {
  mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, table.c_str());
  put_local_name(message, NFTA_SET_ELEM_LIST_SET, map);
  const Nested list(message, NFTA_SET_ELEM_LIST_ELEMENTS);
  const Nested item(message, NFTA_LIST_ELEM);
  put_value(message, NFTA_SET_ELEM_KEY, encode(key));
  if (target) put_target(message, *target);
}

NftTransaction::NftTransaction(std::string name, const MapShapes& maps)
    : name_(std::move(name)), maps_(maps) {
  messages_.add(NFNL_MSG_BATCH_BEGIN, 0,
                nfgenmsg{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)});
}

nlmsghdr* NftTransaction::message(uint16_t type, uint16_t flags) {
  return messages_.add(nft_type(type), flags, nfgenmsg{NFPROTO_INET, NFNETLINK_V0, 0});
}

void NftTransaction::make_table(const std::string& table) {
  if (!made_.insert(table).second) return;
  mnl_attr_put_strz(message(NFT_MSG_NEWTABLE, NLM_F_CREATE), NFTA_TABLE_NAME, table.c_str());
}

void NftTransaction::remove_table(const std::string& found) {
  make_table(found);  // So that the deletion finds one in any case.
  mnl_attr_put_strz(message(NFT_MSG_DELTABLE), NFTA_TABLE_NAME, found.c_str());
  made_.erase(found);
}

// The one that the map or chain is in.
void NftTransaction::put_table(nlmsghdr* message, uint16_t attribute,
                               const std::string& name) const {
  mnl_attr_put_strz(message, attribute, table_of(name_, name).c_str());
}

void NftTransaction::add(const RuleChange& change) {
  struct Visitor {
    NftTransaction& self;
    void operator()(const AddMap& c) const { self.add_map(c); }
    void operator()(const AddChain& c) const { self.add_chain(c); }
    void operator()(const SetRules& c) const { self.set_rules(c); }
    void operator()(const RemoveElement& c) const {
      self.element(NFT_MSG_DELSETELEM, c.map, c.key, nullptr);
    }
    void operator()(const AddElement& c) const {
      self.element(NFT_MSG_NEWSETELEM, c.map, c.key, &c.target);
    }
    void operator()(const RemoveChain& c) const {
      self.set_rules({c.name, {}, true});
      auto* message = self.message(NFT_MSG_DELCHAIN);
      self.put_table(message, NFTA_CHAIN_TABLE, c.name);
      put_local_name(message, NFTA_CHAIN_NAME, c.name);
    }
  };
  std::visit(Visitor{*this}, change);
}

Messages NftTransaction::finish() {
  // Renewing the table changes nothing; it asks for the answer that says how the whole batch went.
  mnl_attr_put_strz(message(NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK), NFTA_TABLE_NAME,
                    name_.c_str());
  messages_.add(NFNL_MSG_BATCH_END, 0,
                nfgenmsg{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)});
  return std::move(messages_);
}

void NftTransaction::add_map(const AddMap& change) {
  const auto types = types_of(change.map);
  make_table(table_of(name_, change.name));
  auto* set = message(NFT_MSG_NEWSET, NLM_F_CREATE);
  put_table(set, NFTA_SET_TABLE, change.name);
  put_local_name(set, NFTA_SET_NAME, change.name);
  put_number(set, NFTA_SET_ID, ++ids_);
  put_number(set, NFTA_SET_FLAGS,
             (types.data_type != 0 ? NFT_SET_MAP : 0) | (change.map.noted ? NFT_SET_EVAL : 0));
  put_number(set, NFTA_SET_KEY_TYPE, types.key_type);
  put_number(set, NFTA_SET_KEY_LEN, types.key_bytes);
  if (change.map.noted) {
    const Nested description(set, NFTA_SET_DESC);
    put_number(set, NFTA_SET_DESC_SIZE, kNotedMax);
  }
  if (types.data_type == 0) return;
  put_number(set, NFTA_SET_DATA_TYPE, types.data_type);
  put_number(set, NFTA_SET_DATA_LEN, types.data_bytes);
}

void NftTransaction::add_chain(const AddChain& change) {
  make_table(table_of(name_, change.name));
  auto* chain = message(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  put_table(chain, NFTA_CHAIN_TABLE, change.name);
  put_local_name(chain, NFTA_CHAIN_NAME, change.name);
  if (!change.base) return;
  {
    const Nested hook(chain, NFTA_CHAIN_HOOK);
    put_number(chain, NFTA_HOOK_HOOKNUM, hook_number(change.base->hook));
    put_number(chain, NFTA_HOOK_PRIORITY, uint32_t(int(change.base->priority)));
  }
  put_number(chain, NFTA_CHAIN_POLICY, NF_ACCEPT);
  mnl_attr_put_strz(chain, NFTA_CHAIN_TYPE, change.base->nat ? "nat" : "filter");
}

void NftTransaction::set_rules(const SetRules& change) {
  if (change.replaces) {
    auto* flush = message(NFT_MSG_DELRULE);
    put_table(flush, NFTA_RULE_TABLE, change.chain);
    put_local_name(flush, NFTA_RULE_CHAIN, change.chain);
  }
  for (const auto& rule : change.rules) {
    const auto* balance = std::get_if<Balance>(&rule.action);
    const uint32_t turns = balance ? add_turns(table_of(name_, change.chain), *balance) : 0;
    auto* add = message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    put_table(add, NFTA_RULE_TABLE, change.chain);
    put_local_name(add, NFTA_RULE_CHAIN, change.chain);
    put_expressions(add, rule, maps_, turns);
    put_comment(add, fingerprint(rule, maps_));
  }
}

// The anonymous map turn -> backend, which lives and dies with its rule.
uint32_t NftTransaction::add_turns(const std::string& table, const Balance& balance) {
  const auto& backends = balance.backends;
  const auto family = backends.at(0).address.family();
  const bool with_port = backends[0].port != 0;
  const auto address = address_type(family);
  const uint32_t id = ++ids_;
  auto* set = message(NFT_MSG_NEWSET, NLM_F_CREATE);
  mnl_attr_put_strz(set, NFTA_SET_TABLE, table.c_str());
  mnl_attr_put_strz(set, NFTA_SET_NAME, kTurnsMapName);
  put_number(set, NFTA_SET_ID, id);
  put_number(set, NFTA_SET_FLAGS, NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_MAP);
  put_number(set, NFTA_SET_KEY_TYPE, kTypeInteger);
  put_number(set, NFTA_SET_KEY_LEN, 4);
  put_number(set, NFTA_SET_DATA_TYPE, with_port ? concatenated(address, kTypeService) : address);
  put_number(set, NFTA_SET_DATA_LEN, address_bytes(family) + (with_port ? 4 : 0));

  constexpr size_t kElementsPerMessage = 128;
  for (size_t first = 0; first < backends.size(); first += kElementsPerMessage) {
    auto* add = message(NFT_MSG_NEWSETELEM, NLM_F_CREATE);
    mnl_attr_put_strz(add, NFTA_SET_ELEM_LIST_TABLE, table.c_str());
    mnl_attr_put_strz(add, NFTA_SET_ELEM_LIST_SET, kTurnsMapName);
    put_number(add, NFTA_SET_ELEM_LIST_SET_ID, id);
    const Nested list(add, NFTA_SET_ELEM_LIST_ELEMENTS);
    const size_t end = std::min(first + kElementsPerMessage, backends.size());
    for (size_t turn = first; turn < end; ++turn) {
      const Nested item(add, NFTA_LIST_ELEM);
      const auto key = uint32_t(turn);  // numgen counts in the host's byte order.
      put_value(add, NFTA_SET_ELEM_KEY, {reinterpret_cast<const uint8_t*>(&key), sizeof key});
      put_value(add, NFTA_SET_ELEM_DATA, encode(backends[turn]));
    }
  }
  return id;
}

void NftTransaction::element(uint16_t type, const std::string& map, const MapKey& key,
                             const MapTarget* target) {
  put_element(message(type, target ? NLM_F_CREATE : 0), table_of(name_, map), map, key, target);
}

}  // namespace shoal::netdriver

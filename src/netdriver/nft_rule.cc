#include "netdriver/nft_rule.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>

#include <array>
#include <cstring>
#include <optional>
#include <span>

#include "netdriver/protocol_number.h"
#include "network/shards.h"

// nftables runs each expression over registers. A concatenated key or value lies in consecutive
// 4-byte registers, so the n-th word of what starts at register 0 is register n.

namespace shoal::netdriver {
namespace {

using namespace network;

constexpr uint32_t word_register(size_t word) {
  return uint32_t(NFT_REG32_00 + word);
}
size_t words_of(Family family) {
  return family == Family::V4 ? 1 : 4;
}
uint8_t protocol_family(Family family) {
  return family == Family::V4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

void put_number(nlmsghdr* message, uint16_t type, uint32_t value) {
  mnl_attr_put_u32(message, type, htonl(value));
}

void put_data(nlmsghdr* message, uint16_t type, std::span<const uint8_t> bytes) {
  const Nested data(message, type);
  mnl_attr_put(message, NFTA_DATA_VALUE, bytes.size(), bytes.data());
}

template <class T>
std::span<const uint8_t> bytes_of(const T& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof value};
}

// Wraps `fill` into one expression of the given kind.
template <class F>
void put_expression(nlmsghdr* message, const char* kind, F fill) {
  const Nested element(message, NFTA_LIST_ELEM);
  mnl_attr_put_strz(message, NFTA_EXPR_NAME, kind);
  const Nested data(message, NFTA_EXPR_DATA);
  fill();
}

void load_meta(nlmsghdr* message, nft_meta_keys key, uint32_t into = word_register(0)) {
  put_expression(message, "meta", [&] {
    put_number(message, NFTA_META_KEY, key);
    put_number(message, NFTA_META_DREG, into);
  });
}

void load_payload(nlmsghdr* message, nft_payload_bases base, uint32_t offset, uint32_t bytes,
                  uint32_t into = word_register(0)) {
  put_expression(message, "payload", [&] {
    put_number(message, NFTA_PAYLOAD_DREG, into);
    put_number(message, NFTA_PAYLOAD_BASE, base);
    put_number(message, NFTA_PAYLOAD_OFFSET, offset);
    put_number(message, NFTA_PAYLOAD_LEN, bytes);
  });
}

void load_flow(nlmsghdr* message, nft_ct_keys key, std::optional<uint8_t> direction = {}) {
  put_expression(message, "ct", [&] {
    put_number(message, NFTA_CT_KEY, key);
    if (direction) mnl_attr_put_u8(message, NFTA_CT_DIRECTION, *direction);
    put_number(message, NFTA_CT_DREG, word_register(0));
  });
}

void load_constant(nlmsghdr* message, std::span<const uint8_t> value, uint32_t into) {
  put_expression(message, "immediate", [&] {
    put_number(message, NFTA_IMMEDIATE_DREG, into);
    put_data(message, NFTA_IMMEDIATE_DATA, value);
  });
}

void compare(nlmsghdr* message, std::span<const uint8_t> with, bool negated = false) {
  put_expression(message, "cmp", [&] {
    put_number(message, NFTA_CMP_SREG, word_register(0));
    put_number(message, NFTA_CMP_OP, negated ? NFT_CMP_NEQ : NFT_CMP_EQ);
    put_data(message, NFTA_CMP_DATA, with);
  });
}

void mask(nlmsghdr* message, std::span<const uint8_t> keep) {
  const std::array<uint8_t, 16> flip{};
  put_expression(message, "bitwise", [&] {
    put_number(message, NFTA_BITWISE_SREG, word_register(0));
    put_number(message, NFTA_BITWISE_DREG, word_register(0));
    put_number(message, NFTA_BITWISE_LEN, uint32_t(keep.size()));
    put_data(message, NFTA_BITWISE_MASK, keep);
    put_data(message, NFTA_BITWISE_XOR, {flip.data(), keep.size()});
  });
}

void match_family(nlmsghdr* message, Family family) {
  load_meta(message, NFT_META_NFPROTO);
  compare(message, bytes_of(protocol_family(family)));
}

void match_link(nlmsghdr* message, nft_meta_keys key, const std::string& name, bool negated) {
  std::array<uint8_t, IFNAMSIZ> padded{};
  std::memcpy(padded.data(), name.data(), std::min(name.size(), padded.size() - 1));
  load_meta(message, key);
  compare(message, padded, negated);
}

// Source and destination lie one behind the other, at a different place in each family.
uint32_t address_offset(Family family, bool destination) {
  const uint32_t source = family == Family::V4 ? 12 : 8;
  return source + (destination ? uint32_t(words_of(family)) * 4 : 0);
}

void match_subnet(nlmsghdr* message, const Subnet& subnet, bool destination) {
  const auto family = subnet.address.family();
  match_family(message, family);
  load_payload(message, NFT_PAYLOAD_NETWORK_HEADER, address_offset(family, destination),
               uint32_t(subnet.address.size()));
  const Subnet netmask{IpAddress::any(family),
                       subnet.length};  // Its last address has the host bits.
  std::array<uint8_t, 16> bits{};
  const auto host_bits = netmask.last();
  for (size_t i = 0; i < host_bits.size(); ++i) bits[i] = uint8_t(~host_bits.bytes()[i]);
  mask(message, {bits.data(), host_bits.size()});
  compare(message, subnet.first().bytes());
}

void match_flag(nlmsghdr* message, nft_ct_keys key, uint32_t bits) {
  load_flow(message, key);
  mask(message, bytes_of(bits));
  compare(message, bytes_of(uint32_t{0}), true);
}

void match_local(nlmsghdr* message) {
  put_expression(message, "fib", [&] {
    put_number(message, NFTA_FIB_DREG, word_register(0));
    put_number(message, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    put_number(message, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
  });
  compare(message, bytes_of(uint32_t{RTN_LOCAL}));
}

void load_address(nlmsghdr* message, Family family, bool destination, size_t word = 0) {
  load_payload(message, NFT_PAYLOAD_NETWORK_HEADER, address_offset(family, destination),
               uint32_t(words_of(family) * 4), word_register(word));
}

// Whatever the map is keyed by, part after part.
void load_key(nlmsghdr* message, const MapShape& map) {
  using Keys = MapShape::Keys;
  if (map.keys != Keys::Port) match_family(message, map.family);
  const auto words = words_of(map.family);
  if (map.keys == Keys::AddressPair) {
    load_address(message, map.family, false);
    return load_address(message, map.family, true, words);
  }
  size_t word = 0;
  if (map.keys != Keys::Port) {
    load_address(message, map.family, true);
    word = words;
  }
  if (map.keys == Keys::Address) return;
  load_meta(message, NFT_META_L4PROTO, word_register(word));
  load_payload(message, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, word_register(word + 1));
}

// How a lookup answers: whether the key is there, its value in registers, or its verdict.
enum class Answer { Presence, Value, Verdict };

void look_up(nlmsghdr* message, const std::string& map, Answer answer, uint32_t id = 0) {
  put_expression(message, "lookup", [&] {
    mnl_attr_put_strz(message, NFTA_LOOKUP_SET, std::string(local_name(map)).c_str());
    if (id != 0) put_number(message, NFTA_LOOKUP_SET_ID, id);
    put_number(message, NFTA_LOOKUP_SREG, word_register(0));
    if (answer == Answer::Presence) return;
    put_number(message, NFTA_LOOKUP_DREG,
               answer == Answer::Verdict ? uint32_t{NFT_REG_VERDICT} : word_register(0));
  });
}

// The new address lies in the registers, and behind it the port when there is one.
void translate(nlmsghdr* message, nft_nat_types type, Family family, bool with_port) {
  put_expression(message, "nat", [&] {
    put_number(message, NFTA_NAT_TYPE, type);
    put_number(message, NFTA_NAT_FAMILY, protocol_family(family));
    put_number(message, NFTA_NAT_REG_ADDR_MIN, word_register(0));
    if (with_port) put_number(message, NFTA_NAT_REG_PROTO_MIN, word_register(words_of(family)));
  });
}

void put_verdict(nlmsghdr* message, int code, const std::string& chain = {}) {
  put_expression(message, "immediate", [&] {
    put_number(message, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    const Nested data(message, NFTA_IMMEDIATE_DATA);
    const Nested verdict(message, NFTA_DATA_VERDICT);
    put_number(message, NFTA_VERDICT_CODE, uint32_t(code));
    if (chain.empty()) return;
    mnl_attr_put_strz(message, NFTA_VERDICT_CHAIN, std::string(local_name(chain)).c_str());
  });
}

struct Conditions {
  nlmsghdr* message;
  const MapShapes& maps;

  void operator()(const FromLink& c) const {
    match_link(message, NFT_META_IIFNAME, c.name, c.negated);
  }
  void operator()(const ToLink& c) const {
    match_link(message, NFT_META_OIFNAME, c.name, c.negated);
  }
  void operator()(const FromSubnet& c) const { match_subnet(message, c.subnet, false); }
  void operator()(const ToSubnet& c) const { match_subnet(message, c.subnet, true); }
  void operator()(const ToThisHost&) const { match_local(message); }
  void operator()(const IsProtocol& c) const {
    load_meta(message, NFT_META_L4PROTO);
    compare(message, bytes_of(number_of(c.protocol)));
  }
  void operator()(const InState& c) const {
    constexpr uint32_t kKnown = NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED);
    match_flag(message, NFT_CT_STATE,
               c.state == FlowState::New ? uint32_t{NF_CT_STATE_BIT(IP_CT_NEW)} : kKnown);
  }
  void operator()(const IsTranslated&) const { match_flag(message, NFT_CT_STATUS, IPS_DST_NAT); }
  void operator()(const ToPort& c) const {
    load_payload(message, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
    compare(message, bytes_of(htons(c.port)));
  }
  void operator()(const PortIsIn& c) const {
    load_key(message, maps.at(c.set));
    look_up(message, c.set, Answer::Presence);
  }
  void operator()(const AddressesAreIn& c) const {
    load_key(message, maps.at(c.set));
    look_up(message, c.set, Answer::Presence);
  }
  void operator()(const IsMidStream&) const {
    constexpr uint32_t kFlagsOffset = 13;
    constexpr uint8_t kFin = 1, kSyn = 2, kReset = 4, kAcknowledged = 16;
    load_payload(message, NFT_PAYLOAD_TRANSPORT_HEADER, kFlagsOffset, 1);
    mask(message, bytes_of(uint8_t(kFin | kSyn | kReset | kAcknowledged)));
    compare(message, bytes_of(kSyn), true);
  }
  void operator()(const IsNotIcmp&) const {
    for (const uint8_t protocol : {uint8_t{IPPROTO_ICMP}, uint8_t{IPPROTO_ICMPV6}}) {
      load_meta(message, NFT_META_L4PROTO);
      compare(message, bytes_of(protocol), true);
    }
  }
};

struct Actions {
  nlmsghdr* message;
  const MapShapes& maps;
  uint32_t turns_map_id;

  void operator()(const Accept&) const { put_verdict(message, NF_ACCEPT); }
  void operator()(const Drop&) const { put_verdict(message, NF_DROP); }
  void operator()(const Jump& a) const { put_verdict(message, NFT_JUMP, a.chain); }
  void operator()(const Refuse& a) const {
    put_expression(message, "reject", [&] {
      put_number(message, NFTA_REJECT_TYPE,
                 a.tcp_reset ? NFT_REJECT_TCP_RST : NFT_REJECT_ICMPX_UNREACH);
      mnl_attr_put_u8(message, NFTA_REJECT_ICMP_CODE,
                      a.tcp_reset ? 0 : NFT_REJECT_ICMPX_PORT_UNREACH);
    });
  }
  void operator()(const Untrack&) const {
    put_expression(message, "notrack", [] {});
  }
  void operator()(const Masquerade&) const {
    put_expression(message, "masq", [] {});
  }
  void operator()(const FollowMap& a) const {
    const auto& map = maps.at(a.map);
    load_key(message, map);
    const bool verdict = map.leads == MapShape::Leads::ToChain;
    look_up(message, a.map, verdict ? Answer::Verdict : Answer::Value);
    if (!verdict) translate(message, NFT_NAT_DNAT, map.family, true);
  }
  void operator()(const Balance& a) const {
    put_expression(message, "numgen", [&] {
      put_number(message, NFTA_NG_DREG, word_register(0));
      put_number(message, NFTA_NG_MODULUS, uint32_t(a.backends.size()));
      put_number(message, NFTA_NG_TYPE, NFT_NG_INCREMENTAL);
    });
    look_up(message, kTurnsMapName, Answer::Value, turns_map_id);
    const auto& first = a.backends[0];
    translate(message, NFT_NAT_DNAT, first.address.family(), first.port != 0);
  }
  void operator()(const SendTo& a) const {
    const Family family = a.backend.address.family();
    load_constant(message, a.backend.address.bytes(), word_register(0));
    const uint16_t port = htons(a.backend.port);
    if (port != 0) load_constant(message, bytes_of(port), word_register(words_of(family)));
    translate(message, NFT_NAT_DNAT, family, port != 0);
  }
  void operator()(const SourceFromAsked& a) const {
    load_flow(message, a.family == Family::V4 ? NFT_CT_DST_IP : NFT_CT_DST_IP6, IP_CT_DIR_ORIGINAL);
    translate(message, NFT_NAT_SNAT, a.family, false);
  }
  void operator()(const NoteAsked& a) const {
    const bool v4 = maps.at(a.set).family == Family::V4;
    load_flow(message, v4 ? NFT_CT_DST_IP : NFT_CT_DST_IP6, IP_CT_DIR_ORIGINAL);
    put_expression(message, "dynset", [&] {
      mnl_attr_put_strz(message, NFTA_DYNSET_SET_NAME, std::string(local_name(a.set)).c_str());
      put_number(message, NFTA_DYNSET_OP, NFT_DYNSET_OP_ADD);
      put_number(message, NFTA_DYNSET_SREG_KEY, word_register(0));
    });
  }
};

}  // namespace

void put_expressions(nlmsghdr* message, const Rule& rule, const MapShapes& maps,
                     uint32_t turns_map_id) {
  const Nested expressions(message, NFTA_RULE_EXPRESSIONS);
  for (const auto& condition : rule.conditions) std::visit(Conditions{message, maps}, condition);
  std::visit(Actions{message, maps, turns_map_id}, rule.action);
}

}  // namespace shoal::netdriver

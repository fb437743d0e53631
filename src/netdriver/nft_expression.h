// The expressions of an nftables rule, written one after another into its message. Each works on
// one register: what is loaded is compared, masked or stored by the next.
#pragma once

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <string>

#include "netdriver/netlink.h"

namespace shoal::netdriver {

template <class T>
std::span<const uint8_t> raw_bytes(const T& value) {
  return {reinterpret_cast<const uint8_t*>(&value), sizeof value};
}

class RuleWriter {
 public:
  explicit RuleWriter(nlmsghdr* message) : message_(message) {}

  RuleWriter& load_meta(nft_meta_keys key) {
    return write("meta", [&] { number(NFTA_META_KEY, key).number(NFTA_META_DREG, kRegister); });
  }
  RuleWriter& store_meta(nft_meta_keys key) {
    return write("meta", [&] { number(NFTA_META_KEY, key).number(NFTA_META_SREG, kRegister); });
  }
  RuleWriter& load_flow(nft_ct_keys key) {
    return write("ct", [&] { number(NFTA_CT_KEY, key).number(NFTA_CT_DREG, kRegister); });
  }
  // `direction`: IP_CT_DIR_…, for the keys that have one.
  RuleWriter& store_flow(nft_ct_keys key, std::optional<uint8_t> direction = {}) {
    return write("ct", [&] {
      number(NFTA_CT_KEY, key);
      if (direction) mnl_attr_put_u8(message_, NFTA_CT_DIRECTION, *direction);
      number(NFTA_CT_SREG, kRegister);
    });
  }
  RuleWriter& load_packet(nft_payload_bases base, uint32_t offset, uint32_t bytes) {
    return packet(NFTA_PAYLOAD_DREG, base, offset, bytes);
  }
  // Without any checksum to mend.
  RuleWriter& store_packet(nft_payload_bases base, uint32_t offset, uint32_t bytes) {
    return packet(NFTA_PAYLOAD_SREG, base, offset, bytes);
  }
  RuleWriter& compare(std::span<const uint8_t> with, bool negated = false) {
    return write("cmp", [&] {
      number(NFTA_CMP_SREG, kRegister).number(NFTA_CMP_OP, negated ? NFT_CMP_NEQ : NFT_CMP_EQ);
      data(NFTA_CMP_DATA, with);
    });
  }
  RuleWriter& mask(std::span<const uint8_t> keep) {
    const std::array<uint8_t, 16> flip{};
    return write("bitwise", [&] {
      number(NFTA_BITWISE_SREG, kRegister).number(NFTA_BITWISE_DREG, kRegister);
      number(NFTA_BITWISE_LEN, uint32_t(keep.size()));
      data(NFTA_BITWISE_MASK, keep).data(NFTA_BITWISE_XOR, {flip.data(), keep.size()});
    });
  }
  RuleWriter& from_link(const std::string& name) {
    std::array<uint8_t, 16> padded{};
    std::memcpy(padded.data(), name.data(), std::min(name.size(), padded.size() - 1));
    return load_meta(NFT_META_IIFNAME).compare(padded);
  }
  RuleWriter& load_constant(std::span<const uint8_t> value) {
    return write("immediate",
                 [&] { number(NFTA_IMMEDIATE_DREG, kRegister).data(NFTA_IMMEDIATE_DATA, value); });
  }
  RuleWriter& accept() { return verdict(NF_ACCEPT); }
  RuleWriter& drop() { return verdict(NF_DROP); }
  // What the chain does not decide goes on behind this rule.
  RuleWriter& jump(const std::string& chain) { return verdict(NFT_JUMP, chain); }
  // Packets and bytes, for whoever lists the rules.
  RuleWriter& count() {
    return write("counter", [] {});
  }
  // The loaded IPv4 address becomes the destination.
  RuleWriter& translate_destination() {
    return write("nat", [&] {
      number(NFTA_NAT_TYPE, NFT_NAT_DNAT).number(NFTA_NAT_FAMILY, NFPROTO_IPV4);
      number(NFTA_NAT_REG_ADDR_MIN, kRegister);
    });
  }

 private:
  static constexpr uint32_t kRegister = NFT_REG32_00;

  template <class Fill>
  RuleWriter& write(const char* kind, Fill fill) {
    const Nested element(message_, NFTA_LIST_ELEM);
    mnl_attr_put_strz(message_, NFTA_EXPR_NAME, kind);
    const Nested inside(message_, NFTA_EXPR_DATA);
    fill();
    return *this;
  }
  RuleWriter& packet(uint16_t which, nft_payload_bases base, uint32_t offset, uint32_t bytes) {
    return write("payload", [&] {
      number(which, kRegister).number(NFTA_PAYLOAD_BASE, base);
      number(NFTA_PAYLOAD_OFFSET, offset).number(NFTA_PAYLOAD_LEN, bytes);
      if (which != NFTA_PAYLOAD_SREG) return;
      number(NFTA_PAYLOAD_CSUM_TYPE, 0).number(NFTA_PAYLOAD_CSUM_OFFSET, 0);
    });
  }
  RuleWriter& verdict(int code, const std::string& chain = {}) {
    return write("immediate", [&] {
      number(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
      const Nested value(message_, NFTA_IMMEDIATE_DATA);
      const Nested inside(message_, NFTA_DATA_VERDICT);
      number(NFTA_VERDICT_CODE, uint32_t(code));
      if (!chain.empty()) mnl_attr_put_strz(message_, NFTA_VERDICT_CHAIN, chain.c_str());
    });
  }
  RuleWriter& number(uint16_t type, uint32_t value) {
    mnl_attr_put_u32(message_, type, htonl(value));
    return *this;
  }
  RuleWriter& data(uint16_t type, std::span<const uint8_t> bytes) {
    const Nested inside(message_, type);
    mnl_attr_put(message_, NFTA_DATA_VALUE, bytes.size(), bytes.data());
    return *this;
  }

  nlmsghdr* message_;
};

}  // namespace shoal::netdriver

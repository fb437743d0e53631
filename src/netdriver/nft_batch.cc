#include "netdriver/nft_batch.h"

#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include "netdriver/nft_encode.h"

namespace shoal::netdriver {

NftBatch::NftBatch(uint8_t family, std::string table) : family_(family), table_(std::move(table)) {
  edge(NFNL_MSG_BATCH_BEGIN);
}

Messages NftBatch::finish() {
  edge(NFNL_MSG_BATCH_END);
  return std::move(messages_);
}

void NftBatch::edge(uint16_t type) {
  messages_.add(type, 0,
                nfgenmsg{.nfgen_family = AF_UNSPEC,
                         .version = NFNETLINK_V0,
                         .res_id = htons(NFNL_SUBSYS_NFTABLES)});
}

nlmsghdr* NftBatch::message(uint16_t type, uint16_t flags) {
  return messages_.add(uint16_t(NFNL_SUBSYS_NFTABLES << 8 | type), uint16_t(flags | NLM_F_ACK),
                       nfgenmsg{.nfgen_family = family_, .version = NFNETLINK_V0, .res_id = 0});
}

void NftBatch::table(uint16_t type, uint16_t flags) {
  mnl_attr_put_strz(message(type, flags), NFTA_TABLE_NAME, table_.c_str());
}

// Made first, so that the removal finds one.
void NftBatch::replace_table() {
  table(NFT_MSG_NEWTABLE, NLM_F_CREATE);
  table(NFT_MSG_DELTABLE, 0);
  table(NFT_MSG_NEWTABLE, NLM_F_CREATE);
}

void NftBatch::remove_table() {
  table(NFT_MSG_DELTABLE, 0);
}

nlmsghdr* NftBatch::chain(const std::string& name) {
  nlmsghdr* m = message(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  mnl_attr_put_strz(m, NFTA_CHAIN_TABLE, table_.c_str());
  mnl_attr_put_strz(m, NFTA_CHAIN_NAME, name.c_str());
  return m;
}

void NftBatch::add_chain(const std::string& name) {
  chain(name);
}

void NftBatch::add_chain(const std::string& name, const Hook& hook) {
  nlmsghdr* m = chain(name);
  mnl_attr_put_strz(m, NFTA_CHAIN_TYPE, hook.type);
  const Nested at(m, NFTA_CHAIN_HOOK);
  mnl_attr_put_u32(m, NFTA_HOOK_HOOKNUM, htonl(hook.number));
  mnl_attr_put_u32(m, NFTA_HOOK_PRIORITY, htonl(uint32_t(hook.priority)));
  if (!hook.link.empty()) mnl_attr_put_strz(m, NFTA_HOOK_DEV, hook.link.c_str());
}

nlmsghdr* NftBatch::begin_rule(const std::string& chain) {
  nlmsghdr* m = message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
  mnl_attr_put_strz(m, NFTA_RULE_TABLE, table_.c_str());
  mnl_attr_put_strz(m, NFTA_RULE_CHAIN, chain.c_str());
  return m;
}

void NftBatch::end_rule(nlmsghdr* message, const std::string& comment) {
  if (!comment.empty()) put_comment(message, comment);
}

}  // namespace shoal::netdriver

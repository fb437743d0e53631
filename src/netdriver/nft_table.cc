#include "netdriver/nft_table.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>

#include "netdriver/nft_encode.h"
#include "network/shards.h"

namespace shoal::netdriver {
namespace {

using namespace network;

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

}  // namespace

Result<NftTable> NftTable::open(std::string name) {
  ASSIGN_OR_RETURN(auto socket, NetlinkSocket::open(NETLINK_NETFILTER));
  return NftTable(std::move(name), std::move(socket));
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
  ASSIGN_OR_RETURN(const auto shards, list_shards());
  NftTransaction transaction(name_, wanted.maps);
  for (const auto shard : shards) transaction.remove_table(table_of(name_, in_shard(shard, "")));
  transaction.add_table();
  const auto changes = diff(Ruleset{}, wanted);
  const auto now = count_for_one(changes);
  for (const auto& change : std::span(changes).first(now)) transaction.add(change);
  RETURN_IF_ERROR(with_context(socket_.send(transaction.finish()), "replace table {}", name_));
  return apply(std::span(changes).subspan(now), wanted.maps);
}

Result<void> NftTable::remove() {
  ASSIGN_OR_RETURN(const auto shards, list_shards());
  if (shards.empty()) return not_found("there is no table {}", name_);
  Messages messages;
  messages.add(NFNL_MSG_BATCH_BEGIN, 0,
               nfgenmsg{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)});
  for (const auto shard : shards) {
    auto* message = messages.add(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE, NLM_F_ACK,
                                 nfgenmsg{NFPROTO_INET, NFNETLINK_V0, 0});
    mnl_attr_put_strz(message, NFTA_TABLE_NAME, table_of(name_, in_shard(shard, "")).c_str());
  }
  messages.add(NFNL_MSG_BATCH_END, 0,
               nfgenmsg{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)});
  return with_context(socket_.send(std::move(messages)), "remove table {}", name_);
}

}  // namespace shoal::netdriver

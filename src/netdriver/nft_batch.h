// NftBatch: one nftables transaction that makes or removes a small table of fixed rules, written
// expression by expression. What changes with services is NftTable's.
//
//   NftBatch batch(NFPROTO_INET, "shoal_mesh");
//   batch.replace_table();
//   batch.add_chain("out", {"route", NF_INET_LOCAL_OUT, -150});
//   batch.add_rule("out", [](RuleWriter& rule) { … });
//   socket.send(batch.finish());
#pragma once

#include <string>
#include <utility>

#include "netdriver/netlink.h"
#include "netdriver/nft_expression.h"

namespace shoal::netdriver {

class NftBatch {
 public:
  // `family`: NFPROTO_INET, NFPROTO_NETDEV, …
  NftBatch(uint8_t family, std::string table);

  // An empty table, whatever was there.
  void replace_table();
  // NotFound when there is none.
  void remove_table();

  // Where the kernel enters a chain; `link` in the family netdev.
  struct Hook {
    const char* type;
    uint32_t number;
    int32_t priority;
    std::string link = {};
  };
  void add_chain(const std::string& name, const Hook& hook);
  // One that others lead to.
  void add_chain(const std::string& name);

  // At the end of the chain; `write` is given a RuleWriter.
  template <class Write>
  void add_rule(const std::string& chain, Write write, const std::string& comment = {}) {
    nlmsghdr* message = begin_rule(chain);
    {
      const Nested expressions(message, NFTA_RULE_EXPRESSIONS);
      RuleWriter rule(message);
      write(rule);
    }
    end_rule(message, comment);
  }

  // The batch may not be used afterwards.
  Messages finish();

 private:
  nlmsghdr* message(uint16_t type, uint16_t flags);
  void table(uint16_t type, uint16_t flags);
  nlmsghdr* chain(const std::string& name);
  nlmsghdr* begin_rule(const std::string& chain);
  void end_rule(nlmsghdr* message, const std::string& comment);
  void edge(uint16_t type);

  const uint8_t family_;
  const std::string table_;
  Messages messages_;
};

}  // namespace shoal::netdriver

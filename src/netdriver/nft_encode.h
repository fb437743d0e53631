// Writes the messages of one nftables transaction. Used by NftTable.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "netdriver/netlink.h"
#include "network/plan.h"

namespace shoal::netdriver {

// Collects changes of the table `name`; finish() gives the batch for NetlinkSocket::send().
class NftTransaction {
 public:
  NftTransaction(std::string name, const network::MapShapes& maps);

  void add_table();
  // Deletes the table whether it is there or not.
  void replace_table();
  void add(const network::RuleChange& change);
  Messages finish();

 private:
  nlmsghdr* message(uint16_t type, uint16_t flags = 0);
  void add_map(const network::AddMap& change);
  void add_chain(const network::AddChain& change);
  void set_rules(const network::SetRules& change);
  uint32_t add_turns(const network::Balance& balance);
  void element(uint16_t type, const std::string& map, const network::MapKey& key,
               const network::MapTarget* target);

  const std::string name_;
  const network::MapShapes& maps_;
  Messages messages_;
  uint32_t ids_ = 0;  // Numbers for what is made and named within the transaction.
};

// nft(8)'s number of a key's or a value's type, so that it can list what we made.
struct NftTypes {
  uint32_t key_type;
  uint32_t key_bytes;
  uint32_t data_type;  // 0: a set
  uint32_t data_bytes;
};
NftTypes types_of(const network::MapShape& map);

// The kernel's number of a hook, and back.
uint8_t hook_number(network::Hook hook);
std::optional<network::Hook> hook_of(uint32_t number);

// Reads the comment that rules carry, nft(8)'s own form; empty when there is none.
std::string decode_comment(std::span<const uint8_t> user_data);

// The kernel's form of a key or a backend: each part padded to four bytes.
std::vector<uint8_t> encode(const network::MapKey& key);
std::vector<uint8_t> encode(const network::Backend& backend);
// The reverse, for reading; empty when the bytes are not of the map's shape.
std::optional<network::MapKey> decode_key(const network::MapShape& map,
                                          std::span<const uint8_t> bytes);
std::optional<network::Backend> decode_backend(const network::MapShape& map,
                                               std::span<const uint8_t> bytes);

}  // namespace shoal::netdriver

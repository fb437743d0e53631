// Writes the messages of one nftables transaction. Used by NftTable.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "netdriver/netlink.h"
#include "network/plan.h"

namespace shoal::netdriver {

// Collects changes of the table `name` and its shards; finish() gives the batch for
// NetlinkSocket::send().
class NftTransaction {
 public:
  NftTransaction(std::string name, const network::MapShapes& maps);

  // Makes the table unless it is there; a shard is made with what is first added to it.
  void add_table() { make_table(name_); }
  // Deletes the table `found` and whatever is in it.
  void remove_table(const std::string& found);
  void add(const network::RuleChange& change);
  Messages finish();

 private:
  nlmsghdr* message(uint16_t type, uint16_t flags = 0);
  void make_table(const std::string& table);
  void put_table(nlmsghdr* message, uint16_t attribute, const std::string& name) const;
  void add_map(const network::AddMap& change);
  void add_chain(const network::AddChain& change);
  void set_rules(const network::SetRules& change);
  uint32_t add_turns(const std::string& table, const network::Balance& balance);
  void element(uint16_t type, const std::string& map, const network::MapKey& key,
               const network::MapTarget* target);

  const std::string name_;
  const network::MapShapes& maps_;
  Messages messages_;
  std::set<std::string> made_;  // tables that are there by now
  uint32_t ids_ = 0;            // Numbers for what is made and named within the transaction.
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

// Names an element in a message, so that its value is given or it is asked for.
void put_element(nlmsghdr* message, const std::string& table, const std::string& map,
                 const network::MapKey& key, const network::MapTarget* target = nullptr);

// Gives a rule a comment of at most 254 characters, in nft(8)'s own form.
void put_comment(nlmsghdr* message, const std::string& text);
// Reads it; empty when there is none.
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

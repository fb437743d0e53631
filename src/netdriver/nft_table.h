// NftTable: our nftables table in the kernel with its shards (network/shards.h), changed by whole
// transactions over raw netlink.
//
// One transaction is seen by packets at once or not at all. Not thread-safe and blocking: it
// belongs to the driver's thread.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "netdriver/netlink.h"
#include "network/plan.h"

namespace shoal::netdriver {

class NftTable {
 public:
  // In the calling thread's network namespace.
  static Result<NftTable> open(std::string name);

  // What the kernel has of the table; nothing when it does not exist. Rules are not read but
  // compared, by the fingerprints that they carry: a chain whose rules are as `wanted` has them
  // comes back with these, another one with a rule that equals no planned one, so that a diff()
  // replaces them.
  Result<network::Ruleset> read(const network::Ruleset& wanted = {});

  // Whether the key is in the map or set; in one that is not there it is not.
  Result<bool> has(const std::string& map, const network::MapKey& key);

  // Applies the changes, as one transaction unless they are very many; creates the table when it is
  // not there. `maps` has every map that a change names.
  Result<void> apply(std::span<const network::RuleChange> changes, const network::MapShapes& maps);

  // Leads from what was read to `wanted`; makes the table anew when that cannot be, because
  // somebody else changed it or made a chain or map of the same name and another kind.
  Result<void> lead(const network::Ruleset& found, const network::Ruleset& wanted);

  // Puts `wanted` in the place of whatever the table is, as one transaction.
  Result<void> replace(const network::Ruleset& wanted);

  // NotFound when it does not exist.
  Result<void> remove();

 private:
  NftTable(std::string name, NetlinkSocket socket)
      : name_(std::move(name)), socket_(std::move(socket)) {}

  // The shards that are there; 0 is the table itself.
  Result<std::vector<size_t>> list_shards();
  Result<void> read_maps(size_t shard, network::Ruleset& rules);
  Result<void> read_chains(network::Ruleset& rules);
  using Comments = std::map<std::string, std::vector<std::string>>;  // by chain, in rules' order
  Result<void> read_comments(size_t shard, Comments& comments);
  static void compare_rules(const Comments& found, const network::Ruleset& wanted,
                            network::Ruleset& rules);
  Result<void> read_elements(const std::string& map, network::Ruleset& rules);

  std::string name_;
  NetlinkSocket socket_;
};

}  // namespace shoal::netdriver

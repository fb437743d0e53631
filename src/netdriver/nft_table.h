// NftTable: our nftables table in the kernel, changed by whole transactions over raw netlink.
//
// One transaction is seen by packets at once or not at all. Not thread-safe and blocking: it
// belongs to the driver's thread.
#pragma once

#include <span>
#include <string>

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

  Result<void> read_maps(network::Ruleset& rules);
  Result<void> read_chains(network::Ruleset& rules);
  Result<void> compare_rules(const network::Ruleset& wanted, network::Ruleset& rules);
  Result<void> read_elements(const std::string& map, network::Ruleset& rules);

  std::string name_;
  NetlinkSocket socket_;
};

}  // namespace shoal::netdriver

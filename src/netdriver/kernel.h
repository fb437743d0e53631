// Kernel: makes this node's links, settings and rules match the plan. Blocking; used by one driver
// thread only, in whose network namespace it was opened.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "netdriver/links.h"
#include "netdriver/namespaces.h"
#include "netdriver/nft_table.h"
#include "network/plan.h"

namespace shoal::netdriver {

// Names of our veth links start with this; with it they are recognised after a crash.
inline constexpr auto kVethPrefix = "shv";

// And what the links of users' bridges say of themselves, before the network's id.
inline constexpr std::string_view kBridgeAlias = "shoal network ";

// What is there when the daemon starts.
struct Found {
  std::map<std::string, LinkInfo> links;       // the host's, by name
  std::vector<network::Subnet> own_addresses;  // of the node's own bridge
  std::vector<network::Subnet> used;           // of the host's other addresses and routes
  std::vector<std::string> veths;              // ours, ports of our bridges or of none
  std::map<std::string, std::string> bridges;  // of users: network -> link
  network::Ruleset rules;
};

class Kernel {
 public:
  static Result<Kernel> open(const std::string& table);

  // `own`: the link of the node's own bridge.
  Result<Found> look(const std::string& own);
  // The subnets of all of the host's addresses and routes, as they are now.
  Result<std::vector<network::Subnet>> used_subnets();

  // Makes bridges, settings and rules as `wanted`, starting from what was found. Its veth links
  // must exist; they become ports of their bridges again.
  Result<void> build(const network::Plan& wanted, const Found& found);

  // Mends bridge, settings and rules, and says what was not so. Of the links only those are looked
  // at that are there: one that is gone went with its container, or because somebody in there
  // wanted it. What is there of the `adopted` ports of services stays as it is.
  Result<std::vector<std::string>> check(network::Plan wanted,
                                         const std::vector<network::IngressPort>& adopted);

  // Adds the bridges and settings of `changes`. Conflict when there is a link of that name. After
  // an error no bridge is left.
  Result<void> add_bridges(const network::Changes& changes);
  // Fine when it is gone.
  Result<void> remove_bridge(const std::string& name);

  // Adds veth links, with their peers in `peers` and configured. After an error none is left.
  Result<void> attach(const std::map<std::string, network::LinkPlan>& links, ReadyNamespace& peers);
  Result<void> change_rules(std::span<const network::RuleChange> changes,
                            const network::MapShapes& maps);
  Result<void> replace_rules(const network::Ruleset& wanted);

  // Takes the table away; fine when it is gone.
  Result<void> remove_rules();

 private:
  Kernel(NetlinkSocket route, NftTable table)
      : route_(std::move(route)), table_(std::move(table)) {}
  Result<void> build_bridge(const std::string& name, const network::LinkPlan& plan,
                            const Found& found);
  Result<void> check_links(const network::Plan& wanted, std::vector<std::string>& differences);
  int index_of(const std::string& bridge) const;

  NetlinkSocket route_;
  NftTable table_;
  std::map<std::string, int> bridges_;  // link -> index
};

}  // namespace shoal::netdriver

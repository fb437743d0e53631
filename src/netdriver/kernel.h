// Kernel: makes this node's links, settings and rules match the plan. Blocking; used by one driver
// thread only, in whose network namespace it was opened.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "netdriver/links.h"
#include "netdriver/namespaces.h"
#include "netdriver/nft_table.h"
#include "network/plan.h"

namespace shoal::netdriver {

// Names of our veth links start with this; with it they are recognised after a crash.
inline constexpr auto kVethPrefix = "shv";

// What is there when the daemon starts.
struct Found {
  std::optional<LinkInfo> bridge;
  std::vector<network::Subnet> bridge_addresses;
  std::vector<network::Subnet> used;  // subnets of the host's other addresses and routes
  std::vector<std::string> veths;     // ours, ports of the bridge or of none
  network::Ruleset rules;
};

class Kernel {
 public:
  static Result<Kernel> open(const std::string& table);

  Result<Found> look(const std::string& bridge);

  // Makes bridge, settings and rules as `wanted`, starting from what was found. Its veth links
  // must exist; they become ports of the bridge again.
  Result<void> build(const network::Plan& wanted, const Found& found);

  // Mends bridge, settings and rules, and says what was not so. Of the links only those are looked
  // at that are there: one that is gone went with its container, or because somebody in there
  // wanted it. What is there of the `adopted` ports of services stays as it is.
  Result<std::vector<std::string>> check(network::Plan wanted,
                                         const std::vector<network::IngressPort>& adopted);

  // Adds veth links, with their peers in `peers` and configured. After an error none is left.
  Result<void> attach(const std::map<std::string, network::LinkPlan>& links, ReadyNamespace& peers);
  Result<void> change_rules(std::span<const network::RuleChange> changes,
                            const network::MapShapes& maps);
  Result<void> replace_rules(const network::Ruleset& wanted);

  // Takes the bridge and the table away; fine when they are gone.
  Result<void> remove_all(const std::string& bridge);

 private:
  Kernel(NetlinkSocket route, NftTable table)
      : route_(std::move(route)), table_(std::move(table)) {}
  Result<void> build_bridge(const std::string& name, const network::LinkPlan& plan,
                            const Found& found);

  NetlinkSocket route_;
  NftTable table_;
  Result<void> check_links(const network::Plan& wanted, std::vector<std::string>& differences);

  int bridge_index_ = 0;
};

}  // namespace shoal::netdriver

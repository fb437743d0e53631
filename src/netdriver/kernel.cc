#include "netdriver/kernel.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "netdriver/sysctl.h"

namespace shoal::netdriver {
namespace {

using network::LinkPlan;
using network::Plan;
using network::Ruleset;

Result<void> absent_is_fine(Result<void> result) {
  if (!result && result.error().code == ErrorCode::NotFound) return {};
  return result;
}

}  // namespace

Result<Kernel> Kernel::open(const std::string& table) {
  ASSIGN_OR_RETURN(auto route, NetlinkSocket::open(NETLINK_ROUTE));
  ASSIGN_OR_RETURN(auto nft, NftTable::open(table));
  return Kernel(std::move(route), std::move(nft));
}

Result<Found> Kernel::look(const std::string& own) {
  Found found;
  ASSIGN_OR_RETURN(const auto links, list_links(route_));
  std::set<int> masters = {0};
  int own_index = 0;
  for (const auto& link : links) {
    found.links.emplace(link.name, link);
    const bool made_by_user = link.kind == "bridge" && link.alias.starts_with(kBridgeAlias);
    if (made_by_user) found.bridges[link.alias.substr(kBridgeAlias.size())] = link.name;
    if (link.name == own) own_index = link.index;
    if (link.name == own || made_by_user) masters.insert(link.index);
  }
  for (const auto& link : links) {
    const bool named = link.kind == "veth" && link.name.starts_with(kVethPrefix);
    if (named && masters.contains(link.master)) found.veths.push_back(link.name);
    if (masters.contains(link.index)) continue;
    ASSIGN_OR_RETURN(const auto addresses, list_addresses(route_, link.index));
    found.used.insert(found.used.end(), addresses.begin(), addresses.end());
  }
  if (own_index != 0) {
    ASSIGN_OR_RETURN(found.own_addresses, list_addresses(route_, own_index));
  }
  ASSIGN_OR_RETURN(const auto routes, list_routes(route_));
  found.used.insert(found.used.end(), routes.begin(), routes.end());
  ASSIGN_OR_RETURN(found.rules, table_.read());
  return found;
}

Result<std::vector<network::Subnet>> Kernel::used_subnets() {
  ASSIGN_OR_RETURN(auto used, list_addresses(route_, 0));
  ASSIGN_OR_RETURN(const auto routes, list_routes(route_));
  used.insert(used.end(), routes.begin(), routes.end());
  return used;
}

Result<void> Kernel::build_bridge(const std::string& name, const LinkPlan& plan,
                                  const Found& found) {
  const auto there = found.links.find(name);
  if (there == found.links.end()) {
    RETURN_IF_ERROR(add_bridge(route_, name, plan));
  } else if (there->second.kind != "bridge") {
    return conflict("the link {} exists and is no bridge", name);
  } else {
    RETURN_IF_ERROR(repair_bridge(route_, there->second, plan));
  }
  ASSIGN_OR_RETURN(const auto link, find_link(route_, name));
  bridges_[name] = link.index;
  return {};
}

int Kernel::index_of(const std::string& bridge) const {
  const auto at = bridges_.find(bridge);
  CHECK(at != bridges_.end(), "no bridge {}", bridge);
  return at->second;
}

Result<void> Kernel::build(const Plan& wanted, const Found& found) {
  for (const auto& [name, link] : wanted.links) {
    if (link.kind == LinkPlan::Kind::Bridge) RETURN_IF_ERROR(build_bridge(name, link, found));
  }
  for (const auto& [name, link] : wanted.links) {
    if (link.kind != LinkPlan::Kind::Veth) continue;
    RETURN_IF_ERROR(enslave(route_, name, index_of(link.master)));
  }
  for (const auto& [path, value] : wanted.sysctls) RETURN_IF_ERROR(write_sysctl(path, value));
  return table_.lead(found.rules, wanted.rules);
}

Result<std::vector<std::string>> Kernel::check(Plan wanted,
                                               const std::vector<network::IngressPort>& adopted) {
  std::vector<std::string> differences;
  RETURN_IF_ERROR(check_links(wanted, differences));
  for (const auto& [path, value] : wanted.sysctls) {
    ASSIGN_OR_RETURN(const auto present, read_sysctl(path));
    if (present == value) continue;
    differences.push_back(fmt::format("set {} to {}", path, value));
    RETURN_IF_ERROR(write_sysctl(path, value));
  }
  ASSIGN_OR_RETURN(const auto rules, table_.read(wanted.rules));
  for (const auto& [port, part] : network::ingress_parts(rules)) {
    const bool stays = std::ranges::any_of(adopted, [&](const auto& one) {
      return one.protocol == port.protocol && one.port == port.port;
    });
    if (stays) network::add_part(wanted, part);
  }
  const auto changes = network::diff(rules, wanted.rules);
  for (const auto& change : changes) differences.push_back(network::to_text(change));
  if (!changes.empty()) RETURN_IF_ERROR(table_.lead(rules, wanted.rules));
  return differences;
}

Result<void> Kernel::check_links(const Plan& wanted, std::vector<std::string>& differences) {
  for (const auto& [name, plan] : wanted.links) {
    if (plan.kind != LinkPlan::Kind::Bridge) continue;
    Found found;
    std::vector<network::Subnet> addresses;
    ASSIGN_OR_RETURN(const auto links, list_links(route_));
    const auto at = std::ranges::find(links, name, &LinkInfo::name);
    const bool there = at != links.end();
    if (there) {
      found.links.emplace(name, *at);
      ASSIGN_OR_RETURN(addresses, list_addresses(route_, at->index));
    }
    const bool addressed = std::ranges::find(addresses, *plan.address) != addresses.end();
    if (there && at->kind == "bridge" && at->up && addressed) continue;
    differences.push_back(fmt::format("{} bridge {}", there ? "set" : "add", name));
    RETURN_IF_ERROR(build_bridge(name, plan, found));
  }
  ASSIGN_OR_RETURN(const auto links, list_links(route_));
  for (const auto& link : links) {
    const auto plan = wanted.links.find(link.name);
    if (plan == wanted.links.end() || plan->second.kind != LinkPlan::Kind::Veth) continue;
    const int bridge = index_of(plan->second.master);
    if (link.master == bridge && link.up && link.hairpin) continue;
    differences.push_back("attach link " + link.name);
    RETURN_IF_ERROR(enslave(route_, link.name, bridge));
  }
  return {};
}

Result<void> Kernel::add_bridges(const network::Changes& changes) {
  std::vector<std::string> added;
  const auto add_all = [&]() -> Result<void> {
    for (const auto& [name, link] : changes.add_links) {
      auto bridge = add_bridge(route_, name, link);
      if (!bridge && bridge.error().code == ErrorCode::AlreadyExists) {
        return conflict("the link {} exists on this host", name);
      }
      added.push_back(name);
      RETURN_IF_ERROR(std::move(bridge));
      ASSIGN_OR_RETURN(const auto made, find_link(route_, name));
      bridges_[name] = made.index;
    }
    for (const auto& [path, value] : changes.set_sysctls) {
      RETURN_IF_ERROR(write_sysctl(path, value));
    }
    return {};
  };
  auto done = add_all();
  if (!done) {
    for (const auto& name : added) (void)remove_bridge(name);  // The first error counts.
  }
  return done;
}

Result<void> Kernel::remove_bridge(const std::string& name) {
  bridges_.erase(name);
  return absent_is_fine(remove_link(route_, name));
}

Result<void> Kernel::attach(const std::map<std::string, LinkPlan>& links, ReadyNamespace& peers) {
  std::vector<std::string> added;
  const auto add_all = [&]() -> Result<void> {
    for (const auto& [name, link] : links) {
      auto pair = add_veth(route_, name, link, index_of(link.master), peers.fd.get());
      const bool others = !pair && pair.error().code == ErrorCode::AlreadyExists;
      if (!others) added.push_back(name);
      RETURN_IF_ERROR(std::move(pair));
      RETURN_IF_ERROR(configure_peer(peers.route, *link.peer));
      // The kernel learns a moment later, on a thread of its own, that both ends are up; until then
      // the bridge drops frames, and a first lookup of an address waits a second for its
      // repetition. Asking for a link makes it look at once.
      RETURN_IF_ERROR(find_link(peers.route, link.peer->name));
      RETURN_IF_ERROR(find_link(route_, name));
    }
    return {};
  };
  auto done = add_all();
  if (!done) {
    for (const auto& name : added) (void)remove_link(route_, name);  // The first error counts.
  }
  return done;
}

Result<void> Kernel::change_rules(std::span<const network::RuleChange> changes,
                                  const network::MapShapes& maps) {
  return table_.apply(changes, maps);
}

Result<void> Kernel::replace_rules(const Ruleset& wanted) {
  return table_.replace(wanted);
}

Result<void> Kernel::remove_rules() {
  return absent_is_fine(table_.remove());
}

}  // namespace shoal::netdriver

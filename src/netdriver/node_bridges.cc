// NodeNetwork: the bridges of users.
#include "base/check.h"
#include "netdriver/node_network_impl.h"

namespace shoal::netdriver {

os::Co<Result<Subnet>> NodeNetwork::Impl::choose_subnet() {
  auto look = [this] { return kernel->used_subnets(); };
  CO_ASSIGN_OR_RETURN(auto used, co_await driver.run(look));
  // Also of one whose link somebody has removed.
  const Plan frame = bridges.frame();
  for (const auto& [name, link] : frame.links) used.push_back(*link.address);
  co_return network::choose_bridge_subnet(used);
}

os::Co<Result<void>> NodeNetwork::Impl::add_bridge(Bridge added) {
  added.config.alias = fmt::format("{}{}", kBridgeAlias, added.network);
  const std::string network = added.network;
  const std::string link = added.config.name;
  const Plan before = bridges.frame();
  CO_RETURN_IF_ERROR(bridges.add(std::move(added)));
  auto made = co_await put_bridge(link, network::diff(before, bridges.frame()));
  if (!made) {
    const Plan with = bridges.frame();  // Others may have come meanwhile.
    bridges.remove(network);
    auto undo = network::diff(with, bridges.frame());
    (void)co_await change_rules(std::move(undo.rules));  // The first error counts.
  }
  co_return made;
}

// The rules first: at no moment is there a bridge that they do not guard. Both in one turn on the
// driver: a check sees neither or both.
os::Co<Result<void>> NodeNetwork::Impl::put_bridge(std::string link, Changes changes) {
  CHECK(changes.add_links.size() == 1 && changes.add_links.contains(link));
  const Plan whole = whole_plan();
  auto put = [&]() -> Result<void> {
    auto ruled = kernel->change_rules(changes.rules, maps);
    if (!ruled) ruled = kernel->replace_rules(whole.rules);  // The table is not as we left it.
    RETURN_IF_ERROR(std::move(ruled));
    return kernel->add_bridges(changes);
  };
  co_return co_await driver.run(put);
}

os::Co<Result<void>> NodeNetwork::Impl::remove_bridge(std::string network) {
  const Bridge* bridge = bridges.find(network);
  if (!bridge) co_return Result<void>{};
  for (const auto& [id, sandbox] : sandboxes) {
    if (sandbox.links.contains(network)) {
      co_return permission_denied("network {} id {} has active endpoints", bridge->name, network);
    }
  }
  const std::string link = bridge->config.name;
  const Plan before = bridges.frame();
  bridges.remove(network);  // Nobody can connect any more.
  const auto changes = network::diff(before, bridges.frame());
  const Plan whole = whole_plan();
  auto remove = [&]() -> Result<void> {
    RETURN_IF_ERROR(kernel->remove_bridge(link));
    const auto ruled = kernel->change_rules(changes.rules, maps);
    return ruled ? ruled : kernel->replace_rules(whole.rules);
  };
  co_return co_await driver.run(remove);
}

}  // namespace shoal::netdriver

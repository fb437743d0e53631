#include "allocator/targets.h"

#include <algorithm>

#include "allocator/networks.h"

namespace shoal::allocator {
namespace {

using model::Network;
using model::NetworkAttachmentConfig;
using model::NetworkId;
using model::Ref;

constexpr std::string_view kWaiting = "waiting for a network";

Cause cause_of(std::string_view target) {
  std::string key(target);
  for (char& c : key) {
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  }
  return {Cause::Kind::Network, std::move(key)};
}

std::unexpected<Blocked> blocked(Cause cause, std::string error) {
  return std::unexpected(Blocked{std::move(cause), std::string(kWaiting), std::move(error)});
}

Ref<Network> find(const store::Tables& tables, const std::string& target) {
  if (const auto id = NetworkId::parse(target)) {
    if (auto network = tables.networks().get(*id)) return network;
  }
  return tables.networks().by_name(target);
}

std::unexpected<Blocked> not_allocated(const Network& network) {
  return blocked(
      cause_of(network.id.view()),
      network.error.empty()
          ? fmt::format("network {} ({}) has no addresses yet", network.name(), network.id)
          : fmt::format("network {} ({}): {}", network.name(), network.id, network.error));
}

}  // namespace

const std::vector<NetworkAttachmentConfig>& networks_of(const model::ServiceSpec& service,
                                                        const model::TaskSpec& task) {
  return task.networks.empty() ? service.networks : task.networks;
}

Outcome<std::vector<Target>> find_targets(const store::Tables& tables,
                                          const std::vector<NetworkAttachmentConfig>& configs) {
  std::vector<Target> targets;
  for (const NetworkAttachmentConfig& config : configs) {
    if (is_node_local(config.target)) continue;
    const Ref<Network> network = find(tables, config.target);
    if (!network) {
      return blocked(cause_of(config.target), fmt::format("network {} not found", config.target));
    }
    if (network->spec.ingress) continue;  // Only published ports lead there.
    if (!network->allocation) return not_allocated(*network);
    const auto known = std::ranges::find(targets, network, &Target::network);
    auto& target = known == targets.end() ? targets.emplace_back(network) : *known;
    for (const std::string& alias : config.aliases) {
      if (std::ranges::find(target.aliases, alias) == target.aliases.end()) {
        target.aliases.push_back(alias);
      }
    }
    target.addresses.insert(target.addresses.end(), config.addresses.begin(),
                            config.addresses.end());
  }
  return targets;
}

Outcome<Target> find_ingress(const store::Tables& tables, const NetworkId& ingress) {
  const auto network = tables.networks().get(ingress);
  if (!network) {
    return blocked({Cause::Kind::Network, ""},
                   "the swarm has no ingress network to publish ports in");
  }
  if (!network->allocation) return not_allocated(*network);
  return Target{network, {}, {}};
}

std::vector<Cause> causes_of(const Network& network) {
  std::vector<Cause> causes{cause_of(network.id.view()), cause_of(network.name())};
  if (network.spec.ingress) causes.push_back({Cause::Kind::Network, ""});
  return causes;
}

}  // namespace shoal::allocator

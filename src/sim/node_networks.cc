#include "sim/node_networks.h"

#include <fmt/core.h>

#include <algorithm>

#include "dispatcher/network_views.h"

namespace shoal::sim {
namespace {

using model::NetworkId;
using model::Ref;

template <class Id>
std::string key_of(const NetworkId& network, const char* kind, const Id& id) {
  return fmt::format("{} {} {}", network, kind, id);
}

std::string key_of(const model::NetworkView& v) {
  return v.id.str();
}
std::string key_of(const model::NetworkGone& v) {
  return v.network.str();
}
std::string key_of(const model::EndpointView& v) {
  return key_of(v.network, "task", v.task);
}
std::string key_of(const model::EndpointGone& v) {
  return key_of(v.network, "task", v.task);
}
std::string key_of(const model::ServiceView& v) {
  return key_of(v.network, "service", v.service);
}
std::string key_of(const model::ServiceGone& v) {
  return key_of(v.network, "service", v.service);
}
std::string key_of(const model::GatewayView& v) {
  return key_of(v.network, "gateway", v.node);
}
std::string key_of(const model::GatewayGone& v) {
  return key_of(v.network, "gateway", v.node);
}

template <class View>
inline constexpr bool kIsGone =
    std::is_same_v<View, model::NetworkGone> || std::is_same_v<View, model::EndpointGone> ||
    std::is_same_v<View, model::ServiceGone> || std::is_same_v<View, model::GatewayGone>;

}  // namespace

void NodeNetworks::apply(const model::NetworksMessage& message) {
  if (message.complete) records_.clear();
  for (const auto& change : message.changes) {
    std::visit(
        [&]<class View>(const View& view) {
          if constexpr (std::is_same_v<View, model::NetworkGone>) {
            const std::string network = key_of(view);
            std::erase_if(records_, [&](const auto& record) {
              return record.first == network || record.first.starts_with(network + " ");
            });
          } else if constexpr (kIsGone<View>) {
            records_.erase(key_of(view));
          } else {
            put(key_of(view), change);
          }
        },
        *change);
  }
}

void NodeNetworks::put(std::string key, const Ref<model::NetworkChange>& record) {
  const std::string network = key.substr(0, key.find(' '));
  if (key != network && !records_.contains(network)) misplaced_.push_back(key);
  records_[std::move(key)] = record;
}

bool NodeNetworks::gives_work_to(const model::TaskId& task) const {
  return std::ranges::any_of(records_, [&](const auto& record) {
    const auto* endpoint = std::get_if<model::EndpointView>(&*record.second);
    return endpoint && endpoint->task == task && endpoint->serving;
  });
}

namespace {

// The networks that the node takes part in.
std::set<NetworkId> networks_of(const store::Tables& tables, const model::NodeId& node) {
  std::set<NetworkId> ids;
  for (const auto& task : tables.tasks().by_node(node)) {
    if (!dispatcher::is_in_networks(*task)) continue;
    for (const auto& attachment : task->networks) {
      if (!attachment.addresses.empty()) ids.insert(attachment.network);
    }
  }
  for (const auto& [id, network] : tables.networks().all()) {
    if (network->spec.ingress) ids.insert(id);
  }
  std::erase_if(ids, [&](const NetworkId& id) {
    const auto network = tables.networks().get(id);
    return !network || !network->allocation;
  });
  return ids;
}

void expect(NetworkRecords& records, const auto& view) {
  records[key_of(view)] = model::share(view);
}

void expect_services(const store::Tables& tables, const model::Network& network,
                     NetworkRecords& records) {
  for (const auto& [id, service] : tables.services().all()) {
    if (network.spec.ingress) {
      if (!dispatcher::ingress_ports(*service).empty()) {
        expect(records, dispatcher::ingress_view(*service, network.id));
      }
      continue;
    }
    for (const auto& config : dispatcher::attachments_of(*service)) {
      if (config.target != network.id.view() && config.target != network.name()) continue;
      expect(records, dispatcher::service_view(*service, network.id, config.aliases));
    }
  }
}

}  // namespace

NetworkRecords expected_networks(const store::Tables& tables, const model::NodeId& node) {
  NetworkRecords records;
  for (const NetworkId& id : networks_of(tables, node)) {
    const auto network = tables.networks().get(id);
    expect(records, dispatcher::network_view(*network));
    expect_services(tables, *network, records);
    for (const auto& [task_id, task] : tables.tasks().all()) {
      const auto its_node = tables.nodes().get(task->node_id);
      if (!dispatcher::is_in_networks(*task) || dispatcher::is_down(its_node)) continue;
      for (const auto& attachment : task->networks) {
        if (attachment.network != id || attachment.addresses.empty()) continue;
        expect(records,
               dispatcher::endpoint_view(*task, attachment, its_node, network->spec.ingress));
      }
    }
    for (const auto& attachment : tables.nodes().get(node)->attachments) {
      if (attachment.network == id && !attachment.addresses.empty()) {
        expect(records, dispatcher::gateway_view(*tables.nodes().get(node), attachment));
      }
    }
  }
  return records;
}

NetworkRecords without_foreign_gateways(NetworkRecords records, const model::NodeId& node) {
  std::erase_if(records, [&](const auto& record) {
    const auto* gateway = std::get_if<model::GatewayView>(&*record.second);
    return gateway && gateway->node != node;
  });
  return records;
}

}  // namespace shoal::sim

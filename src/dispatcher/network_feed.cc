// What there is to know: the records, from the durable state. Who is told is in
// network_feed_messages.cc.
#include "dispatcher/network_feed.h"

#include <utility>

#include "dispatcher/network_feed_parts.h"
#include "dispatcher/network_views.h"

namespace shoal::dispatcher {

using model::NetworkAttachment;
using model::NetworkId;
using model::NodeId;
using model::Ref;
using model::ServiceId;

namespace {

bool has_endpoints(const Ref<model::Task>& task) {
  return task && !task->networks.empty() && is_in_networks(*task);
}

bool speaks_shoal(const Ref<model::Node>& node) {
  return node && node->description.shoal_version > 0;
}

// Those in which the task has addresses.
template <class Visit>
void for_attachments(const model::Task& task, Visit visit) {
  for (const NetworkAttachment& attachment : task.networks) {
    if (!attachment.addresses.empty()) visit(attachment);
  }
}

bool has_attachment(const model::Task& task, const NetworkId& network) {
  bool has = false;
  for_attachments(task, [&](const auto& attachment) { has |= attachment.network == network; });
  return has;
}

}  // namespace

NetworkFeed::NetworkFeed() = default;
NetworkFeed::~NetworkFeed() = default;

void NetworkFeed::reset(const store::Tables& tables) {
  version_ = newest_message_ = 0;
  networks_.clear();
  names_.clear();
  ingress_.clear();
  nodes_.clear();
  services_.clear();
  changed_.clear();
  changed_gateways_.clear();
  queue_.clear();
  for (const auto& [id, cluster] : tables.clusters().all()) {
    data_path_port_ = cluster->data_path_port;
  }
  flights_.clear();
  in_flight_ = 0;
  for (const auto& [id, network] : tables.networks().all()) on_network(nullptr, network);
  for (const auto& [id, node] : tables.nodes().all()) on_node(nullptr, node);
  for (const auto& [id, service] : tables.services().all()) on_service(nullptr, service);
  for (const auto& [id, task] : tables.tasks().all()) on_task(nullptr, task);
}

void NetworkFeed::on_change(const store::Change& change) {
  if (const auto* task = std::get_if<Ref<model::Task>>(&change.before)) {
    on_task(*task, std::get<Ref<model::Task>>(change.after));
  } else if (const auto* node = std::get_if<Ref<model::Node>>(&change.before)) {
    on_node(*node, std::get<Ref<model::Node>>(change.after));
  } else if (const auto* service = std::get_if<Ref<model::Service>>(&change.before)) {
    on_service(*service, std::get<Ref<model::Service>>(change.after));
  } else if (const auto* network = std::get_if<Ref<model::Network>>(&change.before)) {
    on_network(*network, std::get<Ref<model::Network>>(change.after));
  } else if (const auto* cluster = std::get_if<Ref<model::Cluster>>(&change.after)) {
    if (*cluster) data_path_port_ = (*cluster)->data_path_port;  // Set once, with the swarm.
  }
}

NetworkFeed::Network& NetworkFeed::network_of(const NetworkId& id) {
  return networks_.try_emplace(id, version_).first->second;
}

void NetworkFeed::drop_if_empty(const NetworkId& id) {
  const auto at = networks_.find(id);
  if (at != networks_.end() && at->second.is_empty()) networks_.erase(at);
}

void NetworkFeed::put(const NetworkId& network, const Journal::Key& key,
                      model::NetworkChange record) {
  const bool gateway = std::holds_alternative<NodeId>(key);
  Network& to = network_of(network);
  Journal& journal = gateway ? to.gateways : to.contents;
  if (!journal.put(key, std::move(record), version_ + 1)) return;
  ++version_;
  (gateway ? changed_gateways_ : changed_).insert(network);
}

void NetworkFeed::remove(const NetworkId& network, const Journal::Key& key,
                         model::NetworkChange gone) {
  const bool gateway = std::holds_alternative<NodeId>(key);
  const auto at = networks_.find(network);
  if (at == networks_.end()) return;
  Journal& journal = gateway ? at->second.gateways : at->second.contents;
  if (journal.remove(key, std::move(gone), version_ + 1)) {
    ++version_;
    (gateway ? changed_gateways_ : changed_).insert(network);
  }
  drop_if_empty(network);
}

// --- networks ---

void NetworkFeed::on_network(const Ref<model::Network>& before, const Ref<model::Network>& after) {
  const NetworkId id = after ? after->id : before->id;
  if (before) names_.erase(before->name());
  if (after) names_.insert_or_assign(after->name(), id);
  network_of(id).stored = after;
  set_ingress(id, after && after->spec.ingress);
  if (after && after->allocation) {
    put(id, {}, network_view(*after));
  } else {
    remove(id, {}, model::NetworkGone{id});
  }
}

// Every node joins it or leaves, and services that publish ports are in it.
void NetworkFeed::set_ingress(const NetworkId& id, bool ingress) {
  if (ingress == ingress_.contains(id)) return;
  if (ingress) {
    ingress_.insert(id);
  } else {
    ingress_.erase(id);
  }
  for (auto& [node_id, node] : nodes_) refresh_carrier(node_id, node, id);
  for (const auto& [service, entry] : services_) put_service(service);
}

// In a spec a network is named by its id or its name.
std::optional<NetworkId> NetworkFeed::find_network(const std::string& target) const {
  if (const auto id = NetworkId::parse(target); id && networks_.contains(*id)) return *id;
  const auto named = names_.find(target);
  return named == names_.end() ? std::nullopt : std::optional(named->second);
}

// --- nodes ---

void NetworkFeed::on_node(const Ref<model::Node>& before, const Ref<model::Node>& after) {
  const NodeId id = after ? after->id : before->id;
  Node& node = nodes_[id];
  node.stored = after;
  if (speaks_shoal(before) != speaks_shoal(after)) {
    for (const NetworkId& network : ingress_) refresh_carrier(id, node, network);
  }
  put_gateways(before, after);
  if (is_down(before) != is_down(after) ||
      data_path_host(before.get()) != data_path_host(after.get())) {
    for (const auto& [task_id, task] : node.tasks) put_endpoints(*task, after);
  }
  if (after) return;
  end_watch(id);
  if (node.tasks.empty()) nodes_.erase(id);
}

void NetworkFeed::put_gateways(const Ref<model::Node>& before, const Ref<model::Node>& after) {
  if (after) {
    for (const NetworkAttachment& attachment : after->attachments) {
      if (attachment.addresses.empty()) continue;
      put(attachment.network, after->id, gateway_view(*after, attachment));
      mark(after->id, nodes_.at(after->id));  // It is told of its own in any case.
    }
  }
  if (!before) return;
  for (const NetworkAttachment& old : before->attachments) {
    bool stays = false;
    if (after) {
      for (const NetworkAttachment& attachment : after->attachments) {
        stays |= attachment.network == old.network && !attachment.addresses.empty();
      }
    }
    if (stays) continue;
    remove(old.network, before->id, model::GatewayGone{old.network, before->id});
    mark(before->id, nodes_.at(before->id));
  }
}

// --- services ---

void NetworkFeed::on_service(const Ref<model::Service>& before, const Ref<model::Service>& after) {
  const ServiceId id = after ? after->id : before->id;
  services_[id].stored = after;
  put_service(id);
  if (!after) services_.erase(id);
}

void NetworkFeed::put_service(const ServiceId& id) {
  Service& service = services_.at(id);
  std::map<NetworkId, model::ServiceView> views;
  if (service.stored) views = views_of(*service.stored);
  for (const NetworkId& network : std::exchange(service.networks, {})) {
    if (!views.contains(network)) remove(network, id, model::ServiceGone{network, id});
  }
  for (auto& [network, view] : views) {
    service.networks.push_back(network);
    put(network, id, std::move(view));
  }
}

std::map<NetworkId, model::ServiceView> NetworkFeed::views_of(const model::Service& service) const {
  std::map<NetworkId, model::ServiceView> views;
  for (const model::NetworkAttachmentConfig& config : attachments_of(service)) {
    const auto network = find_network(config.target);
    if (network) views.try_emplace(*network, service_view(service, *network, config.aliases));
  }
  if (service.endpoint) {
    for (const model::VirtualIp& ip : service.endpoint->virtual_ips) {
      if (views.contains(ip.network) || ingress_.contains(ip.network)) continue;
      views.emplace(ip.network, service_view(service, ip.network, {}));
    }
  }
  if (ingress_ports(service).empty()) return views;
  for (const NetworkId& ingress : ingress_) {
    views.insert_or_assign(ingress, ingress_view(service, ingress));
  }
  return views;
}

// --- tasks ---

void NetworkFeed::on_task(const Ref<model::Task>& before, const Ref<model::Task>& after) {
  const bool was = has_endpoints(before), is = has_endpoints(after);
  if (!was && !is) return;
  const bool stays =
      was && is && before->node_id == after->node_id && before->networks == after->networks;
  if (was && !stays) leave(*before);
  if (is && !stays) join(after);
  if (stays) nodes_.at(after->node_id).tasks[after->id] = after;
  if (was) {
    for_attachments(*before, [&](const NetworkAttachment& attachment) {
      const NetworkId& network = attachment.network;
      if (is && has_attachment(*after, network)) return;
      remove(network, before->id, model::EndpointGone{network, before->id});
    });
  }
  if (is) put_endpoints(*after, nodes_.at(after->node_id).stored);
}

void NetworkFeed::join(const Ref<model::Task>& task) {
  Node& node = nodes_[task->node_id];
  node.tasks[task->id] = task;
  for_attachments(*task, [&](const NetworkAttachment& attachment) {
    ++node.task_counts[attachment.network];
    refresh_carrier(task->node_id, node, attachment.network);
  });
}

void NetworkFeed::leave(const model::Task& task) {
  Node& node = nodes_.at(task.node_id);
  node.tasks.erase(task.id);
  for_attachments(task, [&](const NetworkAttachment& attachment) {
    const auto count = node.task_counts.find(attachment.network);
    if (--count->second == 0) node.task_counts.erase(count);
    refresh_carrier(task.node_id, node, attachment.network);
  });
  if (node.tasks.empty() && !node.stored) nodes_.erase(task.node_id);
}

void NetworkFeed::put_endpoints(const model::Task& task, const Ref<model::Node>& node) {
  for_attachments(task, [&](const NetworkAttachment& attachment) {
    const NetworkId& network = attachment.network;
    if (is_down(node)) {
      remove(network, task.id, model::EndpointGone{network, task.id});
    } else {
      put(network, task.id, endpoint_view(task, attachment, node, ingress_.contains(network)));
    }
  });
}

}  // namespace shoal::dispatcher

#include "api/networks/network_details.h"

#include "api/listing.h"
#include "api/networks/network_change.h"

namespace shoal::api {
namespace {

using model::Network;
using model::Node;
using model::Ref;
using model::Service;
using model::Task;
using model::TaskState;

// Of a node's id, as a peer's name.
constexpr size_t kPeerNameLength = 12;

const model::NetworkAttachment* find(const std::vector<model::NetworkAttachment>& attachments,
                                     const model::NetworkId& network) {
  for (const auto& attachment : attachments) {
    if (attachment.network == network) return &attachment;
  }
  return nullptr;
}

bool is_reached(const Task& task, const model::NetworkId& network, const Node* node) {
  return task.status.state == TaskState::Running && task.desired_state <= TaskState::Running &&
         node && node->status.state != model::NodeState::Down && find(task.networks, network);
}

std::string data_address(const Node& node) {
  const std::string& own = node.description.data_path_address;
  return own.empty() ? node.status.address : own;
}

std::string without_length(const std::string& cidr) {
  return cidr.substr(0, cidr.find('/'));
}

void add_tasks(const store::Tables& tables, const model::NetworkId& network,
               NetworkDetails::OfService& of, NetworkDetails& details) {
  for (const auto& task : tables.tasks().by_service(of.service->id)) {
    const auto node = tables.nodes().get(task->node_id);
    if (!is_reached(*task, network, node.get())) continue;
    details.nodes.emplace(node->id, data_address(*node));
    of.tasks.push_back(task);
    ++details.task_count;
  }
}

// In the ingress network every node has an address of its own.
void add_nodes(const store::Tables& tables, const model::NetworkId& network,
               NetworkDetails& details) {
  for (const auto& [id, node] : tables.nodes().all()) {
    const bool there = node->status.state == model::NodeState::Ready;
    if (there && find(node->attachments, network)) details.nodes.emplace(id, data_address(*node));
  }
}

std::string virtual_ip(const Service& service, const model::NetworkId& network) {
  if (!service.endpoint) return "";
  for (const auto& vip : service.endpoint->virtual_ips) {
    if (vip.network == network) return without_length(vip.address);
  }
  return "";
}

std::vector<std::string> ports_of(const Service& service, const Network& network) {
  std::vector<std::string> ports;
  if (!network.spec.ingress || !service.endpoint) return ports;
  for (const auto& port : service.endpoint->ports) {
    if (port.mode != model::PublishMode::Ingress) continue;
    ports.push_back(fmt::format("Target: {}, Publish: {}", port.target_port, port.published_port));
  }
  return ports;
}

codec::NetworkTask shown_task(const Task& task, const model::NetworkId& network,
                              const NetworkDetails& details) {
  codec::NetworkTask shown;
  shown.name = model::task_name(task);
  shown.endpoint_id = task.id.str();  // Only its node knows the endpoint's own id.
  const auto* attachment = find(task.networks, network);
  if (!attachment->addresses.empty()) shown.address = without_length(attachment->addresses[0]);
  shown.host = details.nodes.at(task.node_id);
  return shown;
}

}  // namespace

os::Co<Result<NetworkDetails>> gather_details(Context& context, Ref<Network> network) {
  NetworkDetails details;
  size_t visited = 0;
  CO_ASSIGN_OR_RETURN(const store::Store* first, managed_store(context.swarm));
  std::vector<Ref<Service>> services;
  for (const auto& [id, service] : first->read().services().all()) {
    if (uses_network(*service, *network)) services.push_back(service);
  }
  add_nodes(first->read(), network->id, details);
  for (auto& service : services) {
    if (visited > kGatherTurn) {
      co_await context.loop.turn();
      visited = 0;
    }
    CO_ASSIGN_OR_RETURN(const store::Store* now, managed_store(context.swarm));
    visited += now->read().tasks().count_service(service->id) + 1;
    auto& of = details.services.emplace_back();
    of.service = std::move(service);
    add_tasks(now->read(), network->id, of, details);
  }
  co_return details;
}

void add_peers(const NetworkDetails& details, codec::NetworkResource& shown) {
  for (const auto& [id, address] : details.nodes) {
    shown.peers.push_back({std::string(id.view().substr(0, kPeerNameLength)), address});
  }
}

void add_services(const NetworkDetails& details, const Network& network,
                  codec::NetworkResource& shown) {
  auto& services = shown.services.emplace();
  for (const auto& of : details.services) {
    codec::NetworkService& service = services[of.service->name()];
    service.virtual_ip = virtual_ip(*of.service, network.id);
    service.ports = ports_of(*of.service, network);
    for (const auto& task : of.tasks) {
      service.tasks.push_back(shown_task(*task, network.id, details));
    }
  }
}

}  // namespace shoal::api

#include "dispatcher/network_views.h"

#include <algorithm>
#include <string_view>

namespace shoal::dispatcher {
namespace {

using model::TaskState;

// Docker gives a container without a hostname the first digits of its id as one, and containers
// look each other up by it.
constexpr size_t kShortIdLength = 12;

std::string without_prefix(std::string_view cidr) {
  return std::string(cidr.substr(0, cidr.find('/')));
}

std::string_view container_id_of(const model::Task& task) {
  if (model::is_attachment(task)) return task.spec->attachment->container_id;
  return task.status.container ? std::string_view(task.status.container->container_id)
                               : std::string_view();
}

std::vector<std::string> names_of(const model::Task& task,
                                  const model::NetworkAttachment& attachment) {
  std::vector<std::string> names;
  if (task.service_id) names.push_back(model::task_name(task));
  if (const std::string_view id = container_id_of(task); !id.empty()) {
    names.emplace_back(id.substr(0, kShortIdLength));
  }
  // Those of a service's tasks are the service's.
  if (!task.service_id)
    names.insert(names.end(), attachment.aliases.begin(), attachment.aliases.end());
  return names;
}

std::vector<std::string> virtual_ips(const model::Service& service,
                                     const model::NetworkId& network) {
  std::vector<std::string> addresses;
  if (!service.endpoint) return addresses;
  for (const model::VirtualIp& ip : service.endpoint->virtual_ips) {
    if (ip.network == network) addresses.push_back(without_prefix(ip.address));
  }
  return addresses;
}

}  // namespace

bool is_told_to_stop(const model::Task& task) {
  return task.desired_state >= TaskState::Shutdown;
}

bool is_in_networks(const model::Task& task) {
  return task.node_id && task.status.state >= TaskState::Assigned &&
         !model::is_terminal(task.status.state);
}

bool is_down(const model::Ref<model::Node>& node) {
  return !node || node->status.state == model::NodeState::Down;
}

std::string data_path_host(const model::Node* node) {
  if (!node) return {};
  const std::string& own = node->description.data_path_address;
  return own.empty() ? node->status.address : own;
}

model::NetworkView network_view(const model::Network& network) {
  return {.id = network.id,
          .name = network.name(),
          .vni = network.allocation->vni,
          .ipam = network.allocation->ipam,
          .internal = network.spec.internal,
          .ingress = network.spec.ingress,
          .options = network.spec.driver.options};
}

model::EndpointView endpoint_view(const model::Task& task,
                                  const model::NetworkAttachment& attachment,
                                  const model::Ref<model::Node>& node, bool ingress) {
  model::EndpointView view{.network = attachment.network,
                           .task = task.id,
                           .service = task.service_id,
                           .names = {},
                           .addresses = {},
                           .node = task.node_id,
                           .host = data_path_host(node.get())};
  if (!ingress) view.names = names_of(task, attachment);
  for (const std::string& address : attachment.addresses) {
    view.addresses.push_back(without_prefix(address));
  }
  view.serving =
      task.status.state == TaskState::Running && !is_told_to_stop(task) && !is_down(node);
  return view;
}

model::ServiceView service_view(const model::Service& service, const model::NetworkId& network,
                                std::vector<std::string> aliases) {
  model::ServiceView view{.network = network,
                          .service = service.id,
                          .name = service.name(),
                          .aliases = std::move(aliases),
                          .virtual_ips = virtual_ips(service, network),
                          .ports = {},
                          .bound = {}};
  if (service.spec.endpoint) view.mode = service.spec.endpoint->mode;
  return view;
}

model::ServiceView ingress_view(const model::Service& service, const model::NetworkId& network) {
  model::ServiceView view{.network = network,
                          .service = service.id,
                          .name = {},
                          .aliases = {},
                          .virtual_ips = virtual_ips(service, network),
                          .ports = ingress_ports(service),
                          .bound = {}};
  for (const model::PortConfig& port : view.ports) {
    const std::string at = model::publish_address(service.spec.annotations.labels, port);
    if (!at.empty()) view.bound.push_back({port.published_port, port.protocol, at});
  }
  if (service.spec.endpoint) view.mode = service.spec.endpoint->mode;
  return view;
}

model::GatewayView gateway_view(const model::Node& node,
                                const model::NetworkAttachment& attachment) {
  return {.network = attachment.network,
          .node = node.id,
          .addresses = attachment.addresses,
          .host = data_path_host(&node)};
}

const std::vector<model::NetworkAttachmentConfig>& attachments_of(const model::Service& service) {
  return service.spec.task->networks.empty() ? service.spec.networks : service.spec.task->networks;
}

std::vector<model::PortConfig> ingress_ports(const model::Service& service) {
  std::vector<model::PortConfig> ports;
  if (!service.endpoint) return ports;
  std::ranges::copy_if(
      service.endpoint->ports, std::back_inserter(ports), [](const model::PortConfig& port) {
        return port.mode == model::PublishMode::Ingress && port.published_port != 0;
      });
  return ports;
}

}  // namespace shoal::dispatcher

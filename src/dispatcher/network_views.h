// What nodes are told of a network and of everybody in it, made from the stored objects. Pure
// functions.
#pragma once

#include <string>
#include <vector>

#include "model/network_feed.h"
#include "model/node.h"
#include "model/task.h"

namespace shoal::dispatcher {

// Desired to end, not only desired to run: a job's task is desired COMPLETE while it works.
bool is_told_to_stop(const model::Task& task);
// On a node, from ASSIGNED on, and not ended: it may have packets to send or to get.
bool is_in_networks(const model::Task& task);
// Nobody can tell what is on it: there is no such node, or it is not heard.
bool is_down(const model::Ref<model::Node>& node);
// Where a node's overlays are reached; empty while nobody knows it. Null: there is no such node.
std::string data_path_host(const model::Node* node);

// Of a network that has its allocation.
model::NetworkView network_view(const model::Network& network);
// Of a task that is_in_networks(). `node` is the task's, or null. In the ingress network nobody
// asks for names.
model::EndpointView endpoint_view(const model::Task& task,
                                  const model::NetworkAttachment& attachment,
                                  const model::Ref<model::Node>& node, bool ingress);
// Of a service that is attached with these aliases.
model::ServiceView service_view(const model::Service& service, const model::NetworkId& network,
                                std::vector<std::string> aliases);
// Of a service that publishes ports in the ingress network.
model::ServiceView ingress_view(const model::Service& service, const model::NetworkId& network);
model::GatewayView gateway_view(const model::Node& node,
                                const model::NetworkAttachment& attachment);

// What the service's containers are attached to, in the words of the spec.
const std::vector<model::NetworkAttachmentConfig>& attachments_of(const model::Service& service);
// The ports that the routing mesh answers on.
std::vector<model::PortConfig> ingress_ports(const model::Service& service);

}  // namespace shoal::dispatcher

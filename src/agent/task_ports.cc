#include "agent/task_ports.h"

#include <algorithm>

namespace shoal::agent {
namespace {

std::set<netdriver::ListeningPort> published_targets(const model::Task& task) {
  std::set<netdriver::ListeningPort> ports;
  if (!task.endpoint) return ports;
  for (const model::PortConfig& port : task.endpoint->ports) {
    if (port.protocol == model::PortProtocol::Sctp) continue;
    ports.insert({port.protocol, uint16_t(port.target_port)});
  }
  return ports;
}

}  // namespace

AwaitedServers awaited_servers(const model::Task& task, const containers::Container& container) {
  if (container.has_health_check()) return {};
  if (auto published = published_targets(task); !published.empty()) {
    return {.ports = {.ports = std::move(published)}, .within = kPublishedWithin};
  }
  const bool on_overlay = std::ranges::any_of(container.config.networks, [](const auto& network) {
    return network.driver == model::NetworkDriver::Overlay;
  });
  if (!on_overlay) return {};
  return {.ports = {.ports = containers::exposed_ports(container), .any = true},
          .within = kExposedWithin};
}

}  // namespace shoal::agent

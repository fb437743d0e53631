#include "agent/ingress_balancer.h"

namespace shoal::agent {

void IngressBalancer::add(const model::Task& task, const network::IpAddress& address) {
  if (!task.endpoint || backends_.contains(task.id)) return;
  std::vector<Placed> placed;
  for (const auto& port : task.endpoint->ports) {
    if (port.mode != model::PublishMode::Ingress || port.published_port == 0) continue;
    const PortKey key{port.protocol, uint16_t(port.published_port)};
    const network::Backend backend{address, uint16_t(port.target_port)};
    ports_[key][task.id] = backend;
    placed.push_back({key, backend});
  }
  if (placed.empty()) return;
  backends_.emplace(task.id, std::move(placed));
  ++wanted_;
}

void IngressBalancer::remove(const model::TaskId& task) {
  const auto found = backends_.find(task);
  if (found == backends_.end()) return;
  for (const auto& placed : found->second) {
    const auto port = ports_.find(placed.key);
    port->second.erase(task);
    if (port->second.empty()) ports_.erase(port);
  }
  backends_.erase(found);
  ++wanted_;
}

os::Co<> IngressBalancer::apply() {
  const uint64_t mine = wanted_;
  while (applied_ < mine && applying_) co_await changed_.wait();
  if (applied_ >= mine) co_return;
  applying_ = true;
  const uint64_t version = wanted_;
  auto ports = table();
  const Result<void> set = co_await ingress_.set_ports(std::move(ports));
  if (!set) log_.warn("a published port is not served", {{"reason", set.error().message}});
  applied_ = version;
  applying_ = false;
  changed_.notify();
}

std::vector<network::IngressPort> IngressBalancer::table() const {
  std::vector<network::IngressPort> ports;
  for (const auto& [key, backends] : ports_) {
    auto& port = ports.emplace_back(network::IngressPort{key.protocol, key.port, {}});
    for (const auto& [task, backend] : backends) port.backends.push_back(backend);
  }
  return ports;
}

}  // namespace shoal::agent

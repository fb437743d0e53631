#include "netdriver/service_ports.h"

#include <algorithm>
#include <set>

#include "netdriver/node_network.h"
#include "network/shards.h"

namespace shoal::netdriver {
namespace {

using network::Backend;
using network::IngressPort;
using network::Plan;
using network::PortProtocol;

constexpr size_t kBackendsMax = 4096;   // of one port on one node
constexpr size_t kRetriedAtOnce = 256;  // some milliseconds

Result<void> check_ports(const std::vector<IngressPort>& ports) {
  if (ports.size() > kIngressPortsMax) {
    return invalid_argument("{} published ports; at most {} are possible", ports.size(),
                            kIngressPortsMax);
  }
  std::set<std::pair<PortProtocol, uint16_t>> seen;
  for (const auto& port : ports) {
    if (port.port == 0) return invalid_argument("invalid published port: 0");
    if (!seen.emplace(port.protocol, port.port).second) {
      return invalid_argument("port {}/{} is published twice", port.port,
                              network::to_text(port.protocol));
    }
    if (port.backends.size() > kBackendsMax) {
      return invalid_argument("port {}/{} has {} backends; at most {} are possible", port.port,
                              network::to_text(port.protocol), port.backends.size(), kBackendsMax);
    }
    for (const auto& backend : port.backends) {
      if (backend.port == 0 || !backend.address.is_v4() || backend.address.is_any()) {
        return invalid_argument("invalid backend {}:{} of port {}/{}", backend.address.str(),
                                backend.port, port.port, network::to_text(port.protocol));
      }
    }
  }
  return {};
}

// Datagrams have no connections that end by themselves: whatever still goes to a backend that left,
// or past a port that was not served, must be looked at anew.
void end_datagrams(const IngressPort& before, const IngressPort& after,
                   std::vector<FlowFilter>& filters) {
  if (after.protocol != PortProtocol::Udp) return;
  for (const auto& backend : before.backends) {
    if (std::ranges::find(after.backends, backend) != after.backends.end()) continue;
    filters.push_back(
        {.server = backend.address, .protocol = after.protocol, .server_port = backend.port});
  }
  if (before.backends.empty() && !after.backends.empty()) {
    filters.push_back({.protocol = after.protocol, .asked_port = after.port});
  }
}

void append(std::vector<network::RuleChange>& to, const Plan& before, const Plan& after) {
  auto changes = network::diff(before, after).rules;
  to.insert(to.end(), std::make_move_iterator(changes.begin()),
            std::make_move_iterator(changes.end()));
}

}  // namespace

void ServicePorts::adopt(const network::Ruleset& found) {
  for (auto& [port, part] : network::ingress_parts(found)) {
    const Key key = key_of(port);
    served_[key] = Served{.port = port, .part = std::move(part), .adopted = true};
  }
  for (const auto& [map, shape] : found.maps) {
    if (const auto shard = network::shard_number(map); shard != 0) shards_.insert(shard);
  }
}

Result<ServicePorts::Step> ServicePorts::set(std::vector<IngressPort> ports) {
  std::set<Key> wanted;
  for (const auto& port : ports) wanted.insert(key_of(port));
  std::vector<IngressPort> gone;
  for (const auto& [key, served] : served_) {
    if (!wanted.contains(key)) gone.push_back({key.protocol, key.port, {}});
  }
  for (const auto& [key, port] : waiting_) {
    if (!wanted.contains(key)) gone.push_back({key.protocol, key.port, {}});
  }
  return change(std::move(ports), std::move(gone));
}

Result<ServicePorts::Step> ServicePorts::change(std::vector<IngressPort> put,
                                                std::vector<IngressPort> gone) {
  RETURN_IF_ERROR(check_ports(put));
  Step step;
  for (const auto& port : gone) remove_one(key_of(port), step);
  for (auto& port : put) put_one(std::move(port), step);
  return step;
}

ServicePorts::Step ServicePorts::retry(std::vector<IngressPort>& regained) {
  auto at = tried_ ? waiting_.upper_bound(*tried_) : waiting_.begin();
  std::vector<IngressPort> again;
  for (size_t i = std::min(waiting_.size(), kRetriedAtOnce); i > 0; --i) {
    if (at == waiting_.end()) at = waiting_.begin();
    tried_ = at->first;
    again.push_back(at++->second);
  }
  Step step;
  for (auto& port : again) {
    put_one(port, step);
    if (!waiting_.contains(key_of(port))) regained.push_back(std::move(port));
  }
  step.outcome = {};
  return step;
}

void ServicePorts::put_one(IngressPort port, Step& step) {
  const Key key = key_of(port);
  auto& served = served_[key];
  if (served.port.address != port.address) served.held.reset();
  if (!served.held) {
    auto held = hold(key, port.address);
    if (!held) {
      // Which node has that address is no node's mistake.
      const bool elsewhere =
          !port.address.is_any() && held.error().code == ErrorCode::InvalidArgument;
      // What an earlier daemon served there ends as well: the port is somebody else's now.
      remove_one(key, step);
      waiting_[key] = std::move(port);
      if (step.outcome && !elsewhere) step.outcome = std::unexpected(held.error());
      return;
    }
    waiting_.erase(key);
    served.held = std::move(*held);
  }
  served.port.protocol = port.protocol;
  if (served.port.backends == port.backends && served.port.address == port.address &&
      !served.adopted && !served.part.rules.elements.empty()) {
    return;
  }
  auto part = network::plan_ingress(port);
  const auto shard = network::ingress_shard(port);
  if (shard != 0 && !port.backends.empty() && shards_.insert(shard).second) {
    append(step.rules, Plan{}, network::plan_ingress_shard(shard));
  }
  append(step.rules, served.part, part);
  end_datagrams(served.port, port, step.end_flows);
  served.port = std::move(port);
  served.part = std::move(part);
  served.adopted = false;
}

void ServicePorts::remove_one(const Key& key, Step& step) {
  waiting_.erase(key);
  const auto at = served_.find(key);
  if (at == served_.end()) return;
  append(step.rules, at->second.part, Plan{});
  end_datagrams(at->second.port, {key.protocol, key.port, {}}, step.end_flows);
  served_.erase(at);
}

Result<std::unique_ptr<HeldPort>> ServicePorts::hold(const Key& key, const network::IpAddress& at) {
  const auto next = [this, key]() -> std::optional<Backend> {
    auto& served = served_.at(key);
    const auto& backends = served.port.backends;
    if (backends.empty()) return std::nullopt;
    return backends[served.turn++ % backends.size()];
  };
  return with_context(host_ports_.hold(key.protocol, at, key.port, next), "published port {}/{}",
                      key.port, network::to_text(key.protocol));
}

void ServicePorts::add_parts(Plan& plan) const {
  for (const auto shard : shards_) network::add_part(plan, network::plan_ingress_shard(shard));
  for (const auto& [key, served] : served_) {
    if (!served.adopted) network::add_part(plan, served.part);
  }
}

std::vector<IngressPort> ServicePorts::adopted() const {
  std::vector<IngressPort> ports;
  for (const auto& [key, served] : served_) {
    if (served.adopted) ports.push_back({key.protocol, key.port, {}});
  }
  return ports;
}

}  // namespace shoal::netdriver

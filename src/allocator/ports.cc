#include "allocator/ports.h"

#include <algorithm>
#include <set>

namespace shoal::allocator {
namespace {

using model::PortConfig;
using model::PublishMode;
using model::Ref;
using model::Service;
using model::ServiceId;

using Key = std::pair<model::PortProtocol, uint32_t>;

std::set<Key> fixed_ports(const std::vector<PortConfig>& ports, PublishMode mode) {
  std::set<Key> keys;
  for (const PortConfig& port : ports) {
    if (port.published_port != 0 && port.mode == mode) {
      keys.insert({port.protocol, port.published_port});
    }
  }
  return keys;
}

Result<void> check_against(const std::set<Key>& ingress, const std::set<Key>& host,
                           const std::vector<PortConfig>& theirs, const Service& other) {
  for (const PortConfig& port : theirs) {
    if (port.published_port == 0) continue;
    const Key key{port.protocol, port.published_port};
    const bool by_ingress = port.mode == PublishMode::Ingress;
    if (!ingress.contains(key) && !(by_ingress && host.contains(key))) continue;
    return invalid_argument("port '{}' is already in use by service '{}' ({}) as {} port",
                            port.published_port, other.name(), other.id,
                            by_ingress ? "an ingress" : "a host-published");
  }
  return {};
}

// Two entries of a spec that are the same but for the number.
bool same_wish(const PortConfig& a, const PortConfig& b) {
  return a.mode == b.mode && a.protocol == b.protocol && a.target_port == b.target_port &&
         a.name == b.name;
}

}  // namespace

Result<void> check_ports_free(const store::Tables& tables, const model::ServiceSpec& spec,
                              const ServiceId& self) {
  if (!spec.endpoint) return {};
  const auto ingress = fixed_ports(spec.endpoint->ports, PublishMode::Ingress);
  const auto host = fixed_ports(spec.endpoint->ports, PublishMode::Host);
  if (ingress.empty() && host.empty()) return {};
  for (const auto& [id, other] : tables.services().all()) {
    if (id == self) continue;
    if (other->spec.endpoint) {
      RETURN_IF_ERROR(check_against(ingress, host, other->spec.endpoint->ports, *other));
    }
    if (other->endpoint) {
      RETURN_IF_ERROR(check_against(ingress, host, other->endpoint->ports, *other));
    }
  }
  return {};
}

void PortTable::clear() {
  owners_.clear();
  held_.clear();
}

void PortTable::put(const ServiceId& service, std::vector<Key> keys) {
  release(service);
  if (keys.empty()) return;
  for (const Key& key : keys) owners_[key] = service;
  held_[service] = std::move(keys);
}

void PortTable::hold(const Service& service) {
  std::vector<Key> keys;
  if (service.endpoint) {
    for (const Key& key : fixed_ports(service.endpoint->ports, PublishMode::Ingress)) {
      const auto owner = owners_.find(key);
      if (owner == owners_.end() || owner->second == service.id) keys.push_back(key);
    }
  }
  put(service.id, std::move(keys));
}

bool PortTable::release(const ServiceId& service) {
  const auto held = held_.find(service);
  if (held == held_.end()) return false;
  for (const Key& key : held->second) owners_.erase(key);
  held_.erase(held);
  return true;
}

Result<uint32_t> PortTable::lowest_free(model::PortProtocol protocol,
                                        const std::set<Key>& taken) const {
  Key key{protocol, kDynamicPortFirst};
  auto owned = owners_.lower_bound(key);
  auto ours = taken.lower_bound(key);
  for (; key.second <= kDynamicPortLast; ++key.second) {
    const bool is_owned = owned != owners_.end() && owned->first == key;
    const bool is_ours = ours != taken.end() && *ours == key;
    if (!is_owned && !is_ours) return key.second;
    if (is_owned) ++owned;
    if (is_ours) ++ours;
  }
  return failed_precondition("no port is left in the range {} to {}", kDynamicPortFirst,
                             kDynamicPortLast);
}

Result<std::vector<PortConfig>> PortTable::allocate(const Service& service,
                                                    const store::Tables& tables) {
  std::vector<PortConfig> ports = service.spec.endpoint->ports;
  std::vector<PortConfig> before;
  if (service.endpoint) before = service.endpoint->ports;
  std::set<Key> taken;
  const auto free_for_us = [&](const Key& key) {
    const auto owner = owners_.find(key);
    return (owner == owners_.end() || owner->second == service.id) && !taken.contains(key);
  };
  for (const PortConfig& port : ports) {
    if (port.mode != PublishMode::Ingress || port.published_port == 0) continue;
    const Key key{port.protocol, port.published_port};
    if (!free_for_us(key)) {
      const auto owner = owners_.find(key);
      const auto other = owner == owners_.end() ? nullptr : tables.services().get(owner->second);
      return failed_precondition(
          "port '{}' is already in use by service '{}' ({}) as an ingress port",
          port.published_port, other ? other->name() : "",
          owner == owners_.end() ? service.id : owner->second);
    }
    taken.insert(key);
  }
  for (PortConfig& port : ports) {
    if (port.mode != PublishMode::Ingress || port.published_port != 0) continue;
    const auto kept = std::ranges::find_if(before, [&](const PortConfig& old) {
      return same_wish(old, port) && old.published_port >= kDynamicPortFirst &&
             old.published_port <= kDynamicPortLast &&
             free_for_us({old.protocol, old.published_port});
    });
    if (kept != before.end()) {
      port.published_port = kept->published_port;
    } else {
      ASSIGN_OR_RETURN(port.published_port, lowest_free(port.protocol, taken));
    }
    taken.insert({port.protocol, port.published_port});
  }
  put(service.id, {taken.begin(), taken.end()});
  return ports;
}

}  // namespace shoal::allocator

#include "network/names.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "network/ports.h"

namespace shoal::network {
namespace {

constexpr size_t kNameMax = 253;
constexpr size_t kLabelMax = 63;
constexpr std::string_view kTasks = "tasks.";

char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
}

bool is_of_host_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

// The names that count, each once.
std::vector<std::string> host_names(const std::vector<std::string>& names) {
  std::vector<std::string> good;
  for (const auto& name : names) {
    auto host_name = to_host_name(name);
    if (!host_name.empty() && std::ranges::find(good, host_name) == good.end()) {
      good.push_back(std::move(host_name));
    }
  }
  return good;
}

std::vector<std::string> names_of(const ServiceNames& names) {
  auto all = names.aliases;
  all.insert(all.begin(), names.name);
  return host_names(all);
}

template <class Index, class Key, class Id>
void index(Index& index, const Key& key, std::set<Id>(Index::mapped_type::* kind), const Id& id) {
  (index[key].*kind).insert(id);
}

template <class Index, class Key, class Id>
void unindex(Index& index, const Key& key, std::set<Id>(Index::mapped_type::* kind), const Id& id) {
  const auto at = index.find(key);
  if (at == index.end()) return;
  (at->second.*kind).erase(id);
  if (at->second.services.empty() && at->second.endpoints.empty()) index.erase(at);
}

template <class T>
void shuffle(std::vector<T>& items, Rng& rng) {
  for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[rng.below(i)]);
}

std::string qualified(const std::string& name, const std::string& network) {
  return network.empty() ? name : name + "." + network;
}

// Takes the first label off `name`; empty when it does not begin with '_'.
std::string_view take_underscored(std::string_view& name) {
  const auto dot = name.find('.');
  if (name.empty() || name[0] != '_' || dot == std::string_view::npos) return {};
  const auto label = name.substr(1, dot - 1);
  name.remove_prefix(dot + 1);
  return label;
}

bool equals(std::string_view lower, std::string_view text) {
  return std::ranges::equal(lower, text, {}, {}, to_lower);
}

}  // namespace

std::string to_host_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > kNameMax) return {};
  std::string name(text);
  size_t label = 0;
  for (char& c : name) {
    c = to_lower(c);
    if (c == '.' ? label == 0 : !is_of_host_name(c)) return {};
    label = c == '.' ? 0 : label + 1;
    if (label > kLabelMax) return {};
  }
  return label == 0 ? std::string() : name;
}

// ---- Changes.

void NameTable::put_network(const model::NetworkId& id, std::string_view name) {
  networks_[id].name = to_host_name(name);
}

void NameTable::drop_network(const model::NetworkId& id) {
  const auto at = networks_.find(id);
  if (at == networks_.end()) return;
  for (const auto& [service, known] : at->second.services) ports_.erase({service, id});
  networks_.erase(at);
}

void NameTable::put_service(const model::NetworkId& network_id, const model::ServiceId& id,
                            ServiceNames names) {
  drop_service(network_id, id);
  auto& network = networks_[network_id];
  for (const auto& name : names_of(names)) index(network.by_name, name, &Holders::services, id);
  for (const auto& ip : names.virtual_ips) index(network.by_address, ip, &Holders::services, id);
  names.name = to_host_name(names.name);
  network.services[id].names = std::move(names);
}

void NameTable::drop_service(const model::NetworkId& network_id, const model::ServiceId& id) {
  const auto at = networks_.find(network_id);
  if (at == networks_.end()) return;
  ports_.erase({id, network_id});
  auto& network = at->second;
  const auto service = network.services.find(id);
  if (service == network.services.end() || !service->second.names) return;
  const auto& names = *service->second.names;
  for (const auto& name : names_of(names)) unindex(network.by_name, name, &Holders::services, id);
  for (const auto& ip : names.virtual_ips) unindex(network.by_address, ip, &Holders::services, id);
  service->second.names.reset();
  forget_if_unused(network, id);
}

void NameTable::put_endpoint(const model::NetworkId& network_id, const model::TaskId& id,
                             EndpointNames names) {
  drop_endpoint(network_id, id);
  auto& network = networks_[network_id];
  names.names = host_names(names.names);
  for (const auto& name : names.names) index(network.by_name, name, &Holders::endpoints, id);
  for (const auto& ip : names.addresses) index(network.by_address, ip, &Holders::endpoints, id);
  auto& endpoint = network.endpoints[id];
  endpoint.names = std::move(names);
  enter(network, endpoint);
}

void NameTable::drop_endpoint(const model::NetworkId& network_id, const model::TaskId& id) {
  const auto at = networks_.find(network_id);
  if (at == networks_.end()) return;
  auto& network = at->second;
  const auto endpoint = network.endpoints.find(id);
  if (endpoint == network.endpoints.end()) return;
  const auto& names = endpoint->second.names;
  for (const auto& name : names.names) unindex(network.by_name, name, &Holders::endpoints, id);
  for (const auto& ip : names.addresses) unindex(network.by_address, ip, &Holders::endpoints, id);
  leave(network, endpoint->second);
  network.endpoints.erase(endpoint);
}

void NameTable::put_ports(const model::NetworkId& network, const model::ServiceId& id,
                          std::vector<model::PortConfig> ports) {
  std::erase_if(ports, [](const auto& port) { return port.name.empty(); });
  if (ports.empty()) {
    ports_.erase({id, network});
  } else {
    ports_[{id, network}] = std::move(ports);
  }
}

// Among those who serve their service.
void NameTable::enter(Network& network, Endpoint& endpoint) {
  const auto& names = endpoint.names;
  if (!names.serving || names.service.empty()) return;
  auto& serving = network.services[names.service].serving;
  endpoint.place = serving.size();
  serving.push_back(&endpoint);
}

// The last one takes its place, so that nobody else moves.
void NameTable::leave(Network& network, const Endpoint& endpoint) {
  const auto& names = endpoint.names;
  if (!names.serving || names.service.empty()) return;
  auto& serving = network.services.at(names.service).serving;
  serving.back()->place = endpoint.place;
  serving[endpoint.place] = serving.back();
  serving.pop_back();
  forget_if_unused(network, names.service);
}

void NameTable::forget_if_unused(Network& network, const model::ServiceId& id) {
  const auto at = network.services.find(id);
  if (at->second.serving.empty() && !at->second.names) network.services.erase(at);
}

// ---- Questions.

const NameTable::Network* NameTable::network(const model::NetworkId& id) const {
  const auto at = networks_.find(id);
  return at == networks_.end() ? nullptr : &at->second;
}

// A stretch of the circle of those that serve, from anywhere on it.
void NameTable::add_serving(const model::ServiceId& id, const Service& service, size_t count_max,
                            Rng& rng, std::vector<Answerer>& to) {
  const auto& serving = service.serving;
  if (serving.empty()) return;
  const size_t first = rng.below(serving.size());
  for (size_t i = 0; i < serving.size() && to.size() < count_max; ++i) {
    const auto& names = serving[(first + i) % serving.size()]->names;
    to.push_back({names.names.empty() ? nullptr : &names.names[0], &id, &names.addresses});
  }
}

// `name` within this network, without the network's own.
NameTable::Answerers NameTable::look_up_here(const Network& network, std::string_view name,
                                             size_t count_max, Rng& rng) {
  std::vector<Answerer> found;
  auto at = network.by_name.find(name);
  const bool plain = at != network.by_name.end();
  if (!plain && name.starts_with(kTasks)) {
    at = network.by_name.find(name.substr(kTasks.size()));
    if (at == network.by_name.end() || at->second.services.empty()) return std::nullopt;
  }
  if (at == network.by_name.end()) return std::nullopt;

  for (const auto& id : at->second.services) {
    const auto& service = network.services.at(id);
    if (plain && service.names->mode == model::ResolutionMode::Vip) {
      found.push_back({&service.names->name, &id, &service.names->virtual_ips});
    } else {
      add_serving(id, service, count_max, rng, found);
    }
  }
  if (!at->second.services.empty()) return found;
  for (const auto& id : at->second.endpoints) {
    const auto& names = network.endpoints.at(id).names;
    if (names.serving) found.push_back({&names.names[0], &names.service, &names.addresses});
    if (found.size() >= count_max) break;
  }
  return found;
}

NameTable::Answerers NameTable::look_up(const Network& network, std::string_view name,
                                        size_t count_max, Rng& rng) {
  auto found = look_up_here(network, name, count_max, rng);
  const auto& suffix = network.name;
  const bool names_network = !suffix.empty() && name.size() > suffix.size() + 1 &&
                             name.ends_with(suffix) && name[name.size() - suffix.size() - 1] == '.';
  if (found || !names_network) return found;
  return look_up_here(network, name.substr(0, name.size() - suffix.size() - 1), count_max, rng);
}

NameTable::Found NameTable::find(const NameClient& client, std::string_view text, Family family,
                                 size_t count_max, Rng& rng) const {
  Found found;
  const auto name = to_host_name(text);
  if (name.empty()) return found;
  const auto add = [&](const std::vector<IpAddress>& addresses) {
    for (const auto& ip : addresses) {
      if (ip.family() == family && found.addresses.size() < count_max) {
        found.addresses.push_back(ip);
      }
    }
  };
  for (const auto& own : client.own) {
    if (!equals(name, own.name)) continue;
    found.known = true;
    add(own.addresses);
  }
  if (found.known) return found;
  for (const auto& id : client.networks) {
    const auto* asked = network(id);
    const auto answerers = asked ? look_up(*asked, name, count_max, rng) : std::nullopt;
    if (!answerers) continue;
    found.known = true;
    for (const auto& answerer : *answerers) add(*answerer.addresses);
    if (!found.addresses.empty()) break;
  }
  shuffle(found.addresses, rng);
  return found;
}

std::optional<uint16_t> NameTable::port_of(const model::ServiceId& service, std::string_view port,
                                           std::string_view protocol) const {
  uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.begin(), port.end(), number);
  if (error == std::errc{} && end == port.end() && number != 0) return number;
  auto at = ports_.lower_bound({service, model::NetworkId{}});
  for (; at != ports_.end() && at->first.first == service; ++at) {
    for (const auto& known : at->second) {
      if (equals(port, known.name) && protocol == to_text(known.protocol)) {
        return uint16_t(known.target_port);
      }
    }
  }
  return std::nullopt;
}

NameTable::FoundPort NameTable::find_port(const NameClient& client, std::string_view text,
                                          size_t count_max, Rng& rng) const {
  FoundPort found;
  const auto whole = to_host_name(text);
  std::string_view name = whole;
  const auto port = take_underscored(name);
  const auto protocol = take_underscored(name);
  if (port.empty() || (protocol != "tcp" && protocol != "udp" && protocol != "sctp")) return found;
  for (const auto& id : client.networks) {
    const auto* asked = network(id);
    const auto answerers = asked ? look_up(*asked, name, count_max, rng) : std::nullopt;
    if (!answerers) continue;
    found.known = true;
    for (const auto& answerer : *answerers) {
      const auto number = port_of(*answerer.service, port, protocol);
      if (!number || !answerer.name || answerer.name->empty()) continue;
      found.targets.push_back(
          {qualified(*answerer.name, asked->name), *number, *answerer.addresses});
    }
    if (!found.targets.empty()) break;
  }
  shuffle(found.targets, rng);
  return found;
}

std::string NameTable::name_of(const NameClient& client, const IpAddress& address) const {
  for (const auto& id : client.networks) {
    const auto* asked = network(id);
    if (!asked) continue;
    const auto at = asked->by_address.find(address);
    if (at == asked->by_address.end()) continue;
    for (const auto& task : at->second.endpoints) {
      const auto& names = asked->endpoints.at(task).names.names;
      if (!names.empty()) return qualified(names[0], asked->name);
    }
    for (const auto& service : at->second.services) {
      const auto& name = asked->services.at(service).names->name;
      if (!name.empty()) return qualified(name, asked->name);
    }
  }
  return {};
}

}  // namespace shoal::network

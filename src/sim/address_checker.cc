#include "sim/address_checker.h"

#include <algorithm>
#include <functional>

#include "allocator/networks.h"

namespace shoal::sim {
namespace {

using model::Network;
using model::NetworkId;
using model::Node;
using model::Ref;
using model::Service;
using model::Task;

using Keys = std::set<std::pair<NetworkId, std::string>>;

Keys held_by(const std::vector<model::NetworkAttachment>& attachments) {
  Keys keys;
  for (const auto& one : attachments) {
    for (const auto& address : one.addresses) keys.insert({one.network, address});
  }
  return keys;
}
Keys held_by(const Task& task) {
  return model::is_terminal(task.status.state) ? Keys{} : held_by(task.networks);
}
Keys held_by(const Node& node) {
  return held_by(node.attachments);
}
Keys held_by(const Service& service) {
  Keys keys;
  if (!service.endpoint) return keys;
  for (const auto& vip : service.endpoint->virtual_ips) keys.insert({vip.network, vip.address});
  return keys;
}
Keys held_by(const auto& /*others*/) {
  return {};
}

// What it held and holds, and its id.
struct Held {
  Keys before, after;
  std::string holder;
};

Held held_in(const store::Change& change) {
  Held held;
  const auto look = [&](const store::Object& object, Keys& keys) {
    std::visit(
        [&](const auto& ref) {
          if (!ref) return;
          keys = held_by(*ref);
          held.holder = ref->id.str();
        },
        object);
  };
  look(change.before, held.before);
  look(change.after, held.after);
  return held;
}

}  // namespace

void AddressChecker::on_load(const store::Tables& tables) {
  networks_.clear();
  holders_.clear();
  for (const auto& [id, network] : tables.networks().all()) on_network(nullptr, network);
  const auto take = [this](const auto& objects) {
    for (const auto& [id, object] : objects.all()) {
      for (const Key& key : held_by(*object)) give(key, id.str());
    }
  };
  take(tables.services());
  take(tables.nodes());
  take(tables.tasks());
}

void AddressChecker::on_batch(const store::Batch& batch) {
  std::vector<Held> all;
  for (const store::Change& change : batch.changes) {
    if (const auto* network = std::get_if<Ref<Network>>(&change.before)) {
      on_network(*network, std::get<Ref<Network>>(change.after));
    } else {
      all.push_back(held_in(change));
    }
  }
  for (const Held& held : all) {
    for (const Key& key : held.before) {
      if (!held.after.contains(key)) holders_.erase(key);
    }
  }
  for (const Held& held : all) {
    for (const Key& key : held.after) {
      if (!held.before.contains(key)) give(key, held.holder);
    }
  }
}

void AddressChecker::on_network(const Ref<Network>& before, const Ref<Network>& after) {
  if (after) {
    check_network(*after);
    networks_[after->id] = after;
    return;
  }
  networks_.erase(before->id);
  std::erase_if(holders_, [&](const auto& one) { return one.first.first == before->id; });
}

void AddressChecker::check_network(const Network& network) {
  if (!network.allocation) return;
  for (const auto& [id, other] : networks_) {
    if (id == network.id || !other->allocation) continue;
    if (other->allocation->vni == network.allocation->vni) {
      trace_.breach("{} and {} have the same VXLAN number", id, network.id);
    }
    for (const auto& ours : allocator::subnets_of(network)) {
      for (const auto& theirs : allocator::subnets_of(*other)) {
        if (ours.overlaps(theirs)) trace_.breach("{} and {} overlap", id, network.id);
      }
    }
  }
}

void AddressChecker::give(const Key& key, const std::string& holder) {
  ++given_;
  const auto [at, fresh] = holders_.try_emplace(key, holder);
  if (!fresh) {
    trace_.breach("{} and {} both have {} in {}", at->second, holder, key.second, key.first);
  }
  check_place(key, holder);
}

void AddressChecker::check_place(const Key& key, const std::string& holder) {
  const auto network = networks_.find(key.first);
  const auto address = network::Subnet::parse(key.second);
  if (network == networks_.end() || !network->second->allocation || !address) {
    return trace_.breach("{} has {} in {}, which has no such thing", holder, key.second, key.first);
  }
  for (const model::IpamConfig& config : network->second->allocation->ipam) {
    const auto read = allocator::read_config(config);
    if (!read || !read->subnet.contains(address->address)) continue;
    const auto& ip = address->address;
    const bool fits = address->length == read->subnet.length && ip != read->subnet.first() &&
                      ip != read->subnet.last() && ip != read->gateway &&
                      read->range.value_or(read->subnet).contains(ip) &&
                      std::ranges::find(read->auxiliary, ip) == read->auxiliary.end();
    if (!fits) trace_.breach("{} has {}, which is not to be given", holder, key.second);
    return;
  }
  trace_.breach("{} has {}, which is not in {}", holder, key.second, network->second->name());
}

size_t AddressChecker::held_count(const NetworkId& network) const {
  return size_t(
      std::ranges::count_if(holders_, [&](const auto& one) { return one.first.first == network; }));
}

}  // namespace shoal::sim

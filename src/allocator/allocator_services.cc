// The allocator's part for services and their tasks.
#include <algorithm>

#include "allocator/allocator.h"

namespace shoal::allocator {
namespace {

using model::Endpoint;
using model::NetworkAttachment;
using model::PublishMode;
using model::Ref;
using model::Service;
using model::Task;
using model::TaskState;
using model::VirtualIp;
using Kind = Cause::Kind;

model::EndpointSpec endpoint_spec(const Service& service) {
  return service.spec.endpoint.value_or(model::EndpointSpec{});
}

bool is_vip(const Service& service) {
  return !service.spec.endpoint || service.spec.endpoint->mode == model::ResolutionMode::Vip;
}

bool publishes(const Service& service) {
  return service.spec.endpoint && !service.spec.endpoint->ports.empty();
}

bool publishes_in_ingress(const Endpoint* endpoint) {
  return endpoint && std::ranges::any_of(endpoint->ports, [](const model::PortConfig& port) {
           return port.mode == PublishMode::Ingress;
         });
}

// The stored endpoint has a virtual address in each of these networks and in no other.
bool has_vips_in(const Endpoint& endpoint, const std::vector<Target>& targets) {
  const auto has = [&](const Target& target) {
    return std::ranges::find(endpoint.virtual_ips, target.network->id, &VirtualIp::network) !=
           endpoint.virtual_ips.end();
  };
  const auto wanted = [&](const VirtualIp& vip) {
    return std::ranges::any_of(
        targets, [&](const Target& target) { return target.network->id == vip.network; });
  };
  return std::ranges::all_of(targets, has) && std::ranges::all_of(endpoint.virtual_ips, wanted);
}

}  // namespace

Outcome<std::vector<std::string>> Allocator::take_addresses(const model::Network& network,
                                                            std::span<const std::string> wanted) {
  auto addresses = addresses_.take(network, wanted);
  if (addresses) return *std::move(addresses);
  return std::unexpected(Blocked{
      {Kind::Address, network.id.str()}, "waiting for an address", addresses.error().message});
}

// Those it has in these networks stay. On an error nothing was taken.
Outcome<std::vector<VirtualIp>> Allocator::virtual_ips_of(const Service& service,
                                                          const std::vector<Target>& targets) {
  std::vector<VirtualIp> had, vips, taken;
  if (service.endpoint) had = service.endpoint->virtual_ips;
  for (const Target& target : targets) {
    const model::NetworkId& id = target.network->id;
    const size_t before = vips.size();
    for (const VirtualIp& vip : had) {
      if (vip.network == id) vips.push_back(vip);
    }
    if (vips.size() > before) continue;
    auto addresses = take_addresses(*target.network);
    if (!addresses) {
      for (const VirtualIp& vip : taken) give_back(vip.network, {&vip.address, 1});
      return std::unexpected(std::move(addresses).error());
    }
    for (std::string& address : *addresses) {
      taken.push_back({id, std::move(address)});
      vips.push_back(taken.back());
    }
  }
  return vips;
}

Outcome<std::vector<model::PortConfig>> Allocator::ports_of(const Service& service) {
  const bool had = service.endpoint && !service.endpoint->ports.empty();
  const bool same = had && service.endpoint->spec.ports == endpoint_spec(service).ports;
  if (same) return service.endpoint->ports;
  std::vector<model::PortConfig> ports;
  if (publishes(service)) {
    auto allocated = ports_.allocate(service, *tables_);
    if (!allocated) {
      return std::unexpected(
          Blocked{{Kind::Port, ""}, "waiting for a published port", allocated.error().message});
    }
    ports = *std::move(allocated);
  } else {
    ports_.release(service.id);
  }
  if (had) wake({Kind::Port, ""});
  return ports;
}

// The endpoint of a service, made now if need be; null when it needs none. All of it or nothing: on
// an error the service keeps what it has.
Outcome<Ref<Endpoint>> Allocator::endpoint_of(const Service& service, store::Plan& plan) {
  std::vector<Target> targets;
  if (is_vip(service)) {
    auto found = find_targets(*tables_, networks_of(service.spec, *service.spec.task));
    if (!found) return std::unexpected(std::move(found).error());
    targets = *std::move(found);
  }
  const bool needed = publishes(service) || !targets.empty();
  const auto& stored = service.endpoint;
  if (!needed && !stored) return nullptr;
  if (needed && stored && stored->spec == endpoint_spec(service) && has_vips_in(*stored, targets)) {
    return stored;
  }
  auto vips = virtual_ips_of(service, targets);
  if (!vips) return std::unexpected(std::move(vips).error());
  auto ports = ports_of(service);
  if (!ports) {
    const Endpoint with_new{.spec = {}, .ports = {}, .virtual_ips = *vips};
    give_back_vips(&with_new, stored ? stored->virtual_ips : std::vector<VirtualIp>{});
    return std::unexpected(std::move(ports).error());
  }
  give_back_vips(stored.get(), *vips);
  if (vips->empty()) {
    holders_.erase(service.id);
  } else {
    holders_.insert(service.id);
  }
  Service changed = service;
  changed.endpoint = nullptr;
  if (needed) {
    changed.endpoint = std::make_shared<const Endpoint>(endpoint_spec(service), *std::move(ports),
                                                        *std::move(vips));
  }
  Ref<Endpoint> endpoint = changed.endpoint;
  plan.update_services.push_back(std::move(changed));
  return endpoint;
}

// Once a plan.
Allocator::Seen& Allocator::look_at(const Service& service, store::Plan& plan) {
  if (const auto known = seen_.find(service.id); known != seen_.end()) return known->second;
  auto endpoint = endpoint_of(service, plan);
  if (endpoint) {
    waiters_.remove(service.id);
  } else {
    waiters_.put(service.id, endpoint.error().cause);
  }
  return seen_.insert_or_assign(service.id, Seen{std::move(endpoint), nullptr, {}}).first->second;
}

void Allocator::plan_service(const model::ServiceId& id, store::Plan& plan) {
  const auto service = tables_->services().get(id);
  if (!service) return;
  look_at(*service, plan);
  wake({Kind::Service, id.str()});
}

// The ingress network first, as Docker lists them.
const Outcome<std::vector<Target>>& Allocator::targets_of(Seen& seen, const Service& service,
                                                          const Task& task) {
  if (seen.spec == task.spec) return seen.targets;
  seen.spec = task.spec;
  seen.targets = find_targets(*tables_, networks_of(service.spec, *task.spec));
  if (!seen.targets || !publishes_in_ingress(seen.endpoint->get())) return seen.targets;
  auto ingress = find_ingress(*tables_, ingress_);
  if (ingress) {
    seen.targets->insert(seen.targets->begin(), *std::move(ingress));
  } else {
    seen.targets = std::unexpected(std::move(ingress).error());
  }
  return seen.targets;
}

// An address in each; on an error none.
Outcome<std::vector<NetworkAttachment>> Allocator::attach(const std::vector<Target>& targets) {
  std::vector<NetworkAttachment> attachments;
  attachments.reserve(targets.size());
  for (const Target& target : targets) {
    auto addresses = take_addresses(*target.network, target.addresses);
    if (!addresses) {
      for (const auto& one : attachments) give_back(one.network, one.addresses);
      return std::unexpected(std::move(addresses).error());
    }
    attachments.push_back({.network = target.network->id,
                           .addresses = *std::move(addresses),
                           .aliases = target.aliases});
  }
  return attachments;
}

void Allocator::plan_task(const model::TaskId& id, Time now, store::Plan& plan) {
  const auto stored = tables_->tasks().get(id);
  waiters_.remove(id);
  if (!stored || stored->status.state != TaskState::New) return;
  if (stored->desired_state >= TaskState::Shutdown) {
    set_status(*stored, TaskState::Shutdown, "shutdown", "", now, plan);
    return;
  }
  if (model::is_attachment(*stored)) {
    return go_on(*stored, nullptr, find_targets(*tables_, stored->spec->networks), now, plan);
  }
  const auto service = tables_->services().get(stored->service_id);
  if (!service) return;  // The reaper takes the tasks of a service that is gone.
  Seen& seen = look_at(*service, plan);
  if (!seen.endpoint) {
    return block(*stored, {Kind::Service, service->id.str()}, seen.endpoint.error(), now, plan);
  }
  go_on(*stored, *seen.endpoint, targets_of(seen, *service, *stored), now, plan);
}

// With an address in each of the networks.
void Allocator::go_on(const Task& stored, Ref<Endpoint> endpoint,
                      const Outcome<std::vector<Target>>& targets, Time now, store::Plan& plan) {
  if (!targets) return block(stored, targets.error().cause, targets.error(), now, plan);
  auto attachments = attach(*targets);
  if (!attachments) {
    return block(stored, attachments.error().cause, attachments.error(), now, plan);
  }
  if (!attachments->empty()) holders_.insert(stored.id);
  Task task = stored;
  task.endpoint = std::move(endpoint);
  task.networks = *std::move(attachments);
  set_status(std::move(task), TaskState::Pending, "pending task scheduling", "", now, plan);
}

// It stays NEW and says why.
void Allocator::block(const Task& task, const Cause& cause, const Blocked& why, Time now,
                      store::Plan& plan) {
  waiters_.put(task.id, cause);
  set_status(task, TaskState::New, why.message, why.error, now, plan);
}

// Adds the task to the plan, unless that would change nothing.
void Allocator::set_status(Task task, TaskState state, std::string_view message,
                           std::string_view error, Time now, store::Plan& plan) {
  model::TaskStatus& status = task.status;
  if (status.state == state && status.message == message && status.error == error) return;
  status.state = state;
  status.timestamp = now;
  status.message = message;
  status.error = error;
  plan.update_tasks.push_back(std::move(task));
}

}  // namespace shoal::allocator

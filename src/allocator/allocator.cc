#include "allocator/allocator.h"

#include <algorithm>
#include <utility>

namespace shoal::allocator {
namespace {

using model::Network;
using model::Node;
using model::Ref;
using model::Service;
using model::Task;
using model::TaskState;
using Kind = Cause::Kind;

// Objects looked at in one plan, so that those for whom nothing changes do not hold up the thread.
constexpr size_t kLooksMax = 2000;

// The allocator has, or had, something to do for it.
bool concerns_us(const Service& service) {
  return service.endpoint || (service.spec.endpoint && !service.spec.endpoint->ports.empty()) ||
         !networks_of(service.spec, *service.spec.task).empty();
}

bool changed_for_us(const Service& before, const Service& after) {
  if (before.spec.endpoint != after.spec.endpoint) return true;
  if (before.spec.task == after.spec.task && before.spec.networks == after.spec.networks) {
    return false;
  }
  return networks_of(before.spec, *before.spec.task) != networks_of(after.spec, *after.spec.task);
}

bool holds_addresses(const Task& task) {
  return !task.networks.empty() && !model::is_terminal(task.status.state);
}

// Takes ids out of `dirty` while the plan has room for `each` changes more.
template <class Ids, class Look>
void drain(Ids& dirty, size_t each, size_t& looks, const store::Plan& plan, Look look) {
  while (!dirty.empty() && looks < kLooksMax && plan.size() + each <= store::kPlanChangesMax) {
    const auto id = *dirty.begin();
    dirty.erase(dirty.begin());
    ++looks;
    look(id);
  }
}

}  // namespace

void Allocator::reset(const store::Tables& tables) {
  *this = Allocator();
  for (const auto& [id, network] : tables.networks().all()) on_network(nullptr, network);
  for (const auto& [id, service] : tables.services().all()) on_service(nullptr, service);
  for (const auto& [id, node] : tables.nodes().all()) on_node(nullptr, node);
  for (const auto& task : tables.tasks().by_state(TaskState::New)) on_task(nullptr, task);
  hold_stored(tables);
}

// What is stored is held as it is, and nothing of it changes.
void Allocator::hold_stored(const store::Tables& tables) {
  for (const auto& [id, cluster] : tables.clusters().all()) subnets_.use_pools_of(*cluster);
  for (const auto& [id, network] : tables.networks().all()) {
    if (!network->allocation) continue;
    subnets_.hold(*network);
    vnis_.hold(id, network->allocation->vni);
    addresses_.add(*network);
  }
  for (const auto& [id, service] : tables.services().all()) {
    if (!service->endpoint) continue;
    ports_.hold(*service);
    for (const model::VirtualIp& vip : service->endpoint->virtual_ips) {
      addresses_.hold(vip.network, {&vip.address, 1});
      holders_.insert(id);
    }
  }
  const auto hold = [this](const Waiter& holder, const auto& attachments) {
    for (const model::NetworkAttachment& one : attachments) {
      addresses_.hold(one.network, one.addresses);
      holders_.insert(holder);
    }
  };
  for (const auto& [id, node] : tables.nodes().all()) hold(id, node->attachments);
  for (const auto& [id, task] : tables.tasks().all()) {
    if (holds_addresses(*task)) hold(id, task->networks);
  }
  addresses_.go_on_after_held();
}

void Allocator::on_batch(const store::Batch& batch) {
  for (const store::Change& change : batch.changes) {
    if (const auto* task = std::get_if<Ref<Task>>(&change.before)) {
      on_task(*task, std::get<Ref<Task>>(change.after));
    } else if (const auto* service = std::get_if<Ref<Service>>(&change.before)) {
      on_service(*service, std::get<Ref<Service>>(change.after));
    } else if (const auto* node = std::get_if<Ref<Node>>(&change.before)) {
      on_node(*node, std::get<Ref<Node>>(change.after));
    } else if (const auto* network = std::get_if<Ref<Network>>(&change.before)) {
      on_network(*network, std::get<Ref<Network>>(change.after));
    }
  }
}

void Allocator::on_network(const Ref<Network>& before, const Ref<Network>& after) {
  const Network& network = after ? *after : *before;
  if (after && !after->allocation) dirty_networks_.insert(after->id);
  if (network.spec.ingress) {
    const bool had = before && before->allocation, has = after && after->allocation;
    all_nodes_dirty_ |= had != has;
    if (after) {
      ingress_ = after->id;
    } else if (ingress_ == before->id) {
      ingress_ = {};
    }
  }
  for (const Cause& cause : causes_of(network)) wake(cause);
  if (after) return;
  waiters_.remove(before->id);
  addresses_.remove(before->id);
  vnis_.release(before->id);
  wake({Kind::Address, before->id.str()});
  if (subnets_.release(before->id)) wake({Kind::Subnet, ""});
}

void Allocator::on_service(const Ref<Service>& before, const Ref<Service>& after) {
  if (after) {
    if (before ? changed_for_us(*before, *after) : concerns_us(*after)) {
      dirty_services_.insert(after->id);
    }
    return;
  }
  waiters_.remove(before->id);
  if (ports_.release(before->id)) wake({Kind::Port, ""});
  if (holders_.erase(before->id)) give_back_vips(before->endpoint.get(), {});
}

void Allocator::on_node(const Ref<Node>& before, const Ref<Node>& after) {
  if (after) {
    const bool concerns = after->description.shoal_version > 0 || !after->attachments.empty();
    const bool changed =
        !before || before->description.shoal_version == 0 || after->description.shoal_version == 0;
    if (concerns && changed) dirty_nodes_.insert(after->id);
    return;
  }
  waiters_.remove(before->id);
  if (!holders_.erase(before->id)) return;
  for (const auto& one : before->attachments) give_back(one.network, one.addresses);
}

void Allocator::on_task(const Ref<Task>& before, const Ref<Task>& after) {
  const bool held = before && holds_addresses(*before);
  if (held && !(after && holds_addresses(*after)) && holders_.erase(before->id)) {
    for (const auto& one : before->networks) give_back(one.network, one.addresses);
  }
  if (!after) {
    waiters_.remove(before->id);
  } else if (after->status.state == TaskState::New &&
             (!before || before->desired_state != after->desired_state)) {
    dirty_tasks_.insert(after->id);
  }
}

void Allocator::give_back(const model::NetworkId& network, std::span<const std::string> addresses) {
  addresses_.give_back(network, addresses);
  if (waiters_.any({Kind::Address, network.str()})) roomy_.insert(network);
}

void Allocator::give_back_vips(const model::Endpoint* old,
                               const std::vector<model::VirtualIp>& kept) {
  if (!old) return;
  for (const model::VirtualIp& vip : old->virtual_ips) {
    if (std::ranges::find(kept, vip) == kept.end()) give_back(vip.network, {&vip.address, 1});
  }
}

// Those who wait for it are looked at again.
void Allocator::wake(const Cause& cause, size_t max) {
  for (const Waiter& waiter : waiters_.take(cause, max)) {
    if (const auto* network = std::get_if<model::NetworkId>(&waiter)) {
      dirty_networks_.insert(*network);
    } else if (const auto* service = std::get_if<model::ServiceId>(&waiter)) {
      dirty_services_.insert(*service);
      seen_.erase(*service);
    } else if (const auto* node = std::get_if<model::NodeId>(&waiter)) {
      dirty_nodes_.insert(*node);
    } else {
      dirty_tasks_.insert(std::get<model::TaskId>(waiter));
    }
  }
}

// As many of those who wait for an address as there are addresses. Some of them may be gone: what
// they leave is for others in the next plan.
void Allocator::share_room() {
  for (auto at = roomy_.begin(); at != roomy_.end();) {
    const Cause cause{Kind::Address, at->str()};
    const uint64_t room = addresses_.free_count(*at);
    wake(cause, size_t(std::min<uint64_t>(room, store::kPlanChangesMax)));
    at = room > 0 && waiters_.any(cause) ? std::next(at) : roomy_.erase(at);
  }
}

store::Plan Allocator::plan(const store::Tables& tables, Time now) {
  store::Plan plan;
  size_t looks = 0;
  tables_ = &tables;
  seen_.clear();
  share_room();
  if (dirty_networks_.erase(ingress_)) plan_network(ingress_, plan);  // It has the first subnet.
  drain(dirty_networks_, 1, looks, plan, [&](const auto& id) { plan_network(id, plan); });
  if (std::exchange(all_nodes_dirty_, false)) {
    for (const auto& [id, node] : tables.nodes().all()) on_node(nullptr, node);
  }
  drain(dirty_services_, 1, looks, plan, [&](const auto& id) { plan_service(id, plan); });
  drain(dirty_nodes_, 1, looks, plan, [&](const auto& id) { plan_node(id, plan); });
  // One task may bring one change of its service along.
  drain(dirty_tasks_, 2, looks, plan, [&](const auto& id) { plan_task(id, now, plan); });
  tables_ = nullptr;
  return plan;
}

std::optional<Time> Allocator::next_deadline() const {
  const bool due = !dirty_networks_.empty() || !dirty_services_.empty() || !dirty_nodes_.empty() ||
                   !dirty_tasks_.empty() || all_nodes_dirty_ || !roomy_.empty();
  return due ? std::optional(Time{}) : std::nullopt;
}

}  // namespace shoal::allocator

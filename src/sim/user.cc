#include "sim/user.h"

#include <utility>

namespace shoal::sim {
namespace {

using model::Ref;

constexpr uint64_t kReplicasMax = 8;
constexpr size_t kServicesMax = 6;
constexpr size_t kNodesMin = 3;  // that it leaves
constexpr Duration kPause = 8s;

model::RestartPolicy some_policy(Rng& rng) {
  model::RestartPolicy policy;
  if (rng.chance(0.3)) policy.condition = model::RestartCondition::OnFailure;
  if (rng.chance(0.1)) policy.condition = model::RestartCondition::None;
  if (rng.chance(0.7)) policy.delay = random_delay(rng, 6s);
  if (rng.chance(0.2)) policy.max_attempts = 1 + rng.below(4);
  if (rng.chance(0.3)) policy.window = 1min;
  return policy;
}

}  // namespace

void User::start() {
  loop_.after(random_pause(rng_, kPause), [this] {
    if (stopped_) return;
    if (manager_.is_up()) act();
    start();
  });
}

void User::act() {
  const size_t services = manager_.read().services().size();
  if (rng_.chance(0.3)) {
    const uint64_t how = rng_.below(4);
    if (how == 0) return create_network();
    if (how == 1) return remove_network();
    return change_networks();
  }
  const uint64_t what = rng_.below(12);
  if (services == 0 || (what < 2 && services < kServicesMax)) return create_service();
  if (what < 3) return remove_service();
  if (what < 6) return change_node();
  if (what < 7) return remove_node();
  if (what < 9) return rebalance_service();
  scale_service();
}

Ref<model::Service> User::some_service() {
  const auto& all = manager_.read().services().all();
  return all.empty() ? nullptr : std::next(all.begin(), int64_t(rng_.below(all.size())))->second;
}

model::Service User::some_new_service() {
  model::Service service;
  service.id = model::ServiceId::random(rng_);
  service.spec.annotations.name = fmt::format("s{}", ++services_made_);
  if (rng_.chance(0.4)) {
    service.spec.mode = model::GlobalMode{};
  } else {
    service.spec.mode = model::ReplicatedMode{rng_.below(kReplicasMax + 1)};
  }
  if (rng_.chance(0.7)) {
    service.spec.update.emplace();
    if (rng_.chance(0.7)) service.spec.update->order = model::UpdateOrder::StartFirst;
  }
  if (rng_.chance(0.2)) {
    service.spec.annotations.labels[std::string(model::kRebalanceLabel)] = model::kRebalanceOnJoin;
  }
  model::TaskSpec task;
  task.container.image = "busybox";
  if (rng_.chance(0.8)) task.restart = some_policy(rng_);
  if (rng_.chance(0.3)) task.placement = model::Placement{.constraints = {"node.labels.zone != b"}};
  some_networks(service);
  // Half of them name their networks where they stay.
  if (rng_.chance(0.5)) task.networks = std::exchange(service.spec.networks, {});
  publish_or_not(service);
  service.spec.task = std::make_shared<const model::TaskSpec>(std::move(task));
  service.spec_version = 1;
  return service;
}

void User::create_service() {
  model::Service service = some_new_service();
  const bool global = std::holds_alternative<model::GlobalMode>(service.spec.mode);
  trace_.note("user creates {}, {}", service.name(), global ? "global" : "replicated");
  (void)manager_.write([&](store::WriteTx& tx) { return tx.create(std::move(service)); });
}

void User::scale_service() {
  const auto found = some_service();
  if (!found) return;
  model::Service service = *found;
  if (!std::holds_alternative<model::ReplicatedMode>(service.spec.mode)) return;
  const uint64_t replicas = rng_.below(kReplicasMax + 1);
  service.spec.mode = model::ReplicatedMode{replicas};
  trace_.note("user scales {} to {}", service.name(), replicas);
  (void)manager_.write([&](store::WriteTx& tx) { return tx.update(std::move(service)); });
}

void User::rebalance_service() {
  const auto found = some_service();
  if (!found || !std::holds_alternative<model::ReplicatedMode>(found->spec.mode)) return;
  model::Service service = *found;
  if (service.is_rebalancing()) {
    service.rebalance->state = model::RebalanceState::Ended;
    trace_.note("user ends the rebalance of {}", service.name());
  } else {
    service.rebalance = model::Rebalance{.started_at = loop_.now()};
    trace_.note("user rebalances {}", service.name());
  }
  (void)manager_.write([&](store::WriteTx& tx) { return tx.update(std::move(service)); });
}

void User::rebalance_all() {
  const auto done = manager_.write([&](store::WriteTx& tx) -> Result<void> {
    const auto services = tx.read().services().all();
    for (const auto& [id, stored] : services) {
      if (!std::holds_alternative<model::ReplicatedMode>(stored->spec.mode)) continue;
      model::Service service = *stored;
      service.rebalance = model::Rebalance{.started_at = loop_.now()};
      RETURN_IF_ERROR(tx.update(std::move(service)));
    }
    return {};
  });
  CHECK(done, "{}", done ? "" : done.error().message);
}

void User::remove_service() {
  const auto found = some_service();
  if (!found) return;
  trace_.note("user removes {}", found->name());
  (void)manager_.write([&](store::WriteTx& tx) { return tx.remove(found->id); });
}

void User::change_node() {
  static constexpr model::Availability kChoices[] = {
      model::Availability::Active, model::Availability::Active, model::Availability::Pause,
      model::Availability::Drain};
  const auto& all = manager_.read().nodes().all();
  model::Node node = *std::next(all.begin(), int64_t(rng_.below(all.size())))->second;
  if (rng_.chance(0.3)) {
    node.spec.annotations.labels["zone"] = rng_.chance(0.5) ? "a" : "b";
    trace_.note("user moves {} to zone {}", node.id, node.spec.annotations.labels["zone"]);
  } else {
    node.spec.availability = kChoices[rng_.below(std::size(kChoices))];
    trace_.note("user makes {} {}", node.id, int(node.spec.availability));
  }
  (void)manager_.write([&](store::WriteTx& tx) { return tx.update(std::move(node)); });
}

void User::remove_node() {
  const auto& all = manager_.read().nodes().all();
  const auto node = std::next(all.begin(), int64_t(rng_.below(all.size())))->second;
  if (all.size() <= kNodesMin || node->role == model::NodeRole::Manager) return;
  trace_.note("user removes {}", node->id);
  (void)manager_.write([&](store::WriteTx& tx) { return tx.remove(node->id); });
}

void User::tidy() {
  const auto done = manager_.write([&](store::WriteTx& tx) -> Result<void> {
    const auto nodes = tx.read().nodes().all();
    for (const auto& [id, stored] : nodes) {
      model::Node node = *stored;
      const bool takes_all = node.role == model::NodeRole::Manager;
      if (takes_all) node.spec.annotations.labels.clear();
      if (takes_all || node.spec.availability == model::Availability::Pause) {
        node.spec.availability = model::Availability::Active;
      }
      RETURN_IF_ERROR(tx.update(std::move(node)));
    }
    return leave_room(tx);
  });
  if (!done) loop_.after(1s, [this] { tidy(); });
}

}  // namespace shoal::sim

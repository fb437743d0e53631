#include "rebalancer/rebalance_loop.h"

#include "orchestrator/node_fit.h"
#include "orchestrator/slot.h"

namespace shoal::rebalancer {
namespace {

using model::Node;
using model::Ref;
using model::Service;
using model::ServiceId;
using model::Task;
using model::TaskState;
using Kind = Outlook::Kind;

bool takes_tasks(const Node& node) {
  return node.status.state == model::NodeState::Ready &&
         node.spec.availability == model::Availability::Active;
}

bool begins_on_join(const Service& service) {
  const auto& labels = service.spec.annotations.labels;
  const auto label = labels.find(std::string(model::kRebalanceLabel));
  return label != labels.end() && label->second == model::kRebalanceOnJoin &&
         std::holds_alternative<model::ReplicatedMode>(service.spec.mode);
}

Service ended(const Service& service, model::RebalanceState state, std::string why, Time now) {
  Service changed = service;
  changed.rebalance->state = state;
  changed.rebalance->ended_at = now;
  changed.rebalance->message = std::move(why);
  return changed;
}

}  // namespace

void RebalanceLoop::reset(const store::Tables& tables) {
  active_.clear();
  dirty_.clear();
  on_join_.clear();
  to_begin_.clear();
  picture_.reset();
  for (const auto& [id, service] : tables.services().all()) note(*service);
}

void RebalanceLoop::note(const Service& service) {
  if (begins_on_join(service)) {
    on_join_.insert(service.id);
  } else {
    on_join_.erase(service.id);
  }
  if (service.is_rebalancing()) {
    active_.try_emplace(service.id, Kind::Waits);
    dirty_.insert(service.id);
  } else {
    active_.erase(service.id);
    dirty_.erase(service.id);
  }
}

void RebalanceLoop::on_batch(const store::Batch& batch) {
  if (picture_) picture_->on_batch(batch);
  for (const store::Change& change : batch.changes) {
    // A creation has no `before`, a removal no `after`; the kind is the same on both sides.
    std::visit(
        [&]<class T>(const Ref<T>& after) {
          const auto* stored = std::get_if<Ref<T>>(&change.before);
          const Ref<T> before = stored ? *stored : nullptr;
          if constexpr (std::is_same_v<T, Service>) on_service(before, after);
          if constexpr (std::is_same_v<T, Node>) on_node(before, after);
          if constexpr (std::is_same_v<T, Task>) {
            const ServiceId& id = after ? after->service_id : before->service_id;
            if (active_.contains(id)) dirty_.insert(id);
          }
        },
        change.after);
  }
}

void RebalanceLoop::on_service(const Ref<Service>& before, const Ref<Service>& after) {
  if (after) return note(*after);
  for (auto* ids : {&dirty_, &on_join_, &to_begin_}) ids->erase(before->id);
  active_.erase(before->id);
}

void RebalanceLoop::on_node(const Ref<Node>& before, const Ref<Node>& after) {
  const bool same = before && after && before->status.state == after->status.state &&
                    !orchestrator::may_matter(*before, *after);
  if (same) return;
  for (const auto& [id, kind] : active_) dirty_.insert(id);
  if (after && takes_tasks(*after) && !(before && takes_tasks(*before))) {
    to_begin_.insert(on_join_.begin(), on_join_.end());
  }
}

store::Plan RebalanceLoop::plan(const store::Tables& tables, Time now) {
  store::Plan plan;
  begin_on_join(tables, now, plan);
  if (active_.empty()) {
    picture_.reset();
    return plan;
  }
  if (!picture_) {
    picture_.emplace();
    picture_built_ = false;
  }
  if (!picture_built_) {
    picture_built_ = picture_->build(tables);
    return plan;
  }
  look_at_dirty(tables, now, plan);
  if (may_move()) move_next(tables, now, plan);
  return plan;
}

std::optional<Time> RebalanceLoop::next_deadline() const {
  const bool is_due = !dirty_.empty() || !to_begin_.empty() || may_move() ||
                      (active_.empty() && picture_) || (!active_.empty() && !picture_built_);
  return is_due ? std::optional(orchestrator::kAtOnce) : std::nullopt;
}

void RebalanceLoop::begin_on_join(const store::Tables& tables, Time now, store::Plan& plan) {
  while (!to_begin_.empty() && plan.size() < store::kPlanChangesMax) {
    const auto service = tables.services().get(*to_begin_.begin());
    to_begin_.erase(to_begin_.begin());
    if (!service || !begins_on_join(*service) || service->is_rebalancing()) continue;
    plan.update_services.push_back(*service);
    plan.update_services.back().rebalance = model::Rebalance{.started_at = now};
  }
}

void RebalanceLoop::look_at_dirty(const store::Tables& tables, Time now, store::Plan& plan) {
  while (!dirty_.empty() && plan.size() < store::kPlanChangesMax) {
    const ServiceId id = *dirty_.begin();
    dirty_.erase(dirty_.begin());
    const auto service = tables.services().get(id);
    if (!service || !service->is_rebalancing()) {
      active_.erase(id);  // That is about to be told.
      continue;
    }
    Outlook outlook = outlook_of(tables, *service);
    // Nothing could be told apart by its age.
    if (now < service->rebalance->started_at) outlook = {Kind::Fails, "the clock was set back"};
    active_[id] = outlook.kind;
    if (outlook.kind == Kind::Fails) {
      plan.update_services.push_back(
          ended(*service, model::RebalanceState::Ended, std::move(outlook.reason), now));
    }
  }
}

// One is settled, and none is under way.
bool RebalanceLoop::may_move() const {
  bool settled = false;
  for (const auto& [id, kind] : active_) {
    if (kind == Kind::Moves) return false;
    settled |= kind == Kind::Settled;
  }
  return settled;
}

void RebalanceLoop::move_next(const store::Tables& tables, Time now, store::Plan& plan) {
  for (auto& [id, kind] : active_) {
    if (kind != Kind::Settled) continue;
    const auto service = tables.services().get(id);
    if (!service || !service->is_rebalancing()) {
      kind = Kind::Waits;
      continue;
    }
    const auto next = Planner(tables, service).next(picture_->nodes(), now);
    if (next) {
      kind = Kind::Moves;
      return move(tables, *service, *next, now, plan);
    }
    kind = Kind::Waits;
    plan.update_services.push_back(
        ended(*service, model::RebalanceState::Completed, "the spread is even", now));
    return;  // Planning costs what looking at all nodes does: once a plan.
  }
}

void RebalanceLoop::move(const store::Tables& tables, const Service& service, const Move& move,
                         Time now, store::Plan& plan) {
  const auto old = tables.tasks().get(move.task);
  auto annotations = orchestrator::share_annotations(service, old->service_annotations);
  Task task = orchestrator::make_task(service, std::move(annotations), {service.id, move.slot, {}},
                                      now, rng_);
  task.desired_state = TaskState::Ready;
  plan.create_tasks.push_back(std::move(task));
  const bool starts_first =
      service.spec.update && service.spec.update->order == model::UpdateOrder::StartFirst;
  if (starts_first) return;
  Task stopped = *old;
  stopped.desired_state = TaskState::Shutdown;
  plan.update_tasks.push_back(std::move(stopped));
}

}  // namespace shoal::rebalancer

#include "sim/slot_checker.h"

#include "orchestrator/node_fit.h"
#include "orchestrator/restart_rules.h"

namespace shoal::sim {
namespace {

// A move must have ended so long after it could; the manager may be away in between.
constexpr Duration kMoveEndMax = 30s;

// The nodes, services and tasks of `tables`: all that this checker follows.
store::Tables copy_of(const store::Tables& tables) {
  store::Tables copy;
  for (const auto& [id, node] : tables.nodes().all()) {
    copy.apply({model::Ref<model::Node>(), node});
  }
  for (const auto& [id, service] : tables.services().all()) {
    copy.apply({model::Ref<model::Service>(), service});
  }
  for (const auto& [id, task] : tables.tasks().all()) {
    copy.apply({model::Ref<model::Task>(), task});
  }
  return copy;
}

bool is_followed(const store::Change& change) {
  return std::holds_alternative<model::Ref<model::Node>>(change.before) ||
         std::holds_alternative<model::Ref<model::Service>>(change.before) ||
         std::holds_alternative<model::Ref<model::Task>>(change.before);
}

}  // namespace

using model::Ref;
using model::Task;
using model::TaskId;
using model::TaskState;

void SlotChecker::on_load(const store::Tables& tables) {
  // The last batch of the leader before may have been written without its knowing.
  for (const auto& [id, task] : tables.tasks().all()) {
    slots_[id] = orchestrator::slot_of(*task);
    const auto before = durable_.tasks().get(id);
    if (!before || *before != *task) on_change(before, task);
  }
  durable_ = copy_of(tables);
  for (const auto& [id, task] : tables.tasks().all()) check_slot(*task);
}

void SlotChecker::on_batch(const store::Batch& batch) {
  for (const store::Change& change : batch.changes) {
    const auto* after = std::get_if<Ref<Task>>(&change.after);
    if (!after || !*after) continue;
    slots_[(*after)->id] = orchestrator::slot_of(**after);
    on_change(std::get<Ref<Task>>(change.before), *after);
  }
  for (const store::Change& change : batch.changes) {
    if (is_followed(change)) durable_.apply(change);
  }
  for (const store::Change& change : batch.changes) {
    const auto* after = std::get_if<Ref<Task>>(&change.after);
    if (after && *after) check_slot(**after);
  }
  check_moves();
}

void SlotChecker::on_change(const Ref<Task>& before, const Ref<Task>& after) {
  if (after->status.state == TaskState::Orphaned) given_up_.insert(after->id);
  const bool was_held = !before || before->desired_state < TaskState::Running;
  if (was_held && after->desired_state == TaskState::Running) check_release(*after);
}

void SlotChecker::check_slot(const Task& changed) {
  const auto key = orchestrator::slot_of(changed);
  auto live = orchestrator::tasks_in(durable_, key);
  std::erase_if(live, [](const auto& task) { return !orchestrator::is_live(*task); });
  if (live.size() < 2) {
    moving_.erase(key);
    return;
  }
  orchestrator::sort_by_age(live);
  if (live.size() == 2 && !moving_.contains(key) && may_move(*live.front())) {
    moving_[key];
    ++moves_;
  }
  if (live.size() > 2 || !moving_.contains(key)) {
    trace_.breach("slot {} of {} has {} tasks meant to run", key.slot, key.service, live.size());
  }
}

// Its node is drained, or a rebalance goes on that it is older than.
bool SlotChecker::leaves_node(const Task& older) const {
  const auto service = durable_.services().get(older.service_id);
  return orchestrator::is_on_drained_node(older, durable_) ||
         (service && service->is_rebalancing() &&
          older.meta.created_at < service->rebalance->started_at);
}

bool SlotChecker::may_move(const Task& older) const {
  const auto service = durable_.services().get(older.service_id);
  return service && service->spec.update && !orchestrator::is_global(older) &&
         service->spec.update->order == model::UpdateOrder::StartFirst &&
         older.status.state == TaskState::Running && leaves_node(older);
}

void SlotChecker::check_moves() {
  for (auto& [key, since] : moving_) {
    auto live = orchestrator::tasks_in(durable_, key);
    std::erase_if(live, [](const auto& task) { return !orchestrator::is_live(*task); });
    orchestrator::sort_by_age(live);
    const bool followed = live.back()->status.state == TaskState::Running;
    const Task& older = *live.front();
    if (!followed && (orchestrator::is_stranded(older, durable_) || leaves_node(older))) {
      since = {};
    } else if (!since.is_set()) {
      since = loop_.now();
    } else if (loop_.now() - since > kMoveEndMax) {
      trace_.breach("slot {} of {} moves and does not come to an end", key.slot, key.service);
    }
  }
}

// What the task's siblings were just before.
void SlotChecker::check_release(const Task& task) {
  for (const auto& other : orchestrator::tasks_in(durable_, orchestrator::slot_of(task))) {
    if (other->id == task.id) continue;
    // The end of a task that was taken off its node is a decision, its container ends later.
    const bool taken_off = other->status.error == orchestrator::kNoLongerMeets;
    if (taken_off || !orchestrator::has_ended(*other)) overlap_[task.id].insert(other->id);
    if (orchestrator::has_ended(*other)) continue;
    const bool waited = loop_.now() >= task.meta.created_at + orchestrator::kOldTaskTimeout;
    const bool moves = orchestrator::is_live(*other) && may_move(*other);
    if (!may_run_unseen(*other) && !waited && !moves) {
      trace_.breach("{} was let go while {} of its slot may run on {}, which is up", task.id,
                    other->id, other->node_id);
    }
  }
}

// The manager cannot stop it, or it never got anywhere.
bool SlotChecker::may_run_unseen(const Task& task) const {
  if (task.node_id.empty()) return !orchestrator::is_live(task);
  const auto node = durable_.nodes().get(task.node_id);
  return !node || node->status.state == model::NodeState::Down;
}

void SlotChecker::on_started(const model::NodeId& node, const TaskId& task) {
  const auto slot = slots_.find(task);
  if (slot == slots_.end()) {
    trace_.breach("{} runs {}, which was never durable", node, task);
    return;
  }
  auto& running = running_[slot->second];
  for (const TaskId& other : running) {
    // Accepted when the later of the two was let go; on a lost node the earlier may start last.
    // What runs on a node that was given up nobody can stop, and its task may be forgotten by now.
    if (overlap_[task].contains(other) || overlap_[other].contains(task) ||
        given_up_.contains(other) || given_up_.contains(task)) {
      ++accepted_overlaps_;
    } else {
      trace_.breach("{} runs {} while {} of the same slot runs", node, task, other);
    }
  }
  running.insert(task);
}

void SlotChecker::on_ended(const model::NodeId&, const TaskId& task) {
  running_[slots_.at(task)].erase(task);
}

}  // namespace shoal::sim

#include "orchestrator/replicated.h"

#include <algorithm>
#include <tuple>

namespace shoal::orchestrator {
namespace {

using model::Ref;
using model::Service;
using model::ServiceId;
using model::Task;
using model::TaskState;

// What scale down wants to know of an occupied slot.
struct Candidate {
  uint64_t slot = 0;
  bool assigned = false;
  bool running = false;
  model::NodeId node;
  size_t copy = 0;  // it is the nth slot on its node, counted over the running ones first
};

// The tasks come in slot order; those on their way out do not count.
std::vector<Candidate> occupied_slots(const store::TaskTable::Tasks& tasks) {
  std::vector<Candidate> slots;
  for (const Ref<Task>& task : tasks) {
    if (task->desired_state == TaskState::Remove) continue;
    if (slots.empty() || slots.back().slot != task->slot) slots.push_back({.slot = task->slot});
    Candidate& slot = slots.back();
    if (!is_live(*task)) continue;
    // Of two, one moves off a drained node: the slot is where it runs.
    if (slot.running) continue;
    slot.assigned = !task->node_id.empty();
    slot.running = task->status.state == TaskState::Running;
    slot.node = task->node_id;
  }
  return slots;
}

std::vector<uint64_t> lowest_free(const std::vector<Candidate>& occupied, uint64_t count) {
  std::vector<uint64_t> free;
  free.reserve(count);
  auto taken = occupied.begin();
  for (uint64_t slot = 1; free.size() < count; ++slot) {
    while (taken != occupied.end() && taken->slot < slot) ++taken;
    if (taken == occupied.end() || taken->slot != slot) free.push_back(slot);
  }
  return free;
}

std::vector<uint64_t> most_crowded(std::vector<Candidate> slots, uint64_t count) {
  // Running ones take the low copy numbers of their node, so that they are kept longest.
  std::ranges::stable_sort(
      slots, [](const Candidate& a, const Candidate& b) { return a.running > b.running; });
  std::map<model::NodeId, size_t> copies;
  for (Candidate& slot : slots) slot.copy = slot.assigned ? ++copies[slot.node] : 0;
  std::ranges::sort(slots, [](const Candidate& a, const Candidate& b) {
    return std::tuple(a.assigned, a.running, b.copy, b.slot) <
           std::tuple(b.assigned, b.running, a.copy, a.slot);
  });
  std::vector<uint64_t> leaving;
  leaving.reserve(count);
  for (size_t i = 0; i < count; ++i) leaving.push_back(slots[i].slot);
  return leaving;
}

// Of a service that is gone: 0 is where the tasks of a global one are, which are not this loop's.
std::vector<uint64_t> all_slots(const store::TaskTable::Tasks& tasks) {
  std::vector<uint64_t> slots;
  for (const Candidate& slot : occupied_slots(tasks)) {
    if (slot.slot != 0) slots.push_back(slot.slot);
  }
  return slots;
}

// Every task of the slot goes, the ended ones too: a slot that was taken away has no history.
void remove_slot(const store::Tables& tables, const ServiceId& id, uint64_t slot,
                 store::Plan& plan) {
  for (const Ref<Task>& task : tables.tasks().by_slot(id, slot)) {
    if (task->desired_state == TaskState::Remove) continue;
    Task changed = *task;
    changed.desired_state = TaskState::Remove;
    plan.update_tasks.push_back(std::move(changed));
  }
}

bool is_replicated(const Service& service) {
  return std::holds_alternative<model::ReplicatedMode>(service.spec.mode);
}

}  // namespace

SlotChanges plan_slots(const store::TaskTable::Tasks& tasks, const Service& service) {
  const auto occupied = occupied_slots(tasks);
  const uint64_t have = occupied.size();
  const uint64_t want = std::get<model::ReplicatedMode>(service.spec.mode).replicas;
  SlotChanges changes;
  if (have < want) changes.create = lowest_free(occupied, want - have);
  if (have > want) changes.remove = most_crowded(occupied, have - want);
  return changes;
}

void ReplicatedLoop::reset(const store::Tables& tables) {
  dirty_.clear();
  work_.clear();
  for (const auto& [id, service] : tables.services().all()) dirty_.insert(id);
  for (const auto& [id, task] : tables.tasks().all()) {
    if (!tables.services().get(task->service_id)) dirty_.insert(task->service_id);
  }
}

void ReplicatedLoop::on_batch(const store::Batch& batch) {
  for (const store::Change& change : batch.changes) {
    const auto* before = std::get_if<Ref<Service>>(&change.before);
    const auto* after = std::get_if<Ref<Service>>(&change.after);
    if (after && *after) {
      dirty_.insert((*after)->id);
    } else if (before && *before) {
      dirty_.insert((*before)->id);
    }
  }
}

store::Plan ReplicatedLoop::plan(const store::Tables& tables, Time now) {
  store::Plan plan;
  while (!dirty_.empty() && plan.size() < store::kPlanChangesMax) {
    const ServiceId id = *dirty_.begin();
    if (!work_off(tables, id, now, plan)) break;
    work_.erase(id);
    dirty_.erase(id);
  }
  return plan;
}

std::optional<Time> ReplicatedLoop::next_deadline() const {
  return dirty_.empty() ? std::nullopt : std::optional(kAtOnce);
}

ReplicatedLoop::Work ReplicatedLoop::look_at(const store::Tables& tables, const ServiceId& id,
                                             const Ref<Service>& service) const {
  Work work;
  const auto tasks = tables.tasks().by_service(id);
  if (!service) {
    work.changes.remove = all_slots(tasks);
    return work;
  }
  work.service_version = service->meta.version;
  if (!is_replicated(*service)) return work;
  work.changes = plan_slots(tasks, *service);
  work.annotations =
      share_annotations(*service, tasks.empty() ? nullptr : tasks.back()->service_annotations);
  return work;
}

// True when nothing is left for this service, false when the plan is full.
bool ReplicatedLoop::work_off(const store::Tables& tables, const ServiceId& id, Time now,
                              store::Plan& plan) {
  const auto service = tables.services().get(id);
  const model::Version version = service ? service->meta.version : 0;
  auto at = work_.find(id);
  if (at == work_.end() || at->second.service_version != version) {
    at = work_.insert_or_assign(id, look_at(tables, id, service)).first;
  }
  Work& work = at->second;
  for (; work.done < work.changes.create.size(); ++work.done) {
    if (plan.size() >= store::kPlanChangesMax) return false;
    create_in_slot(tables, *service, work.changes.create[work.done], work, now, plan);
  }
  for (; work.done < work.changes.remove.size(); ++work.done) {
    if (plan.size() >= store::kPlanChangesMax) return false;
    remove_slot(tables, id, work.changes.remove[work.done], plan);
  }
  return true;
}

void ReplicatedLoop::create_in_slot(const store::Tables& tables, const Service& service,
                                    uint64_t slot, const Work& work, Time now, store::Plan& plan) {
  Task task = make_task(service, work.annotations, {service.id, slot, {}}, now, rng_);
  // A number that was taken away a moment ago may still have its container: the new one waits for
  // it, and the restart supervisor lets it go.
  for (const Ref<Task>& old : tables.tasks().by_slot(service.id, slot)) {
    if (!is_stopped(*old, tables)) task.desired_state = TaskState::Ready;
  }
  plan.create_tasks.push_back(std::move(task));
}

}  // namespace shoal::orchestrator

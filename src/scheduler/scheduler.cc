#include "scheduler/scheduler.h"

#include <algorithm>
#include <utility>

namespace shoal::scheduler {
namespace {

using model::Node;
using model::Ref;
using model::Task;
using model::TaskState;

bool is_pending(const Ref<Task>& task) {
  return task && task->status.state == TaskState::Pending;
}

// Pending, and meant to run.
bool wants_node(const Task& task) {
  return task.status.state == TaskState::Pending && task.desired_state < TaskState::Shutdown;
}

bool has_failed(const Ref<Task>& task) {
  return task &&
         (task->status.state == TaskState::Failed || task->status.state == TaskState::Rejected);
}

GroupKey key_of(const Task& task) {
  return {task.service_id, task.spec_version};
}

}  // namespace

bool Refusals::set(Place place, Refusal refusal) {
  if (place >= by_place.size()) by_place.resize(place + 1, kNoNode);
  const Refusal before = std::exchange(by_place[place], refusal);
  if (before == refusal) return false;
  if (before < kFiltersMax) --counts[before];
  if (refusal < kFiltersMax) ++counts[refusal];
  return true;
}

void Scheduler::reset(const store::Tables& tables) {
  *this = Scheduler();
  for (const auto& [id, node] : tables.nodes().all()) nodes_.put(node);
  for (const auto& [id, task] : tables.tasks().all()) on_task(nullptr, task);
}

void Scheduler::on_batch(const store::Batch& batch) {
  for (const store::Change& change : batch.changes) {
    if (const auto* node = std::get_if<Ref<Node>>(&change.before)) {
      on_node(*node, std::get<Ref<Node>>(change.after));
    } else if (const auto* task = std::get_if<Ref<Task>>(&change.before)) {
      on_task(*task, std::get<Ref<Task>>(change.after));
    }
  }
}

void Scheduler::on_node(const Ref<Node>& before, const Ref<Node>& after) {
  const auto place = after ? nodes_.put(after) : nodes_.remove(before->id);
  if (place) {
    pipeline_.forget_node(*place);
    for (auto& [descriptors, leaves] : spreads_) leaves.forget_node(*place);
  }
  note_room(place);
}

void Scheduler::on_task(const Ref<Task>& before, const Ref<Task>& after) {
  if (is_pending(before) && !is_pending(after)) dequeue(*before);
  if (!after) {
    if (before->node_id) note_room(nodes_.forget(before->node_id, before->id));
    return;
  }
  if (is_pending(after)) {
    if (wants_node(*after)) {
      enqueue(*after);
    } else {
      dequeue(*after);
      stopped_.insert(after->id);
    }
    return;
  }
  if (!after->node_id) return;
  note_room(nodes_.account(*after));
  // A task without a slot was not placed here by choice.
  if (has_failed(after) && before && !has_failed(before) && after->slot != 0) {
    nodes_.note_failure(after->node_id, key_of(*after), after->meta.updated_at);
  }
}

void Scheduler::note_room(std::optional<Place> place) {
  if (!place) return;
  if (!blocked_.empty()) roomier_.insert(*place);
  if (preassigned_waiting_.empty() || !nodes_.exists(*place)) return;
  const auto waiting = preassigned_waiting_.find(nodes_.at(*place).node->id);
  if (waiting == preassigned_waiting_.end()) return;
  preassigned_due_.merge(waiting->second);
  preassigned_waiting_.erase(waiting);
}

void Scheduler::enqueue(const Task& task) {
  if (task.node_id) {
    const auto waiting = preassigned_waiting_.find(task.node_id);
    const bool known = waiting != preassigned_waiting_.end() && waiting->second.contains(task.id);
    if (!known) preassigned_due_.insert(task.id);
    return;
  }
  const GroupKey key = key_of(task);
  Group& group = groups_[key];
  const size_t before = group.waiting.size();
  group.waiting.insert(group.waiting.end(), task.id);  // In order when all tasks are read at once.
  if (group.waiting.size() == before) return;
  if (group.blocked) {
    group.untold.insert(task.id);  // As its siblings; nothing has changed for them.
    tell_later(key, group, Time{});
  } else {
    requeue(key, group);
  }
}

void Scheduler::dequeue(const Task& task) {
  preassigned_due_.erase(task.id);
  if (task.node_id) {
    const auto waiting = preassigned_waiting_.find(task.node_id);
    if (waiting == preassigned_waiting_.end()) return;
    waiting->second.erase(task.id);
    if (waiting->second.empty()) preassigned_waiting_.erase(waiting);
    return;
  }
  const auto at = groups_.find(key_of(task));
  if (at == groups_.end()) return;
  at->second.waiting.erase(task.id);
  at->second.untold.erase(task.id);
  if (!at->second.waiting.empty()) return;
  if (at->second.tell_at) telling_.erase({*at->second.tell_at, at->first});
  blocked_.erase(at->first);
  groups_.erase(at);  // A place in the queue, if any, is passed over.
}

void Scheduler::requeue(const GroupKey& key, Group& group) {
  group.blocked.reset();
  blocked_.erase(key);
  if (!std::exchange(group.queued, true)) queue_.push_back(key);
}

store::Plan Scheduler::plan(const store::Tables& tables, Time now) {
  store::Plan plan;
  Round round{tables, now, plan};
  end_stopped(round);
  look_again(round);
  place_preassigned(round);
  place_queued(round);
  tell_reasons(round);
  return plan;
}

std::optional<Time> Scheduler::next_deadline() const {
  if (!queue_.empty() || !roomier_.empty() || !preassigned_due_.empty() || !stopped_.empty()) {
    return Time{};
  }
  if (telling_.empty()) return std::nullopt;
  return telling_.begin()->first;
}

void Scheduler::end_stopped(Round& round) {
  while (!stopped_.empty() && !round.full()) {
    const auto stored = round.tables.tasks().get(*stopped_.begin());
    stopped_.erase(stopped_.begin());
    if (!is_pending(stored) || wants_node(*stored)) continue;
    Task task = *stored;
    task.status.state = TaskState::Shutdown;
    task.status.timestamp = round.now;
    task.status.message = "shutdown";
    task.status.error.clear();
    round.plan.update_tasks.push_back(std::move(task));
  }
}

// Blocked groups look at the nodes that changed, and only at those.
void Scheduler::look_again(const Round& round) {
  if (roomier_.empty()) return;
  const std::set<GroupKey> blocked = blocked_;
  for (const GroupKey& key : blocked) {
    Group& group = groups_.at(key);
    if (recheck(key, group, round)) requeue(key, group);
  }
  roomier_.clear();
}

// True when a node is fit now.
bool Scheduler::recheck(const GroupKey& key, Group& group, const Round& round) {
  const auto sample = round.tables.tasks().get(*group.waiting.begin());
  if (!sample) return true;  // Its removal is on the way; place_queued() finds another.
  pipeline_.set_task(*sample);
  const auto& active = nodes_.active_of(key.service);
  bool changed = false;
  for (const Place place : roomier_) {
    Refusal refusal = kNoNode;
    if (nodes_.exists(place)) {
      const auto count = active.find(place);
      refusal = pipeline_.check(nodes_.at(place), count == active.end() ? 0 : count->second);
    }
    if (refusal == kPasses) return true;
    changed |= group.blocked->set(place, refusal);
  }
  if (changed) set_reason(key, group, pipeline_.explain(group.blocked->counts), round.now);
  return false;
}

void Scheduler::place_queued(Round& round) {
  while (!queue_.empty() && !round.full()) {
    const GroupKey key = queue_.front();
    queue_.pop_front();
    const auto at = groups_.find(key);
    if (at == groups_.end() || !at->second.queued) continue;
    Group& group = at->second;
    group.queued = false;
    while (!group.waiting.empty()) {
      const auto sample = round.tables.tasks().get(*group.waiting.begin());
      if (sample && wants_node(*sample) && !sample->node_id) {
        place_group(key, group, *sample, round);
        break;
      }
      group.waiting.erase(group.waiting.begin());  // A change of it is on the way.
    }
    if (group.waiting.empty()) {
      if (group.tell_at) telling_.erase({*group.tell_at, key});
      groups_.erase(at);
    }
  }
}

void Scheduler::place_group(const GroupKey& key, Group& group, const Task& sample, Round& round) {
  Refusals refusals;
  SpreadTree tree = survey(key, sample, refusals, round.now);
  Place place = 0;
  auto next = group.waiting.begin();
  while (next != group.waiting.end() && !round.full() && tree.best(place)) {
    const auto task = round.tables.tasks().get(*next);
    if (task && wants_node(*task) && !task->node_id) {
      place_on(key, *task, nodes_.at(place), tree, refusals, round);
    }
    if (!group.untold.empty()) group.untold.erase(*next);
    next = group.waiting.erase(next);
  }
  if (next == group.waiting.end()) return;
  if (round.full()) {
    requeue(key, group);
  } else {
    block(key, group, sample, std::move(refusals), round);
  }
}

SpreadLeaves& Scheduler::leaves_for(const model::TaskSpec& spec) {
  static const std::vector<std::string> kNoPreference;
  const auto& descriptors = spec.placement ? spec.placement->spread : kNoPreference;
  const auto known = spreads_.find(descriptors);
  if (known != spreads_.end()) return known->second;
  if (spreads_.size() >= kSpreadsMax) spreads_.clear();
  return spreads_.try_emplace(descriptors, descriptors).first->second;
}

// Looks at every node once: those that are fit go into the tree, of the others it is noted why.
SpreadTree Scheduler::survey(const GroupKey& key, const Task& sample, Refusals& refusals,
                             Time now) {
  pipeline_.set_task(sample);
  service_tasks_.assign(nodes_.place_count(), 0);
  for (const auto& [place, count] : nodes_.active_of(key.service)) service_tasks_[place] = count;
  refusals.by_place.assign(nodes_.place_count(), kNoNode);
  SpreadTree tree(leaves_for(*sample.spec));
  for (NodeInfo* info : nodes_.ordered()) {
    const uint32_t count = service_tasks_[info->place];
    const Refusal refusal = pipeline_.check(*info, count);
    refusals.set(info->place, refusal);
    if (refusal == kPasses) {
      tree.add_fit_node(*info, count, load_of(info->penalty(key, now), count, info->active_tasks));
    } else {
      tree.add_node(*info, count);
    }
  }
  tree.finish();
  return tree;
}

void Scheduler::place_on(const GroupKey& key, const Task& task, NodeInfo& info, SpreadTree& tree,
                         Refusals& refusals, Round& round) {
  assign(task, info, "scheduler assigned task to node", round);
  const uint32_t count = ++service_tasks_[info.place];
  const Refusal refusal = pipeline_.check_again(info, count);
  if (refusal == kPasses) {
    tree.placed(load_of(info.penalty(key, round.now), count, info.active_tasks));
  } else {
    refusals.set(info.place, refusal);
    tree.placed_last();
  }
}

void Scheduler::assign(Task task, NodeInfo& info, std::string_view message, Round& round) {
  task.node_id = info.node->id;
  task.status.state = TaskState::Assigned;
  task.status.timestamp = round.now;
  task.status.message = message;
  task.status.error.clear();
  if (task.spec->resources && !task.spec->resources->reservations.generic.empty()) {
    model::GenericResources left = info.generic;
    task.assigned_generic = model::claim_generic(left, task.spec->resources->reservations.generic);
  }
  nodes_.claim(info, task);
  round.plan.update_tasks.push_back(std::move(task));
}

// A container that a user has made is there already, and the node's load is his concern.
Refusal Scheduler::check_preassigned(const Task& task, const NodeInfo& info) {
  if (model::is_attachment(task)) return kPasses;
  pipeline_.set_task(task);
  const auto& active = nodes_.active_of(task.service_id);
  const auto count = active.find(info.place);
  return pipeline_.check(info, count == active.end() ? 0 : count->second);
}

void Scheduler::place_preassigned(Round& round) {
  while (!preassigned_due_.empty() && !round.full()) {
    const auto task = round.tables.tasks().get(*preassigned_due_.begin());
    preassigned_due_.erase(preassigned_due_.begin());
    if (!task || !wants_node(*task) || !task->node_id) continue;
    NodeInfo* info = nodes_.find(task->node_id);
    RefusalCounts counts{};
    if (info) {
      const Refusal refusal = check_preassigned(*task, *info);
      if (refusal == kPasses) {
        assign(*task, *info, "scheduler confirmed task can run on preassigned node", round);
        continue;
      }
      counts[refusal] = 1;
    }
    preassigned_waiting_[task->node_id].insert(task->id);
    tell(*task, pipeline_.explain(counts), round);
  }
}

void Scheduler::block(const GroupKey& key, Group& group, const Task& sample, Refusals refusals,
                      const Round& round) {
  pipeline_.set_task(sample);
  group.blocked = std::move(refusals);
  blocked_.insert(key);
  set_reason(key, group, pipeline_.explain(group.blocked->counts), round.now);
}

void Scheduler::set_reason(const GroupKey& key, Group& group, std::string reason, Time now) {
  if (reason != group.reason) {
    group.reason = std::move(reason);
    group.untold = group.waiting;
    const bool first = !group.told_at.is_set();
    tell_later(key, group, first ? now : std::max(now, group.told_at + kReasonPause));
  } else if (!group.untold.empty() && !group.tell_at) {
    tell_later(key, group, now);
  }
}

// At the earlier of the two, when there is a time already.
void Scheduler::tell_later(const GroupKey& key, Group& group, Time at) {
  if (group.tell_at) {
    if (*group.tell_at <= at) return;
    telling_.erase({*group.tell_at, key});
  }
  group.tell_at = at;
  telling_.insert({at, key});
}

void Scheduler::tell_reasons(Round& round) {
  while (!telling_.empty() && telling_.begin()->first <= round.now && !round.full()) {
    const GroupKey key = telling_.begin()->second;
    Group& group = groups_.at(key);
    while (!group.untold.empty() && !round.full()) {
      const auto task = round.tables.tasks().get(*group.untold.begin());
      group.untold.erase(group.untold.begin());
      if (task && wants_node(*task) && !task->node_id) tell(*task, group.reason, round);
    }
    if (!group.untold.empty()) return;
    telling_.erase(telling_.begin());
    group.tell_at.reset();
    group.told_at = round.now;
  }
}

void Scheduler::tell(const Task& task, const std::string& reason, Round& round) {
  if (task.status.error == reason) return;
  Task told = task;
  told.status.error = reason;
  told.status.timestamp = round.now;
  round.plan.update_tasks.push_back(std::move(told));
}

}  // namespace shoal::scheduler

#include "rebalancer/planner.h"

#include <algorithm>

#include "orchestrator/slot.h"

namespace shoal::rebalancer {
namespace {

using model::Ref;
using model::Task;
using model::TaskState;
using scheduler::NodeInfo;
using scheduler::NodeSet;
using scheduler::Place;

bool starts_first(const model::Service& service) {
  return service.spec.update && service.spec.update->order == model::UpdateOrder::StartFirst;
}

bool is_in_order(const Task& task) {
  return task.status.state == TaskState::Running && task.desired_state == TaskState::Running;
}

scheduler::SpreadLeaves leaves_of(const model::Service& service) {
  const auto& placement = service.spec.task->placement;
  return scheduler::SpreadLeaves(placement ? placement->spread : std::vector<std::string>{});
}

}  // namespace

Planner::Planner(const store::Tables& tables, Ref<model::Service> service)
    : service_(std::move(service)), starts_first_(starts_first(*service_)) {
  sample_.service_id = service_->id;
  sample_.slot = 1;
  sample_.spec = service_->spec.task;
  sample_.spec_version = service_->spec_version;
  sample_.endpoint = service_->endpoint;
  std::set<uint64_t> fixed;
  for (const Ref<Task>& task : tables.tasks().by_service(service_->id)) {
    const bool moved =
        service_->is_rebalancing() && task->meta.created_at >= service_->rebalance->started_at;
    if (moved) fixed.insert(task->slot);
    if (!orchestrator::is_live(*task)) continue;
    const bool alone = tasks_.emplace(task->slot, task).second;
    if (!alone || !is_in_order(*task)) fixed.insert(task->slot);
  }
  for (const uint64_t slot : fixed) tasks_.erase(slot);
  for (const auto& [slot, task] : tasks_) movable_[task->node_id].insert(slot);
}

std::optional<Move> Planner::next(NodeSet& nodes, Time now) {
  survey(nodes);
  for (const Place from : candidates(nodes)) {
    const std::optional<Place> to = choice_without(from, nodes, now);
    if (!to || !improves(from, *to, nodes)) continue;
    const model::NodeId& source = nodes.at(from).node->id;
    const uint64_t slot = *movable_.at(source).rbegin();
    return Move{slot, tasks_.at(slot)->id, source, nodes.at(*to).node->id};
  }
  return std::nullopt;
}

void Planner::assume(const Move& move, NodeSet& nodes) {
  nodes.forget(move.from, move.task);
  Task twin = *tasks_.at(move.slot);
  twin.node_id = move.to;
  twin.spec = sample_.spec;
  twin.endpoint = sample_.endpoint;
  NodeInfo& info = *nodes.find(move.to);
  twin.assigned_generic.clear();
  if (twin.spec->resources) {
    model::GenericResources left = info.generic;
    twin.assigned_generic = model::claim_generic(left, twin.spec->resources->reservations.generic);
  }
  nodes.claim(info, twin);
  tasks_.erase(move.slot);
  movable_.at(move.from).erase(move.slot);
}

void Planner::survey(const NodeSet& nodes) {
  leaves_.emplace(leaves_of(*service_));
  counts_.assign(nodes.place_count(), 0);
  for (const auto& [place, count] : nodes.active_of(service_->id)) counts_[place] = count;
  fits_.assign(nodes.place_count(), false);
  branches_.clear();
  pipeline_ = {};  // What it remembers of nodes may be of other ones.
  pipeline_.set_task(sample_);
  for (const NodeInfo* info : nodes.ordered()) {
    const uint32_t count = counts_[info->place];
    fits_[info->place] = pipeline_.check(*info, count) == scheduler::kPasses;
    if (count == 0) continue;
    Path branch;
    for (const std::string& label : leaves_->path(leaves_->leaf_of(*info))) {
      branch.push_back(label);
      branches_[branch] += count;
    }
  }
}

// How many tasks each branch holds that the node belongs to, outermost first, and the node itself.
std::vector<uint32_t> Planner::counts_along(const NodeInfo& info) {
  std::vector<uint32_t> counts;
  Path branch;
  for (const std::string& label : leaves_->path(leaves_->leaf_of(info))) {
    branch.push_back(label);
    const auto at = branches_.find(branch);
    counts.push_back(at == branches_.end() ? 0 : at->second);
  }
  counts.push_back(counts_[info.place]);
  return counts;
}

// Of every branch that node which can give and stands in the fullest branches; from the fullest on.
// The others of a branch have no better reason to give than that one.
std::vector<Place> Planner::candidates(NodeSet& nodes) {
  std::vector<const NodeInfo*> givers;
  for (const auto& [id, slots] : movable_) {
    const NodeInfo* info = nodes.find(id);
    if (info && info->ready && !slots.empty()) givers.push_back(info);
  }
  std::map<Place, std::vector<uint32_t>> keys;
  for (const NodeInfo* info : givers) keys[info->place] = counts_along(*info);
  std::ranges::stable_sort(givers, [&](const NodeInfo* a, const NodeInfo* b) {
    return keys[a->place] > keys[b->place];
  });
  std::vector<Place> chosen;
  std::set<Path> represented;
  for (const NodeInfo* info : givers) {
    Path branch;
    bool first = represented.insert(branch).second;
    for (const std::string& label : leaves_->path(leaves_->leaf_of(*info))) {
      branch.push_back(label);
      first |= represented.insert(branch).second;
    }
    if (first) chosen.push_back(info->place);
  }
  return chosen;
}

// Where the scheduler would put a task that follows one on `from`: stop-first, that one's place is
// free by then.
std::optional<Place> Planner::choice_without(Place from, const NodeSet& nodes, Time now) {
  scheduler::SpreadTree tree(*leaves_);
  const scheduler::GroupKey group{service_->id, service_->spec_version};
  for (const NodeInfo* info : nodes.ordered()) {
    const bool gives = !starts_first_ && info->place == from;
    const uint32_t count = counts_[info->place] - gives;
    if (fits_[info->place] || gives) {
      const uint32_t active = info->active_tasks - gives;
      tree.add_fit_node(*info, count, scheduler::load_of(info->penalty(group, now), count, active));
    } else {
      tree.add_node(*info, count);
    }
  }
  tree.finish();
  Place to = 0;
  return tree.best(to) ? std::optional(to) : std::nullopt;
}

bool Planner::improves(Place from, Place to, NodeSet& nodes) {
  const NodeInfo& giver = nodes.at(from);
  const NodeInfo& taker = nodes.at(to);
  if (from == to) return false;
  const Path& given = leaves_->path(leaves_->leaf_of(giver));
  const Path& taken = leaves_->path(leaves_->leaf_of(taker));
  const size_t level = size_t(std::ranges::mismatch(given, taken).in1 - given.begin());
  return counts_along(giver)[level] >= counts_along(taker)[level] + 2;
}

}  // namespace shoal::rebalancer

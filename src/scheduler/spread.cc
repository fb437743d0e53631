#include "scheduler/spread.h"

#include <algorithm>

#include "base/check.h"
#include "model/constraint.h"

namespace shoal::scheduler {
namespace {

constexpr int kCountBits = 28;
constexpr uint64_t kCountMax = (uint64_t{1} << kCountBits) - 1;
constexpr uint64_t kPenaltyMax = 0xff;

// Lets the front of a min-heap sink to where it belongs after it grew.
template <class T, class Less>
void sink_front(std::vector<T>& heap, Less less) {
  size_t at = 0;
  T moving = std::move(heap[0]);
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= heap.size()) break;
    if (child + 1 < heap.size() && less(heap[child + 1], heap[child])) ++child;
    if (!less(heap[child], moving)) break;
    heap[at] = std::move(heap[child]);
    at = child;
  }
  heap[at] = std::move(moving);
}

template <class T, class Less>
void pop_front(std::vector<T>& heap, Less less) {
  heap[0] = std::move(heap.back());
  heap.pop_back();
  if (!heap.empty()) sink_front(heap, less);
}

template <class T, class Less>
void make_min_heap(std::vector<T>& heap, Less less) {
  std::ranges::make_heap(heap, [&](const T& a, const T& b) { return less(b, a); });
}

}  // namespace

uint64_t load_of(uint32_t penalty, uint32_t service_tasks, uint32_t active_tasks) {
  return std::min<uint64_t>(penalty, kPenaltyMax) << (2 * kCountBits) |
         std::min<uint64_t>(service_tasks, kCountMax) << kCountBits |
         std::min<uint64_t>(active_tasks, kCountMax);
}

SpreadLeaves::SpreadLeaves(const std::vector<std::string>& descriptors) {
  const model::Node any;
  for (const std::string& descriptor : descriptors) {
    if (model::spread_value(descriptor, any)) descriptors_.push_back(descriptor);
  }
}

uint32_t SpreadLeaves::leaf_of(const NodeInfo& info) {
  if (info.place >= by_place_.size()) by_place_.resize(info.place + 1, 0);
  uint32_t& known = by_place_[info.place];
  if (known == 0) {
    Path path;
    for (const std::string& descriptor : descriptors_) {
      path.push_back(*model::spread_value(descriptor, *info.node));
    }
    const auto [at, fresh] = numbers_.try_emplace(std::move(path), uint32_t(paths_.size()));
    if (fresh) paths_.push_back(&at->first);
    known = at->second + 1;
  }
  return known - 1;
}

void SpreadLeaves::forget_node(Place place) {
  if (place < by_place_.size()) by_place_[place] = 0;
}

SpreadTree::Branch& SpreadTree::branch_of(const NodeInfo& info) {
  const uint32_t leaf = leaves_.leaf_of(info);
  if (leaf >= by_leaf_.size()) by_leaf_.resize(leaves_.size(), nullptr);
  if (!by_leaf_[leaf]) {
    Branch* branch = &root_;
    for (const std::string& label : leaves_.path(leaf)) {
      auto& child = branch->by_label[label];
      if (!child) child = std::make_unique<Branch>();
      branch = child.get();
    }
    by_leaf_[leaf] = branch;
  }
  return *by_leaf_[leaf];
}

void SpreadTree::add_node(const NodeInfo& info, uint32_t service_tasks) {
  if (service_tasks > 0) branch_of(info).tasks += service_tasks;
}

void SpreadTree::add_fit_node(const NodeInfo& info, uint32_t service_tasks, uint64_t load) {
  Branch& branch = branch_of(info);
  branch.tasks += service_tasks;
  branch.candidates.push_back({load, next_rank_++, info.place});
}

namespace {
constexpr auto kFewerTasks = [](const auto* a, const auto* b) {
  return a->tasks != b->tasks ? a->tasks < b->tasks : a->rank < b->rank;
};
}  // namespace

void SpreadTree::finish() {
  finish(root_);
}

void SpreadTree::finish(Branch& branch) {
  uint32_t rank = 0;
  for (auto& [label, child] : branch.by_label) {
    child->rank = rank++;
    finish(*child);
    branch.tasks += child->tasks;
    branch.open.push_back(child.get());
  }
  make_min_heap(branch.open, kFewerTasks);
  make_min_heap(branch.candidates, std::less<>{});
}

// Drops full branches from the front, so that following the fronts leads to a node.
bool SpreadTree::find_room(Branch& branch) {
  if (!branch.candidates.empty()) return true;
  while (!branch.open.empty()) {
    if (find_room(*branch.open.front())) return true;
    pop_front(branch.open, kFewerTasks);
  }
  return false;
}

bool SpreadTree::best(Place& place) {
  if (!find_room(root_)) return false;
  path_.clear();
  Branch* branch = &root_;
  while (!branch->open.empty()) {
    branch = branch->open.front();
    path_.push_back(branch);
  }
  place = branch->candidates.front().place;
  return true;
}

void SpreadTree::count_placed() {
  Branch* parent = &root_;
  for (Branch* branch : path_) {
    ++branch->tasks;
    sink_front(parent->open, kFewerTasks);
    parent = branch;
  }
}

void SpreadTree::placed(uint64_t load) {
  auto& candidates = (path_.empty() ? root_ : *path_.back()).candidates;
  candidates.front().load = load;
  sink_front(candidates, std::less<>{});
  count_placed();
}

void SpreadTree::placed_last() {
  pop_front((path_.empty() ? root_ : *path_.back()).candidates, std::less<>{});
  count_placed();
}

}  // namespace shoal::scheduler

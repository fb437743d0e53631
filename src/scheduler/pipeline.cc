#include "scheduler/pipeline.h"

#include <algorithm>

#include "base/check.h"

namespace shoal::scheduler {

Pipeline::Pipeline() : filters_(make_filters()) {
  CHECK(filters_.size() <= kFiltersMax);
}

void Pipeline::set_task(const model::Task& task) {
  asked_.clear();
  asked_again_.clear();
  for (size_t i = 0; i < filters_.size(); ++i) {
    if (!filters_[i]->set_task(task)) continue;
    asked_.push_back(Refusal(i));
    if (filters_[i]->depends_on_tasks()) asked_again_.push_back(Refusal(i));
  }
}

Refusal Pipeline::check(const NodeInfo& info, uint32_t service_tasks) const {
  for (const Refusal i : asked_) {
    if (!filters_[i]->passes(info, service_tasks)) return i;
  }
  return kPasses;
}

Refusal Pipeline::check_again(const NodeInfo& info, uint32_t service_tasks) const {
  for (const Refusal i : asked_again_) {
    if (!filters_[i]->passes(info, service_tasks)) return i;
  }
  return kPasses;
}

void Pipeline::forget_node(Place place) {
  for (const auto& filter : filters_) filter->forget_node(place);
}

std::string Pipeline::explain(const RefusalCounts& counts) const {
  std::vector<size_t> order;
  for (size_t i = 0; i < filters_.size(); ++i) {
    if (counts[i] > 0) order.push_back(i);
  }
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return counts[a] > counts[b]; });
  std::string reasons;
  for (const size_t i : order) {
    if (!reasons.empty()) reasons += "; ";
    reasons += filters_[i]->explain(counts[i]);
  }
  return reasons.empty() ? "no suitable node" : "no suitable node (" + reasons + ")";
}

}  // namespace shoal::scheduler

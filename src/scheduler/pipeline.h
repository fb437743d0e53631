// The filters in a row: the first that rejects a node is the reason why it is not taken.
#pragma once

#include <array>
#include <string>

#include "scheduler/filters.h"

namespace shoal::scheduler {

// Which filter rejected a node: its position, or one of these.
using Refusal = uint8_t;
inline constexpr Refusal kPasses = 0xff;
inline constexpr Refusal kNoNode = 0xfe;  // there is no node at that place
inline constexpr size_t kFiltersMax = 16;

// Rejected nodes by filter.
using RefusalCounts = std::array<uint32_t, kFiltersMax>;

class Pipeline {
 public:
  Pipeline();

  // Everything below is about this task and those like it. The task must outlive its use.
  void set_task(const model::Task& task);
  // The first filter that rejects the node, or kPasses.
  Refusal check(const NodeInfo& info, uint32_t service_tasks) const;
  // The same for a node that passed before the last task was placed on it.
  Refusal check_again(const NodeInfo& info, uint32_t service_tasks) const;

  // What was remembered about the node at this place no longer holds.
  void forget_node(Place place);

  // "no suitable node (a; b)", the filter that rejected most nodes first; equal ones in the order
  // of the filters. "no suitable node" when there are no nodes at all.
  std::string explain(const RefusalCounts& counts) const;

 private:
  std::vector<std::unique_ptr<Filter>> filters_;
  std::vector<Refusal> asked_;        // positions of those that apply to the task
  std::vector<Refusal> asked_again_;  // of these, those that depend on tasks
};

}  // namespace shoal::scheduler

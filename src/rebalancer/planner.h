// Which tasks of a service to move so that it is spread evenly over its nodes.
//
// The scheduler decides where a replacement goes; the planner asks the scheduler's own parts where
// that would be (filters, spread preferences, failures, load) and takes a move only when the spread
// becomes better by it. Better: at the outermost level of the placement preferences, or in the end
// of the nodes, at which the two places differ, the one that gives had at least two tasks more than
// the one that gets. Every move makes the sum of the squared counts at that level smaller and
// leaves those above alone, so that any sequence of moves ends.
//
// Of the nodes only those give that take tasks themselves: what runs on a paused one stays, what is
// on a drained or lost one is the restart supervisor's. Of a node's tasks the highest slot goes.
//
// Pure: nothing is changed but by assume(), in the caller's picture.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "scheduler/pipeline.h"
#include "scheduler/spread.h"
#include "store/tables.h"

namespace shoal::rebalancer {

struct Move {
  uint64_t slot = 0;
  model::TaskId task;  // the one that runs there now
  model::NodeId from;
  model::NodeId to;

  bool operator==(const Move&) const = default;
};

class Planner {
 public:
  // Reads the service's tasks. Those of its rebalance, when one is under way, and every slot that
  // is not in order stay where they are.
  Planner(const store::Tables& tables, model::Ref<model::Service> service);

  // The next move; none when the spread cannot be made better. Costs what looking at all nodes
  // does.
  std::optional<Move> next(scheduler::NodeSet& nodes, Time now);
  // As if the move were done, in `nodes` too. Its slot does not move again.
  void assume(const Move& move, scheduler::NodeSet& nodes);

 private:
  using Place = scheduler::Place;
  using Path = scheduler::SpreadLeaves::Path;

  void survey(const scheduler::NodeSet& nodes);
  std::vector<Place> candidates(scheduler::NodeSet& nodes);
  std::vector<uint32_t> counts_along(const scheduler::NodeInfo& info);
  std::optional<Place> choice_without(Place from, const scheduler::NodeSet& nodes, Time now);
  bool improves(Place from, Place to, scheduler::NodeSet& nodes);

  model::Ref<model::Service> service_;
  bool starts_first_;
  model::Task sample_;  // what a replacement would be
  std::map<model::NodeId, std::set<uint64_t>> movable_;
  std::map<uint64_t, model::Ref<model::Task>> tasks_;  // of the movable slots
  scheduler::Pipeline pipeline_;
  // Of the survey under way, by place.
  std::optional<scheduler::SpreadLeaves> leaves_;
  std::vector<uint32_t> counts_;  // active tasks of the service
  std::vector<bool> fits_;
  std::map<Path, uint32_t> branches_;  // the same, of every branch
};

}  // namespace shoal::rebalancer

// Keeps one task of each global service on every node that it belongs to: not down, not drained,
// meeting the service's constraints (semantics 2.4). A paused node keeps what it has and gets
// nothing. A node that leaves these rules has its tasks told to stop, and nothing takes their place
// elsewhere; one that comes back to them gets its task again. The tasks of a service or a node that
// is gone are sent away.
//
// A task that ended on a node to which it belongs is the restart supervisor's (restart.h). Where
// the restart policy gave up, the slot stays dead; that a node comes back is no restart and fills a
// slot whose task was told to stop.
//
// Work: a changed service is looked at on every node, a changed node for every global service, both
// a piece at a time; task events cost nothing.
//
// Invariant: a task that exists is never changed but in its desired state.
// Thread: the control thread. The shape of the class is explained in store/plan.h.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "orchestrator/node_fit.h"
#include "orchestrator/slot.h"
#include "store/plan.h"

namespace shoal::orchestrator {

// Pairs of service and node that one plan looks at, so that it takes no longer when nothing is to
// be done. A plan may be empty and the loop still due.
inline constexpr size_t kPairsMax = 1'000;

class GlobalLoop {
 public:
  // `rng` makes the ids of new tasks and must outlive the loop.
  explicit GlobalLoop(Rng& rng) : rng_(rng) {}

  void reset(const store::Tables& tables);
  void on_batch(const store::Batch& batch);
  store::Plan plan(const store::Tables& tables, Time now);
  std::optional<Time> next_deadline() const;

 private:
  // What all tasks of a service share, and its constraints, as read from one spec.
  struct Known {
    model::Ref<model::TaskSpec> spec;
    std::optional<Constraints> constraints;
    model::Ref<model::Annotations> annotations;
  };
  // A call of plan().
  struct Round {
    const store::Tables& tables;
    Time now;
    store::Plan& plan;
    size_t pairs = 0;

    bool full() const { return plan.size() >= store::kPlanChangesMax || pairs >= kPairsMax; }
  };

  void on_service(const model::Ref<model::Service>& before,
                  const model::Ref<model::Service>& after);
  void on_node(const model::Ref<model::Node>& before, const model::Ref<model::Node>& after);
  void list_leaving(const store::Tables& tables);
  void send_away(Round& round);
  void visit_dirty_nodes(Round& round);
  void visit_dirty_services(Round& round);
  bool visit_nodes(const model::ServiceId& id, model::NodeId& reached, Round& round);
  bool visit_services(const model::NodeId& id, model::ServiceId& reached, Round& round);
  void visit(const model::Service& service, const model::Node& node, Round& round);
  const Known& know(const model::Service& service);

  Rng& rng_;
  std::map<model::ServiceId, Known> services_;  // the global ones
  // What is left to look at, and how far that has come: the first of the others not visited.
  std::map<model::ServiceId, model::NodeId> dirty_services_;
  std::map<model::NodeId, model::ServiceId> dirty_nodes_;
  std::set<model::ServiceId> gone_services_;
  std::set<model::NodeId> gone_nodes_;
  std::set<model::TaskId> leaving_;  // tasks of these
};

}  // namespace shoal::orchestrator

// Takes tasks off nodes that no longer fit them: a label, the role, an address or the platform
// changed so that a constraint of the service is not met any more, or the node has less than its
// tasks reserved. Such a task becomes REJECTED; what follows is the restart supervisor's, and the
// agent stops the container when it hears of that.
//
// Only active nodes are looked at, when something of theirs changed that can matter: a paused node
// keeps its tasks and a drained or lost one has none to keep. A change of the constraints
// themselves is an update of the service and not looked at here.
//
// Thread: the control thread. The shape of the class is explained in store/plan.h.
#pragma once

#include <optional>
#include <set>

#include "orchestrator/slot.h"
#include "store/plan.h"

namespace shoal::orchestrator {

class ConstraintEnforcer {
 public:
  void reset(const store::Tables& tables);
  void on_batch(const store::Batch& batch);
  store::Plan plan(const store::Tables& tables, Time now);
  std::optional<Time> next_deadline() const;

 private:
  std::set<model::NodeId> dirty_;
};

}  // namespace shoal::orchestrator

// Keeps each replicated service at its number of occupied slots: creates tasks in the lowest free
// slots, takes slots away in the documented order, and sends away the tasks of one that is gone.
// What happens inside an occupied slot is the restart supervisor's (restart.h).
//
// A service is looked at as a whole only when it is written; the resulting list of slots is then
// worked off in chunks. Task events cost nothing here.
//
// Invariant: a task that exists is never changed but to desired state Remove, so that a change of
// the replica count leaves all other tasks alone.
// Thread: the control thread. The shape of the class is explained in store/plan.h.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "orchestrator/slot.h"
#include "store/plan.h"

namespace shoal::orchestrator {

// Which slots a service must gain and lose. One of the two is empty.
struct SlotChanges {
  std::vector<uint64_t> create;  // rising
  std::vector<uint64_t> remove;  // in the order in which they go

  bool operator==(const SlotChanges&) const = default;
};

// Scale up: the lowest free numbers from 1. Scale down: slots without a node first, then those
// whose task does not run, then those on the nodes that hold most copies, then the highest numbers.
// `tasks` are all tasks of the service, in slot order.
SlotChanges plan_slots(const store::TaskTable::Tasks& tasks, const model::Service& service);

class ReplicatedLoop {
 public:
  // `rng` makes the ids of new tasks and must outlive the loop.
  explicit ReplicatedLoop(Rng& rng) : rng_(rng) {}

  void reset(const store::Tables& tables);
  void on_batch(const store::Batch& batch);
  store::Plan plan(const store::Tables& tables, Time now);
  std::optional<Time> next_deadline() const;

 private:
  // What is left to do for a service, as decided at one version of it (0: it is gone).
  struct Work {
    model::Version service_version = 0;
    SlotChanges changes;
    size_t done = 0;  // of changes.create or changes.remove
    model::Ref<model::Annotations> annotations;
  };

  Work look_at(const store::Tables& tables, const model::ServiceId& id,
               const model::Ref<model::Service>& service) const;
  bool work_off(const store::Tables& tables, const model::ServiceId& id, Time now,
                store::Plan& plan);
  void create_in_slot(const store::Tables& tables, const model::Service& service, uint64_t slot,
                      const Work& work, Time now, store::Plan& plan);

  Rng& rng_;
  std::set<model::ServiceId> dirty_;
  std::map<model::ServiceId, Work> work_;  // of services in dirty_ only
};

}  // namespace shoal::orchestrator

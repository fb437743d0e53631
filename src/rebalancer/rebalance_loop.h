// Carries out the rebalances that the services ask for (model::Rebalance): one task at a time in
// the whole swarm. When every task of a service runs, its next move begins (planner.h); the restart
// supervisor lets the new task run in the service's update order (orchestrator/slot_plan.h), and
// when it runs and the old one has stopped, the next move is looked for. With none left, the
// rebalance is completed. When a task that it made ends by itself, or a task of the service has no
// node, it ends and says why.
//
// What goes on is read off the tasks (outlook.h), so that the next leader goes on with it and a
// user may scale, remove or update the service, and drain nodes, at any time. A rebalance moves
// each slot once at most, so it ends.
//
// It also begins one where the label shoal.rebalance=on-join asks for it, when a node begins to
// take tasks.
//
// Work: a rebalancing service is looked at as a whole when one of its tasks or a node changed. The
// picture of the nodes exists only while a service is rebalancing.
//
// Thread: the control thread. The shape of the class is explained in store/plan.h.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "base/rng.h"
#include "rebalancer/outlook.h"
#include "rebalancer/picture.h"
#include "rebalancer/planner.h"
#include "store/plan.h"

namespace shoal::rebalancer {

class RebalanceLoop {
 public:
  // `rng` makes the ids of new tasks and must outlive the loop.
  explicit RebalanceLoop(Rng& rng) : rng_(rng) {}

  void reset(const store::Tables& tables);
  void on_batch(const store::Batch& batch);
  store::Plan plan(const store::Tables& tables, Time now);
  std::optional<Time> next_deadline() const;

 private:
  void note(const model::Service& service);
  void on_service(const model::Ref<model::Service>& before,
                  const model::Ref<model::Service>& after);
  void on_node(const model::Ref<model::Node>& before, const model::Ref<model::Node>& after);
  void begin_on_join(const store::Tables& tables, Time now, store::Plan& plan);
  void look_at_dirty(const store::Tables& tables, Time now, store::Plan& plan);
  void move_next(const store::Tables& tables, Time now, store::Plan& plan);
  void move(const store::Tables& tables, const model::Service& service, const Move& move, Time now,
            store::Plan& plan);
  bool may_move() const;

  Rng& rng_;
  std::map<model::ServiceId, Outlook::Kind> active_;  // rebalancing, as last looked at
  std::set<model::ServiceId> dirty_;                  // of these
  std::set<model::ServiceId> on_join_;                // services with that label
  std::set<model::ServiceId> to_begin_;               // of these, since a node joined
  std::optional<Picture> picture_;
  bool picture_built_ = false;
};

}  // namespace shoal::rebalancer

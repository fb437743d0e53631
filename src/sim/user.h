// Somebody who keeps changing things: creates, scales, rebalances and removes services of both
// modes, drains, pauses, activates, relabels and removes nodes. What the manager refuses because it
// is down is not tried again.
#pragma once

#include <vector>

#include "sim/manager_host.h"

namespace shoal::sim {

class User {
 public:
  User(VirtualLoop& loop, Rng& rng, Trace& trace, ManagerHost& manager)
      : loop_(loop), rng_(rng), trace_(trace), manager_(manager) {}

  // Acts every few seconds until stop().
  void start();
  void stop() { stopped_ = true; }

  void create_service();
  void scale_service();
  void remove_service();
  // Begins a rebalance, or ends the one that goes on.
  void rebalance_service();
  // Of every replicated service.
  void rebalance_all();
  void change_node();
  // One that is no manager, as `node rm -f` does.
  void remove_node();
  // No node is paused any more, and one takes every task: then there is one right end.
  void tidy_nodes();

 private:
  void act();
  model::Service some_new_service();
  model::Ref<model::Service> some_service();

  VirtualLoop& loop_;
  Rng& rng_;
  Trace& trace_;
  ManagerHost& manager_;
  bool stopped_ = false;
  int services_made_ = 0;
};

}  // namespace shoal::sim

// Somebody who keeps changing things: creates, scales and removes services, drains, pauses,
// activates and relabels nodes. What the manager refuses because it is down is not tried again.
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
  void change_node();
  // Every node active again, and without labels.
  void activate_nodes();

 private:
  void act();
  model::Ref<model::Service> some_service();

  VirtualLoop& loop_;
  Rng& rng_;
  Trace& trace_;
  ManagerHost& manager_;
  bool stopped_ = false;
  int services_made_ = 0;
};

}  // namespace shoal::sim

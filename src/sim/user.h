// Somebody who keeps changing things: creates, scales, rebalances and removes services of both
// modes, drains, pauses, activates, relabels and removes nodes, creates and removes networks, small
// ones among them, and moves services between them. What the manager refuses because it is down is
// not tried again.
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
  void create_network();
  void remove_network();
  // Of a service: other networks, another endpoint mode, or it publishes from now on, or no more.
  void change_networks();
  // No node is paused any more, one takes every task, and no small network is asked for more
  // addresses than it has: then there is one right end.
  void tidy();
  // As tidy() leaves them, of every service.
  void remove_all_services();
  // One task more than `network` has addresses, without a virtual one. False: it did not work.
  bool fill(const model::Network& network);

 private:
  void act();
  model::Service some_new_service();
  void some_networks(model::Service& service);
  void publish_or_not(model::Service& service);
  bool is_used(const model::Network& network) const;
  static Result<void> leave_room(store::WriteTx& tx);
  model::Ref<model::Service> some_service();

  VirtualLoop& loop_;
  Rng& rng_;
  Trace& trace_;
  ManagerHost& manager_;
  bool stopped_ = false;
  int services_made_ = 0;
  int networks_made_ = 0;
};

// How many tasks a small network has addresses for, the one that tidy() leaves to each service and
// its virtual address.
inline constexpr size_t kSmallNetworkRoom = 13;
bool is_small(const model::Network& network);

}  // namespace shoal::sim

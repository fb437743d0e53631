// A whole swarm in virtual time, from a seed: one manager, some nodes, a user, faults, and the
// checkers that watch them. The same seed and options give the same run, event by event.
//
//   Swarm swarm({.seed = 7});
//   swarm.run();
//   EXPECT_TRUE(swarm.breaches().empty()) << swarm.report();
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/address_checker.h"
#include "sim/convergence.h"
#include "sim/network_checker.h"
#include "sim/slot_checker.h"
#include "sim/state_checker.h"
#include "sim/stop_checker.h"
#include "sim/user.h"

namespace shoal::sim {

struct Options {
  uint64_t seed = 1;
  size_t nodes = 5;             // for one that is removed another one joins
  Duration troubled = 4min;     // with faults and a busy user
  Duration healing_max = 6min;  // from then until everything must have converged
  Faults faults = Faults::some();
  // Runs when a leadership begins; tests plant broken loops here.
  std::function<void(manager::Control&)> on_lead;
};

class Swarm {
 public:
  explicit Swarm(Options options);
  ~Swarm();

  // Trouble, then healing, then a while of rest, then a rebalance of everything; then everything is
  // removed and must be free again. Ends early at the first breach.
  void run();

  const std::vector<std::string>& breaches() const { return trace_.breaches(); }
  // Seed, breaches and the end of the trace.
  std::string report() const;
  const Trace& trace() const { return trace_; }
  const SlotChecker& slots() const { return slots_; }
  const StopChecker& stops() const { return stops_; }
  const NetworkChecker& networks() const { return networks_; }
  const AddressChecker& addresses() const { return addresses_; }
  // Small networks that were filled in the end.
  uint64_t filled_networks() const { return filled_networks_; }
  const ManagerHost& manager() const { return manager_; }
  // How often containers started: what the run was worth.
  uint64_t container_starts() const { return container_starts_; }
  Duration time_to_converge() const { return time_to_converge_; }

 private:
  // Tells the slot checker, and counts.
  class Containers;

  void found();
  void join_if_few();
  void add_agent_soon(model::NodeId node);
  void repeat(Duration mean, std::function<void()> fault);
  void plan_faults();
  bool passes(Duration time);
  std::optional<Duration> converges();
  void heal();
  bool until(Duration most, const std::function<bool()>& condition);
  void clear_up();
  bool fill(const model::Network& network);
  AgentHost& some_agent() { return *agents_[rng_.below(agents_.size())]; }

  Options options_;
  VirtualLoop loop_;
  Rng rng_;
  Trace trace_;
  Faults faults_;
  SlotChecker slots_;
  StateChecker states_;
  StopChecker stops_;
  NetworkChecker networks_;
  AddressChecker addresses_;
  std::unique_ptr<Containers> containers_;
  ManagerHost manager_;
  User user_;
  std::vector<std::unique_ptr<AgentHost>> agents_;
  size_t nodes_made_ = 0;
  bool healed_ = false;
  uint64_t container_starts_ = 0;
  uint64_t filled_networks_ = 0;
  Duration time_to_converge_{0};
};

}  // namespace shoal::sim

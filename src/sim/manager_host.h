// One manager: an engine whose commits take time and sometimes fail, a store, and the real control
// loops. A failed commit or a crash ends the leadership; a new one loads what was durable.
//
// It hears from agents through request functions that run at once against its dispatcher, and sends
// through the `send` hook; what lies between is the link of agent_host.h.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "manager/core/control.h"
#include "sim/faults.h"
#include "sim/trace.h"
#include "store/memory_engine.h"

namespace shoal::sim {

// What the checkers see of the manager.
class ManagerObserver {
 public:
  virtual ~ManagerObserver() = default;
  // A leadership begins with what was durable.
  virtual void on_load(const store::Tables& tables) = 0;
  // A transaction became durable.
  virtual void on_batch(const store::Batch& batch) = 0;
  // A loop's plan is about to be committed on top of `tables`.
  virtual void on_plan(std::string_view loop, const store::Tables& tables,
                       const store::Plan& plan) = 0;
};

class ManagerHost {
 public:
  using Send = std::function<void(dispatcher::Outgoing)>;

  ManagerHost(VirtualLoop& loop, Rng& rng, const Faults& faults, Trace& trace, Send send);
  ~ManagerHost();

  void add_observer(ManagerObserver& observer) { observers_.push_back(&observer); }
  // Runs at every new leadership; plants loops.
  void on_lead(std::function<void(manager::Control&)> hook) { on_lead_ = std::move(hook); }

  // Loads and leads. Called once; later it comes back by itself.
  void start();
  bool is_up() const { return control_ != nullptr; }
  // The process is killed: what waits to be durable is lost, and it starts again after a while.
  void crash();
  // The leader's store; only while it is up.
  const store::Tables& read() const;

  // A user's transaction. Fails while the manager is down.
  Result<void> write(const store::Store::Write& change);
  // A call from an agent, against the leader's dispatcher. Unavailable while the manager is down.
  template <class T>
  Result<T> call(const std::function<Result<T>(dispatcher::Dispatcher&, const store::Tables&)>& f) {
    if (!is_up()) return unavailable("the manager is down");
    Result<T> result = f(control_->dispatcher(), store_->read());
    wake();
    return result;
  }

  const manager::Control* control() const { return control_.get(); }
  uint64_t leadership_count() const { return leadership_; }

 private:
  class DelayedEngine;

  void lead();
  void end_leadership(std::string_view why);
  void wake();
  void work();

  VirtualLoop& loop_;
  Rng& rng_;
  const Faults& faults_;
  Trace& trace_;
  Send send_;
  std::vector<ManagerObserver*> observers_;
  std::function<void(manager::Control&)> on_lead_;

  store::MemoryEngine disk_;
  std::unique_ptr<DelayedEngine> engine_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<manager::Control> control_;
  std::unique_ptr<store::Store::Watch> watch_;
  uint64_t leadership_ = 0;  // guards events of an earlier one
  bool woken_ = false;
  Time alarm_ = Time::max();
};

}  // namespace shoal::sim

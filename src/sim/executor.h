// The containers of one node and what an executor does with them, in virtual time: preparing and
// starting take a while and may fail, containers end by themselves, some ignore their stop signal
// until they are killed. Containers outlive the agent: detach() plays its end, found() is what the
// next one adopts.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "agent/core/executor_ops.h"
#include "sim/faults.h"
#include "sim/trace.h"

namespace shoal::sim {

// What the checkers see of a node's containers.
class ContainerObserver {
 public:
  virtual ~ContainerObserver() = default;
  virtual void on_started(const model::NodeId& node, const model::TaskId& task) = 0;
  virtual void on_ended(const model::NodeId& node, const model::TaskId& task) = 0;
};

class Executor {
 public:
  using Answer = std::function<void(agent::Outcome)>;

  Executor(model::NodeId node, VirtualLoop& loop, Rng& rng, const Faults& faults, Trace& trace,
           ContainerObserver& observer);

  // Where outcomes go from now on.
  void attach(Answer answer);
  // The agent is gone: what was under way stops half way or still happens, unheard.
  void detach();
  // Everything that runs is gone, as after a loss of power.
  void lose_power();
  std::vector<agent::FoundContainer> found() const;

  void run(const agent::Operation& operation);

  std::vector<model::TaskId> running() const;
  size_t container_count() const { return containers_.size(); }

 private:
  struct Container {
    agent::FoundContainer::Condition condition = agent::FoundContainer::Condition::Created;
    model::ContainerStatus status;
    uint64_t life = 0;  // names this start of it, for its exit event
  };

  void prepare(const model::TaskId& id, uint64_t ticket);
  void start(const model::TaskId& id, uint64_t ticket);
  void stop(const model::TaskId& id, uint64_t ticket);
  void remove(const model::TaskId& id, uint64_t ticket);
  void end(const model::TaskId& id, Container& container, int64_t code);
  void plan_exit(const model::TaskId& id, uint64_t life);
  void later(const model::TaskId& id, uint64_t ticket, Duration most, std::function<void()> action);
  void tell(const model::TaskId& id, decltype(agent::Outcome::result) result);
  void fail(const model::TaskId& id, agent::OperationKind kind, std::string error, bool temporary);

  model::NodeId node_;
  VirtualLoop& loop_;
  Rng& rng_;
  const Faults& faults_;
  Trace& trace_;
  ContainerObserver& observer_;
  Answer answer_;
  std::map<model::TaskId, Container> containers_;
  std::map<model::TaskId, uint64_t> under_way_;  // the newest operation of each task
  uint64_t tickets_ = 0;
};

}  // namespace shoal::sim

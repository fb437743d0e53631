// Order of states and writers: what became durable never goes back, the observed and the desired
// state of a task only rise, what makes a task what it is never changes, no task is deleted that
// may run, and every field is written by the loop that it belongs to (the table of
// ARCHITECTURE.md).
#pragma once

#include <map>
#include <set>

#include "sim/manager_host.h"

namespace shoal::sim {

class StateChecker final : public ManagerObserver {
 public:
  explicit StateChecker(Trace& trace) : trace_(trace) {}

  void on_load(const store::Tables& tables) override;
  void on_batch(const store::Batch& batch) override;
  void on_plan(std::string_view loop, const store::Tables& tables,
               const store::Plan& plan) override;

 private:
  void check_step(const model::Task& before, const model::Task& after);
  void check_removal(const model::Task& before);
  void check_writer(std::string_view loop, const model::Task& before, const model::Task& after);
  void check_node_writer(std::string_view loop, const model::Node& before,
                         const model::Node& after);

  Trace& trace_;
  model::Version version_ = 0;
  std::map<model::TaskId, model::Ref<model::Task>> tasks_;  // as durable
  std::set<model::TaskId> removed_;
};

}  // namespace shoal::sim

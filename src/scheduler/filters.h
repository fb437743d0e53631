// The filters: each one rejects nodes for one reason, and can say so.
//
// A new filter is a class in filters.cc and a line in make_filters(), at its place in the
// documented order (semantics 2.5); everything else follows from there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "scheduler/node_set.h"

namespace shoal::scheduler {

class Filter {
 public:
  virtual ~Filter() = default;

  // Looks at what the task asks for and keeps what passes() needs; the task must outlive its use.
  // False when the filter has nothing to check for it.
  virtual bool set_task(const model::Task& task) = 0;
  // Whether the node is fit. `service_tasks`: active tasks of the task's service on it.
  virtual bool passes(const NodeInfo& info, uint32_t service_tasks) const = 0;
  // Whether a task placed on a node can change the answer for the next one.
  virtual bool depends_on_tasks() const { return false; }
  // The node at this place is another one now, or was changed: forget answers about it.
  virtual void forget_node(Place) {}
  // Why `nodes` (at least one) were rejected, in Docker's words.
  virtual std::string explain(size_t nodes) const = 0;
};

// In the order in which they are asked: Ready, Resource, Plugin, ShoalNode, Constraint, Platform,
// HostPort, MaxReplicas.
std::vector<std::unique_ptr<Filter>> make_filters();

}  // namespace shoal::scheduler

// What a node is to the tasks of a service: the rules on which the global orchestrator, the restart
// supervisor and the constraint enforcer agree (semantics 2.4).
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "model/constraint.h"
#include "model/service.h"

namespace shoal::orchestrator {

// What `docker service ps` shows of a task that was taken off a node which no longer fits it.
inline constexpr std::string_view kNoLongerMeets = "assigned node no longer meets constraints";

enum class NodeFit {
  Belongs,  // a global service has one task there
  Held,     // paused: what is there stays, nothing is added or started again
  Leaves,   // gone, down, drained, or a constraint is not met: nothing stays
};

// The constraints of a service, read once. The API lets in none that cannot be read; should they be
// stored all the same (by another version), no task starts or stops because of them.
class Constraints {
 public:
  explicit Constraints(const model::TaskSpec& spec);
  bool is_readable() const { return parsed_.has_value(); }
  bool broken_by(const model::Node& node) const;

 private:
  std::optional<std::vector<model::Constraint>> parsed_;
};

// Of a node that exists or not (null).
NodeFit fit_of(const Constraints& constraints, const model::Node* node);

// The node answers, and its tasks are judged by its labels and resources. A paused one keeps its
// tasks; a drained or lost one has none to keep.
bool is_enforced(const model::Node& node);

// Something differs that can change the answer of one of the above, or be what a reservation is
// about. False for what every heartbeat changes.
bool may_matter(const model::Node& before, const model::Node& after);

}  // namespace shoal::orchestrator

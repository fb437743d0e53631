#include "orchestrator/node_fit.h"

#include <utility>

namespace shoal::orchestrator {
namespace {

using model::Availability;
using model::Node;

bool is_down(const Node& node) {
  return node.status.state == model::NodeState::Down;
}

}  // namespace

Constraints::Constraints(const model::TaskSpec& spec) {
  if (!spec.placement) {
    parsed_.emplace();
  } else if (auto parsed = model::parse_constraints(spec.placement->constraints)) {
    parsed_ = *std::move(parsed);
  }
}

bool Constraints::broken_by(const Node& node) const {
  return parsed_ && !model::matches(*parsed_, node);
}

NodeFit fit_of(const Constraints& constraints, const Node* node) {
  if (!node || is_down(*node) || node->spec.availability == Availability::Drain) {
    return NodeFit::Leaves;
  }
  if (node->spec.availability == Availability::Pause || !constraints.is_readable()) {
    return NodeFit::Held;
  }
  return constraints.broken_by(*node) ? NodeFit::Leaves : NodeFit::Belongs;
}

bool is_enforced(const Node& node) {
  return node.spec.availability == Availability::Active && !is_down(node);
}

bool may_matter(const Node& before, const Node& after) {
  return before.spec != after.spec || before.role != after.role ||
         before.description != after.description || before.status.address != after.status.address ||
         is_down(before) != is_down(after);
}

}  // namespace shoal::orchestrator

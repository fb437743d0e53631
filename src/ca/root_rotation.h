// The end of a root rotation: when every node of the swarm has a certificate of the new root, that
// one takes the old one's place (semantics 2.7).
//
// That nodes get new certificates is the dispatcher's part: it tells each that has an old one to
// renew. A node that is down holds the rotation up; removing it lets the rotation end.
//
// Pure, a control loop (store/plan.h). It writes the cluster's root, its key, its join tokens and
// the rotation. Work per batch is proportional to its changes, once per rotation to the nodes.
#pragma once

#include <optional>
#include <set>

#include "store/plan.h"

namespace shoal::ca {

class RootRotationLoop {
 public:
  void reset(const store::Tables& tables);
  void on_batch(const store::Batch& batch);
  store::Plan plan(const store::Tables& tables, Time now);
  std::optional<Time> next_deadline() const;

 private:
  void look_at(const store::Tables& tables);

  std::optional<model::RootRotation> rotation_;
  bool begun_ = false;                   // the nodes were looked at since the rotation began
  std::set<model::NodeId> waiting_for_;  // nodes with an old certificate
};

}  // namespace shoal::ca

// What a node asks of a manager for a container that a user attaches to a network of the swarm, as
// plain values (docker.swarmkit.v1.ResourceAllocator).
//
// The answer is the id of a task without a service, the attachment (TaskSpec::attachment). It comes
// to the node as an assignment, with the container's addresses in Task::networks; the node reports
// RUNNING while the container runs, and from then on other containers find it.
#pragma once

#include <string>

#include "model/service.h"

namespace shoal::model {

inline constexpr size_t kContainerIdLength = 64;

struct AttachRequest {
  NetworkAttachmentConfig network;  // the target is an id or a name
  std::string container_id;         // kContainerIdLength hexadecimal digits

  bool operator==(const AttachRequest&) const = default;
};

}  // namespace shoal::model

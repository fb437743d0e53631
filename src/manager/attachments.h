// What a node may do for the containers that its users attach to the swarm's networks, as functions
// on a write transaction: who calls is known, nothing is sent, nothing waits.
//
// An attachment is a task without a service that is on its node from the beginning
// (TaskSpec::attachment). It has its addresses from the allocator and goes its way as every task;
// detach() deletes it, and so does the reaper when it has ended or its node is gone.
#pragma once

#include "base/rng.h"
#include "model/attach_protocol.h"
#include "store/write_tx.h"

namespace shoal::manager {

// Of one node: the tables are the whole swarm's.
inline constexpr size_t kAttachmentsMax = 1024;

// Attaches a container of the node to a network. A container that is attached to it already keeps
// its attachment, whatever else is asked for: a node whose connection broke asks again.
//
// NotFound and PermissionDenied in Docker's words, for a network that is not there or is not
// attachable. InvalidArgument: what is no container's id, no alias, no address, or two addresses of
// a family. FailedPrecondition: the node is no Shoal, or has kAttachmentsMax of them, or the
// network could not be allocated. Unavailable: it is not yet.
Result<model::TaskId> attach_container(store::WriteTx& tx, const model::NodeId& node,
                                       const model::AttachRequest& request, Rng& rng);

// The container is gone from the network, or never came there: its addresses are free again.
// NotFound when there is no such attachment, PermissionDenied when it is another node's.
Result<void> detach_container(store::WriteTx& tx, const model::NodeId& node,
                              const model::TaskId& attachment);

}  // namespace shoal::manager

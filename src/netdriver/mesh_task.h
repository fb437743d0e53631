// The routing mesh's rules inside a task's own network namespace.
//
// A published port is taken in by any node and handed to a task over the ingress network without
// hiding the client's address; the task's answer must go back through the very node that took it
// in. That node's MAC address ends in its own ingress address, so its last four bytes are kept as
// the flow's mark, send answers to the ingress link, and become the destination's MAC address
// there. The rules are the same whatever nodes there are (docs/data-plane.md).
//
// Blocking; for a thread of the pool.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "network/address.h"

namespace shoal::netdriver {

struct MeshTask {
  std::string netns_path;
  std::string link;         // into the ingress network, in the task's namespace
  network::Subnet ingress;  // the task's address there, with the subnet's prefix length; IPv4
  // The task's address on the node's bridge, from which a server that is bound to no address
  // answers datagrams. Empty: it has no bridge.
  std::optional<network::IpAddress> bridge;
};

// Makes the rules, or makes them again. When it returns, answers find their way.
Result<void> prepare_mesh_task(const MeshTask& task);

}  // namespace shoal::netdriver

// PortGuards: what a container may send into its overlay network. Only frames from its own MAC
// address are let in, with its own address as the source of IP and as the sender of ARP, and
// neighbour advertisements of its own address. So nobody on its host believes that it is somebody
// else, and packets with invented sources cost no connection tracking.
//
// In one network's namespace; a table (family netdev) a port, at the port's ingress, which outlives
// the daemon. A port without a guard, because somebody removed it, is open until the next sync().
// Blocking.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "netdriver/netlink.h"
#include "network/overlay_state.h"

namespace shoal::netdriver {

class PortGuards {
 public:
  // In the calling thread's network namespace.
  static Result<PortGuards> open();

  // Guards the port, whose link is there, for this container alone.
  Result<void> put(const network::OverlayLocal& local);
  // Fine when there is none.
  Result<void> drop(const std::string& port);

  // Exactly these have a guard afterwards; the host's own link needs none. Returns the ports whose
  // guard was missing, changed, or nobody's.
  Result<std::vector<std::string>> sync(const std::vector<network::OverlayLocal>& locals);

 private:
  explicit PortGuards(NetlinkSocket socket) : socket_(std::move(socket)) {}

  NetlinkSocket socket_;
};

}  // namespace shoal::netdriver

// The seam behind which a node serves the published ports of services. Today: nftables over the
// node's local tasks; the mesh over all nodes and IPVS are further implementations.
#pragma once

#include <vector>

#include "base/result.h"
#include "network/ports.h"
#include "os/co.h"

namespace shoal::netdriver {

class Ingress {
 public:
  virtual ~Ingress() = default;

  // Makes `ports` the ports this node serves, each change of a port as one step. A port that a
  // process of the host or a container holds is left out, for retry_ports(), and the error names it
  // (ErrorCode::Conflict); all others are served all the same. One that is bound to an address that
  // this host does not have waits for it likewise, and is no error. Two entries with the same
  // protocol and port, or a port 0, are InvalidArgument and change nothing.
  //
  // A backend that is gone gets no new connection when this returns, and no more datagrams; its
  // open TCP connections go on until its container is disconnected, so that it can finish them.
  virtual os::Co<Result<void>> set_ports(std::vector<network::IngressPort> ports) = 0;

  // The same for some of them, in proportion to their number: `put` replaces or adds, `gone` (whose
  // backends do not matter) removes; ports in neither stay as they are.
  virtual os::Co<Result<void>> change_ports(std::vector<network::IngressPort> put,
                                            std::vector<network::IngressPort> gone) = 0;

  // Serves what was left out and has become free since; returns these. Some hundreds are tried in a
  // call, the next ones in the next.
  virtual os::Co<Result<std::vector<network::IngressPort>>> retry_ports() = 0;
  // These addresses answer nobody any more: open connections to them through published ports get a
  // reset with their next packet, instead of none at all. Call it once they are backends of no
  // port.
  virtual os::Co<Result<void>> end_flows_to(std::vector<network::IpAddress> servers) = 0;
};

}  // namespace shoal::netdriver

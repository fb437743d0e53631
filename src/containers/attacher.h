// Attacher: who attaches containers to overlay networks of the swarm. A container of a service
// comes with its addresses; one that a user runs by himself is attached at each start.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/container.h"
#include "os/co.h"
#include "os/sync.h"

namespace shoal::containers {

class Attacher {
 public:
  virtual ~Attacher() = default;

  // `asked` names the network (an id or a name), and perhaps an address in it; `names` are those
  // under which others find the container there. Comes back with the connection as it shall be,
  // NetworkConnection::attachment among it, once this node carries the network. Errors name the
  // reason; Cancelled on `stop`.
  virtual os::Co<Result<model::NetworkConnection>> attach(std::string container_id,
                                                          std::vector<std::string> names,
                                                          model::NetworkConnection asked,
                                                          os::StopToken stop) = 0;
  // The container has left. Also of an attachment that is gone.
  virtual void detach(const std::string& attachment) = 0;
};

}  // namespace shoal::containers

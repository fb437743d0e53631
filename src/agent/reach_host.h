// ReachHost: answers what clients of a manager ask about the containers of this node. ReachGate
// decides what is let in, the node's own API answers it; ReachCalls brings both the requests.
//
// Control thread. A host outlives every answer().
#pragma once

#include <string>

#include "base/result.h"
#include "model/reach_protocol.h"
#include "os/co.h"
#include "os/sync.h"

namespace shoal::agent {

// One request on its way through this node. Abstract, so that a host can be tested without a
// manager.
class ReachVisit {
 public:
  virtual ~ReachVisit() = default;

  // What the client sends after its request, 1 to kReachPieceMax bytes; empty when it has closed
  // its half. Cancelled when `stop` came first, or over(). One coroutine may read while another
  // writes.
  virtual os::Co<Result<std::string>> read(os::StopToken stop) = 0;
  // Nothing more will come.
  virtual bool input_ended() const = 0;
  // Returns when the manager has taken most of what was written before. An error: nobody waits for
  // the answer any more.
  virtual os::Co<Result<void>> write(model::ReachOutput output) = 0;
  // Stops when nobody does.
  virtual os::StopToken over() const = 0;
};

class ReachHost {
 public:
  virtual ~ReachHost() = default;
  // Writes a head and what follows it. An Error cuts the answer off where it is.
  virtual os::Co<Result<void>> answer(model::ReachRequest request, ReachVisit& visit) = 0;
};

}  // namespace shoal::agent

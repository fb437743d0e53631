// ReachedApi: this node's API for requests that a manager carries to it. What may come is decided
// before (agent::ReachGate); here it is a request as any other.
//
// Control thread. Lives as long as the router behind it.
#pragma once

#include "agent/reach_host.h"
#include "api/http/connection.h"
#include "base/log.h"

namespace shoal::api {

class ReachedApi final : public agent::ReachHost {
 public:
  ReachedApi(Log& log, Dispatch dispatch) : log_(log), dispatch_(std::move(dispatch)) {}

  os::Co<Result<void>> answer(model::ReachRequest request, agent::ReachVisit& visit) override;

 private:
  os::Co<Result<void>> call_handler(Request& request, Responder& responder);

  Log& log_;
  const Dispatch dispatch_;
};

}  // namespace shoal::api

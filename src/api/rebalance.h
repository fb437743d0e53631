// Shoal's own: GET and POST /shoal/v1/rebalance, POST /shoal/v1/rebalance/stop (docs/rebalance.md).
#pragma once

#include <string>
#include <vector>

#include "api/context.h"
#include "api/http/router.h"
#include "rebalancer/picture.h"
#include "rebalancer/planner.h"

namespace shoal::api {

// Moves in one answer: each costs what looking at every node does.
inline constexpr size_t kPlannedMovesMax = 1'000;

class RebalanceApi {
 public:
  explicit RebalanceApi(Context context) : context_(context) {}
  void add_routes(Router& router);

 private:
  // What one service shows: its rebalance, and with `plan` the moves that it would make now.
  struct Shown {
    model::Ref<model::Service> service;
    std::string waiting;  // for what, while it goes on
    size_t moved = 0;
    std::vector<rebalancer::Move> moves;
  };

  os::Co<Result<void>> show(Request& request, Responder& responder);
  os::Co<Result<void>> begin(Request& request, Responder& responder);
  os::Co<Result<void>> stop(Request& request, Responder& responder);

  // Changes those services, waits until that is durable and answers with how they are then.
  os::Co<Result<void>> change(std::vector<std::string> names, model::RebalanceState to,
                              Responder& responder);
  os::Co<Result<std::vector<Shown>>> look_at(std::vector<std::string> names);
  // Fills in the moves; true when there are more of them.
  os::Co<Result<bool>> plan(std::vector<Shown>& services);
  void answer(const std::vector<Shown>& services, bool truncated, bool with_moves,
              Responder& responder);

  Context context_;
};

}  // namespace shoal::api

// GET /swarm; POST /swarm/init, join, leave, update, unlock; GET /swarm/unlockkey.
#pragma once

#include "api/context.h"
#include "api/http/router.h"

namespace shoal::api {

class SwarmApi {
 public:
  explicit SwarmApi(Context context) : context_(context) {}
  void add_routes(Router& router);

 private:
  os::Co<Result<void>> init(Request& request, Responder& responder);
  os::Co<Result<void>> join(Request& request, Responder& responder);
  os::Co<Result<void>> leave(Request& request, Responder& responder);
  os::Co<Result<void>> inspect(Request& request, Responder& responder);
  os::Co<Result<void>> update(Request& request, Responder& responder);
  os::Co<Result<void>> unlock(Request& request, Responder& responder);
  os::Co<Result<void>> unlock_key(Request& request, Responder& responder);

  Context context_;
};

}  // namespace shoal::api

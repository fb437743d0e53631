// GET /nodes, /nodes/{id}; POST /nodes/{id}/update; DELETE /nodes/{id}.
#pragma once

#include "api/context.h"
#include "api/http/router.h"

namespace shoal::api {

class NodesApi {
 public:
  explicit NodesApi(Context context) : context_(context) {}
  void add_routes(Router& router);

 private:
  os::Co<Result<void>> list(Request& request, Responder& responder);
  os::Co<Result<void>> inspect(Request& request, Responder& responder);
  os::Co<Result<void>> update(Request& request, Responder& responder);
  os::Co<Result<void>> remove(Request& request, Responder& responder);

  Context context_;
};

}  // namespace shoal::api

// GET /services, /services/{id}; POST /services/create, /services/{id}/update; DELETE.
#pragma once

#include "api/context.h"
#include "api/http/router.h"
#include "codec/json_objects.h"

namespace shoal::api {

class ServicesApi {
 public:
  explicit ServicesApi(Context context) : context_(context) {}
  void add_routes(Router& router);

 private:
  os::Co<Result<void>> list(Request& request, Responder& responder);
  os::Co<Result<void>> inspect(Request& request, Responder& responder);
  os::Co<Result<void>> create(Request& request, Responder& responder);
  os::Co<Result<void>> update(Request& request, Responder& responder);
  os::Co<Result<void>> remove(Request& request, Responder& responder);

  using Counts = std::map<model::ServiceId, codec::ServiceCounts>;
  os::Co<Counts> count_tasks(const std::vector<model::Ref<model::Service>>& services);
  // A decoded and checked spec.
  os::Co<Result<model::ServiceSpec>> read_spec(Request& request);

  Context context_;
};

}  // namespace shoal::api

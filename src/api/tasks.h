// GET /tasks and /tasks/{id}.
#pragma once

#include "api/context.h"
#include "api/filters.h"
#include "api/http/router.h"

namespace shoal::api {

class TasksApi {
 public:
  explicit TasksApi(Context context) : context_(context) {}
  void add_routes(Router& router);

 private:
  os::Co<Result<void>> list(Request& request, Responder& responder);
  os::Co<Result<void>> inspect(Request& request, Responder& responder);
  // The tasks that the filters can let pass, by the narrowest index.
  os::Co<Result<store::TaskTable::Tasks>> gather(const FilterValues& filters);
  os::Co<Result<store::TaskTable::Tasks>> gather_all();

  Context context_;
};

}  // namespace shoal::api

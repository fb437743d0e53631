// The parts of Docker's API that have no handlers yet: they answer 501 and name what is missing.
#pragma once

#include "api/http/router.h"

namespace shoal::api {

void add_missing_routes(Router& router);

}  // namespace shoal::api

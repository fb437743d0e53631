// GET and HEAD /_ping: how every docker client learns the API version.
#pragma once

#include <functional>
#include <string>

#include "api/http/router.h"

namespace shoal::api {

// `swarm_state` gives the Swarm header: "inactive", "pending", "error", "locked", "active/manager"
// or "active/worker".
void add_ping(Router& router, std::function<std::string()> swarm_state);

}  // namespace shoal::api

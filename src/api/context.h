// What the handlers of the swarm's objects work with. The daemon makes one; it outlives the server.
#pragma once

#include "api/event_bus.h"
#include "api/swarm_backend.h"
#include "base/log.h"
#include "os/loop.h"

namespace shoal::api {

struct Context {
  os::Loop& loop;
  Log& log;
  SwarmBackend& swarm;
};

}  // namespace shoal::api

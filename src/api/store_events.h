// What changed in the store as events of `docker events --filter scope=swarm`.
#pragma once

#include "api/event_bus.h"
#include "store/engine.h"

namespace shoal::api {

// Posts one event for each node, service and network that the durable `batch` created, updated or
// removed, with Docker's attributes ("name", "state.old", "replicas.new" …). To be called from a
// watch of the store.
void post_changes(const store::Batch& batch, Time now, EventBus& bus);

}  // namespace shoal::api

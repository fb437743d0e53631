// GET /events: what happens, as a stream of JSON objects, for `docker events`.
#pragma once

#include "api/event_bus.h"
#include "api/filters.h"
#include "api/http/router.h"
#include "api/swarm_backend.h"
#include "os/loop.h"

namespace shoal::api {

// One event as Docker's clients read it, with a line break behind it.
std::string event_json(const Event& event);
// Docker's filters: type, event, scope, label, and container, image, service, node, network, volume
// (id, start of the id, or name).
bool event_passes(const Event& event, const FilterValues& filters);

class EventsApi {
 public:
  EventsApi(os::Loop& loop, EventBus& bus) : loop_(loop), bus_(bus) {}
  void add_routes(Router& router);

 private:
  os::Co<Result<void>> stream(Request& request, Responder& responder);

  os::Loop& loop_;
  EventBus& bus_;
};

}  // namespace shoal::api

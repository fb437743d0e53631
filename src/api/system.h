// GET /info, /version, /_ping.
#pragma once

#include <functional>

#include "api/context.h"
#include "api/http/router.h"
#include "api/system_info.h"
#include "codec/json_writer.h"

namespace shoal::api {

class SystemApi {
 public:
  SystemApi(Context context, EventBus& events, SystemFacts facts,
            std::function<SystemCounts()> counts)
      : context_(context), events_(events), facts_(std::move(facts)), counts_(std::move(counts)) {}
  void add_routes(Router& router);

 private:
  os::Co<Result<void>> info(Request& request, Responder& responder);
  os::Co<Result<void>> version(Request& request, Responder& responder);
  void write_machine(codec::JsonWriter& json) const;
  void write_swarm(codec::JsonWriter& json) const;

  Context context_;
  EventBus& events_;
  const SystemFacts facts_;
  const std::function<SystemCounts()> counts_;
};

}  // namespace shoal::api

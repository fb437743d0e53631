#include "api/networks/network_check.h"

#include "codec/json_writer.h"

namespace shoal::api {

void NetworkCheckApi::add_routes(Router& router) {
  router.post("/shoal/v1/networks/check", [this](Request&, Responder& p) { return check(p); });
}

os::Co<Result<void>> NetworkCheckApi::check(Responder& responder) {
  const netdriver::NetworkCheck found = co_await checker_.look();
  codec::JsonWriter json;
  json.begin_object().field("Networks", found.networks).field("Differences", found.differences);
  json.key("Descriptions").begin_array();
  for (const auto& line : found.descriptions) json.value(line);
  json.end_array();
  json.optional_field("Failure", found.failure).field("SinceStart", checker_.found());
  json.end_object();
  responder.json(200, json.take());
  co_return Result<void>{};
}

}  // namespace shoal::api

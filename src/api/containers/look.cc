// Looking at containers over the API: list, inspect, top.
#include "api/containers/container_api.h"
#include "api/containers/container_filter.h"
#include "api/containers/container_json.h"
#include "api/listing.h"

namespace shoal::api {

os::Co<std::optional<ContainerSize>> ContainerApi::size_of(containers::ContainerRef container) {
  const auto writable = co_await containers_.size_bytes(container->id);
  const uint64_t bytes = writable.value_or(0);  // It may be on its way out.
  const auto image = images_.resolve(container->image_id);
  co_return ContainerSize{bytes, bytes + (image ? (*image)->size_bytes : 0)};
}

os::Co<Result<void>> ContainerApi::list(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(auto values, parse_filters(request.query_value("filters")));
  const FilterWorld world{
      .find_container = [&](const std::string& ref) { return containers_.find(ref); },
      .image_id =
          [&](const std::string& name) {
            const auto image = images_.resolve(name);
            return image ? (*image)->id : std::string();
          }};
  CO_ASSIGN_OR_RETURN(const auto filter, ContainerFilter::make(std::move(values), world));
  CO_ASSIGN_OR_RETURN(const int64_t limit, request.query_int("limit", 0));
  const bool all = request.query_flag("all") || limit > 0 || filter.wants_stopped();
  const bool with_size = request.query_flag("size");

  CO_RETURN_IF_ERROR(co_await reserve_list(responder, containers_.list().size()));
  codec::JsonWriter json;
  json.begin_array();
  int64_t count = 0;
  for (const auto& container : containers_.list()) {
    if (!all && !container->state.is_running() &&
        container->state.status != containers::Status::Restarting) {
      continue;
    }
    if (!filter.passes(*container)) continue;
    if (limit > 0 && ++count > limit) break;
    std::optional<ContainerSize> size;
    if (with_size) size = co_await size_of(container);
    write_summary(json, *container, size, loop_.now());
  }
  json.end_array();
  responder.json(200, json.take());
  co_return Result<void>{};
}

os::Co<Result<void>> ContainerApi::inspect(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const auto container, find(request));
  InspectExtras extras;
  if (request.query_flag("size")) extras.size = co_await size_of(container);
  for (const auto& exec : containers_.execs().of(container->id)) {
    if (exec->process && !exec->exit_code) extras.exec_ids.push_back(exec->id);
  }
  responder.json(200, inspect_text(*container, extras));
  co_return Result<void>{};
}

os::Co<Result<void>> ContainerApi::top(Request& request, Responder& responder) {
  std::string ps_args(request.query_value("ps_args"));
  CO_ASSIGN_OR_RETURN(const auto container, find(request));
  CO_ASSIGN_OR_RETURN(const auto table,
                      co_await containers_.top(container->id, std::move(ps_args)));
  codec::JsonWriter json;
  json.begin_object();
  json.field("Titles", table.titles);
  json.key("Processes").begin_array();
  for (const auto& row : table.rows) json.value(row);
  json.end_array();
  json.end_object();
  responder.json(200, json.take());
  co_return Result<void>{};
}

}  // namespace shoal::api

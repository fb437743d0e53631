// GET, POST and DELETE of /volumes.
#include "api/body.h"
#include "api/containers/container_api.h"
#include "api/filters.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"

namespace shoal::api {
namespace {

void write_volume(codec::JsonWriter& json, const containers::Volume& volume) {
  json.begin_object();
  json.field("CreatedAt", volume.created_at);
  json.field("Driver", "local");
  json.key("Labels");
  if (volume.labels.empty()) {
    json.null();
  } else {
    json.value(volume.labels);
  }
  json.field("Mountpoint", volume.path);
  json.field("Name", volume.name);
  json.key("Options").null();
  json.field("Scope", "local");
  json.end_object();
}

std::string volume_text(const containers::Volume& volume) {
  codec::JsonWriter json;
  write_volume(json, volume);
  return json.take();
}

bool contains_any(const std::string& name, const std::set<std::string>& parts) {
  for (const auto& part : parts) {
    if (name.find(part) != std::string::npos) return true;
  }
  return parts.empty();
}

}  // namespace

os::Co<Result<void>> ContainerApi::volume_list(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(auto filters, parse_filters(request.query_value("filters")));
  CO_RETURN_IF_ERROR(check_filter_names(filters, {"name", "label", "dangling", "driver"}));
  const auto& dangling = filters["dangling"];
  const auto& drivers = filters["driver"];
  const bool only_dangling = dangling.contains("true") || dangling.contains("1");
  const bool only_used = dangling.contains("false") || dangling.contains("0");
  codec::JsonWriter json;
  json.begin_object();
  json.key("Volumes").begin_array();
  for (const auto& volume : containers_.volumes().list()) {
    const bool used = containers_.volumes().in_use(volume->name);
    if ((only_dangling && used) || (only_used && !used)) continue;
    if (!drivers.empty() && !drivers.contains("local")) continue;
    if (!contains_any(volume->name, filters["name"])) continue;
    if (filter_allows_labels(filters, "label", volume->labels)) write_volume(json, *volume);
  }
  json.end_array();
  json.key("Warnings").null();
  json.end_object();
  responder.json(200, json.take());
  co_return Result<void>{};
}

os::Co<Result<void>> ContainerApi::volume_create(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const std::string body, co_await json_body(request));
  CO_ASSIGN_OR_RETURN(const auto document, codec::JsonDocument::parse(body));
  auto reader = document.root("CreateOptions");
  std::string name, driver;
  model::Labels options, labels;
  reader.read("Name", name);
  reader.read("Driver", driver);
  reader.read("DriverOpts", options);
  reader.read("Labels", labels);
  if (reader.has("ClusterVolumeSpec")) {
    co_return unimplemented("cluster volumes are not supported by this version of Shoal yet");
  }
  CO_RETURN_IF_ERROR(document.status());
  CO_ASSIGN_OR_RETURN(const auto volume,
                      co_await containers_.volumes().create(std::move(name), std::move(driver),
                                                            std::move(options), std::move(labels)));
  responder.json(201, volume_text(*volume));
  co_return Result<void>{};
}

os::Co<Result<void>> ContainerApi::volume_inspect(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const auto volume,
                      containers_.volumes().find(std::string(request.param("name"))));
  responder.json(200, volume_text(*volume));
  co_return Result<void>{};
}

os::Co<Result<void>> ContainerApi::volume_remove(Request& request, Responder& responder) {
  std::string name(request.param("name"));
  const bool force = request.query_flag("force");
  CO_RETURN_IF_ERROR(co_await containers_.volumes().remove(std::move(name), force));
  responder.empty(204);
  co_return Result<void>{};
}

os::Co<Result<void>> ContainerApi::volume_prune(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(auto filters, parse_filters(request.query_value("filters")));
  CO_RETURN_IF_ERROR(check_filter_names(filters, {"all", "label", "label!"}));
  const auto& all = filters["all"];
  const bool also_named = all.contains("true") || all.contains("1");
  const bool has_unwanted = filters.contains("label!");
  std::vector<std::string> removed;
  for (const auto& volume : containers_.volumes().list()) {
    if (!volume->anonymous && !also_named) continue;
    if (!filter_allows_labels(filters, "label", volume->labels)) continue;
    if (has_unwanted && filter_allows_labels(filters, "label!", volume->labels)) continue;
    if (containers_.volumes().in_use(volume->name)) continue;
    if (co_await containers_.volumes().remove(volume->name, true)) removed.push_back(volume->name);
  }
  codec::JsonWriter json;
  json.begin_object();
  json.field("VolumesDeleted", removed);
  json.field("SpaceReclaimed", 0);
  json.end_object();
  responder.json(200, json.take());
  co_return Result<void>{};
}

}  // namespace shoal::api

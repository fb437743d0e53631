#include "api/containers/container_api.h"

namespace shoal::api {

ContainerApi::ContainerApi(os::Loop& loop, containers::Containers& containers,
                           images::ImageStore& images, EventBus& events)
    : loop_(loop), containers_(containers), images_(images), events_(events) {
  containers_.on_event([this](const containers::Event& event) {
    events_.post({.type = "container",
                  .action = event.action,
                  .id = event.container->id,
                  .attributes = event.attributes,
                  .time = event.at});
  });
}

#define SHOAL_HANDLER(method) \
  [this](Request& request, Responder& responder) { return method(request, responder); }

void ContainerApi::add_routes(Router& router) {
  add_life_routes(router);
  add_stream_routes(router);
  add_volume_routes(router);
  add_missing_routes(router);
}

void ContainerApi::add_life_routes(Router& router) {
  router.post("/containers/create", SHOAL_HANDLER(create));
  router.post("/containers/prune", SHOAL_HANDLER(prune));
  router.post("/containers/{id}/start", SHOAL_HANDLER(start));
  router.post("/containers/{id}/stop", SHOAL_HANDLER(stop));
  router.post("/containers/{id}/restart", SHOAL_HANDLER(restart));
  router.post("/containers/{id}/kill", SHOAL_HANDLER(kill));
  router.post("/containers/{id}/pause", SHOAL_HANDLER(pause));
  router.post("/containers/{id}/unpause", SHOAL_HANDLER(unpause));
  router.post("/containers/{id}/rename", SHOAL_HANDLER(rename));
  router.post("/containers/{id}/wait", SHOAL_HANDLER(wait));
  router.del("/containers/{id}", SHOAL_HANDLER(remove));
  router.get("/containers/json", SHOAL_HANDLER(list));
  router.get("/containers/{id}/json", SHOAL_HANDLER(inspect));
  router.get("/containers/{id}/top", SHOAL_HANDLER(top));
}

void ContainerApi::add_stream_routes(Router& router) {
  router.get("/containers/{id}/stats", SHOAL_HANDLER(stats));
  router.get("/containers/{id}/logs", SHOAL_HANDLER(logs));
  router.post("/containers/{id}/attach", SHOAL_HANDLER(attach));
  router.post("/containers/{id}/resize", SHOAL_HANDLER(resize));
  router.post("/containers/{id}/exec", SHOAL_HANDLER(exec_create));
  router.post("/exec/{id}/start", SHOAL_HANDLER(exec_start));
  router.post("/exec/{id}/resize", SHOAL_HANDLER(exec_resize));
  router.get("/exec/{id}/json", SHOAL_HANDLER(exec_inspect));
}

void ContainerApi::add_volume_routes(Router& router) {
  router.get("/volumes", SHOAL_HANDLER(volume_list));
  router.post("/volumes/create", SHOAL_HANDLER(volume_create));
  router.post("/volumes/prune", SHOAL_HANDLER(volume_prune));
  router.get("/volumes/{name}", SHOAL_HANDLER(volume_inspect));
  router.del("/volumes/{name}", SHOAL_HANDLER(volume_remove));
}

#undef SHOAL_HANDLER

void ContainerApi::add_missing_routes(Router& router) {
  const auto missing = [&](std::string method, std::string_view pattern, std::string what) {
    router.add(std::move(method), pattern, [what](Request&, Responder&) {
      return [](std::string name) -> Done {
        co_return unimplemented("{} is not supported by this version of Shoal yet", name);
      }(what);
    });
  };
  missing("POST", "/containers/{id}/update", "updating a container");
  missing("GET", "/containers/{id}/archive", "copying files from a container");
  missing("HEAD", "/containers/{id}/archive", "copying files from a container");
  missing("PUT", "/containers/{id}/archive", "copying files into a container");
  missing("GET", "/containers/{id}/changes", "listing a container's changes");
  missing("GET", "/containers/{id}/export", "exporting a container");
  missing("GET", "/containers/{id}/attach/ws", "attaching over a web socket");
  missing("PUT", "/volumes/{name}", "updating a volume");
}

Result<containers::ContainerRef> ContainerApi::find(const Request& request) const {
  return containers_.find(std::string(request.param("id")));
}

Result<TerminalSize> terminal_size(const Request& request) {
  ASSIGN_OR_RETURN(const int64_t rows, request.query_int("h", 0));
  ASSIGN_OR_RETURN(const int64_t columns, request.query_int("w", 0));
  const auto fits = [](int64_t number) { return number >= 0 && number <= UINT16_MAX; };
  if (!fits(rows) || !fits(columns)) {
    return invalid_argument("invalid terminal size: {} rows, {} columns", rows, columns);
  }
  return TerminalSize{uint16_t(rows), uint16_t(columns)};
}

}  // namespace shoal::api

#include "api/reach/remote_containers.h"

#include <utility>

#include "codec/json_reader.h"

namespace shoal::api {

using model::ReachForm;
using model::ReachTarget;

namespace {

constexpr int kCreated = 201;

Notice notice_in(bool tty) {
  return tty ? Notice::Plain : Notice::Framed;
}

// What a client reads as text; everything else is read by programs.
bool is_for_people(const ReachTarget& target) {
  return target.action == "logs" || target.action == "attach" || target.action == "start";
}

// A field of a JSON body; what cannot be read is its default.
template <class T>
T field_of(const std::string& body, std::string_view name) {
  T value{};
  if (const auto document = codec::JsonDocument::parse(body)) {
    auto reader = document->root("body");
    reader.read(name, value);
  }
  return value;
}

os::Co<Result<model::ReachRequest>> carried_request(Request& request, std::string path) {
  if (request.query.size() > model::kReachQueryMax) {
    co_return invalid_argument("more than {} parameters", model::kReachQueryMax);
  }
  CO_ASSIGN_OR_RETURN(std::string body, co_await request.body->whole(model::kReachBodyMax));
  co_return model::ReachRequest{.method = request.method,
                                .path = std::move(path),
                                .query = request.query,
                                .api_minor = uint32_t(request.version.minor),
                                .content_type = std::string(request.header("content-type")),
                                .body = std::move(body)};
}

void set_param(Request& request, std::string_view name, std::string value) {
  for (auto& [key, present] : request.params) {
    if (key == name) present = std::move(value);
  }
}

}  // namespace

void RemoteContainers::add_to(Router& router) {
  for (const char* first : {"containers", "exec"}) {
    router.detour(first, [this](Request& request, Responder& responder) {
      return detour(request, responder);
    });
  }
}

os::Co<Result<bool>> RemoteContainers::detour(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(auto way, find_way(request));
  if (!way) co_return false;
  CO_RETURN_IF_ERROR(co_await carry(std::move(*way), request, responder));
  co_return true;
}

// Nothing when the request is answered here, be it with an error.
Result<std::optional<RemoteContainers::Way>> RemoteContainers::find_way(Request& request) const {
  auto target = model::reach_target(request.method, request.path);
  if (!target || !swarm_.node_reach()) return std::nullopt;
  if (target->kind == ReachTarget::Kind::Container) {
    return way_to_container(std::move(*target), request);
  }
  const RemoteExec* exec = here_.has_exec(target->id) ? nullptr : execs_.find(target->id);
  if (!exec) return std::nullopt;
  return Way{.node = exec->node,
             .path = model::reach_path(*target),
             .notice = is_for_people(*target) ? notice_in(exec->tty) : Notice::None};
}

Result<std::optional<RemoteContainers::Way>> RemoteContainers::way_to_container(
    ReachTarget target, Request& request) const {
  if (here_.has_container(target.id)) return std::nullopt;
  // `docker inspect` of a task's id shows the task: it asks for a container first.
  const auto by =
      target.action == "json" ? manager::NamedBy::Container : manager::NamedBy::AlsoTask;
  ASSIGN_OR_RETURN(auto place, swarm_.node_reach()->locate(target.id, by));
  if (place.node == swarm_.node_id()) {
    set_param(request, "id", std::move(place.container_id));
    return std::nullopt;
  }
  target.id = std::move(place.container_id);
  return Way{.node = place.node,
             .path = model::reach_path(target),
             .notice = is_for_people(target) ? notice_in(place.tty) : Notice::None,
             .makes_exec = target.action == "exec"};
}

os::Co<Result<void>> RemoteContainers::carry(Way way, Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(auto carried, co_await carried_request(request, way.path));
  const std::string asked = way.makes_exec ? carried.body : std::string();
  manager::NodeReach* reach = swarm_.node_reach();
  if (!reach) co_return unavailable("the manager is not ready");
  CO_ASSIGN_OR_RETURN(const auto tunnel,
                      co_await reach->open(way.node, std::move(carried), request.stop));
  CO_ASSIGN_OR_RETURN(auto first, co_await first_output(*tunnel, request.stop));
  switch (first.head->form) {
    case ReachForm::Stream:
      co_return co_await forward_stream(std::move(first), *tunnel, responder, way.notice,
                                        request.stop);
    case ReachForm::Raw:
      co_return co_await forward_raw(std::move(first), *tunnel, responder, way.notice,
                                     request.stop);
    case ReachForm::Whole:
      break;
  }
  CO_ASSIGN_OR_RETURN(auto answer, co_await whole_answer(std::move(first), *tunnel, request.stop));
  CO_RETURN_IF_ERROR(remember_exec(way, asked, answer));
  responder.reply(std::move(answer));
  co_return Result<void>{};
}

Result<void> RemoteContainers::remember_exec(const Way& way, const std::string& asked,
                                             const Response& answer) {
  if (!way.makes_exec || answer.status != kCreated) return {};
  const auto id = field_of<std::string>(answer.body, "Id");
  if (here_.has_exec(id)) {
    return internal_error("node {} answered with the id of another exec", way.node);
  }
  return execs_.remember(id, {.node = way.node, .tty = field_of<bool>(asked, "Tty")});
}

}  // namespace shoal::api

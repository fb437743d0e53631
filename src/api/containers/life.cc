// The life of a container over the API: create, start, stop … remove, wait, prune.
#include "api/body.h"
#include "api/containers/container_api.h"
#include "api/containers/create_json.h"
#include "api/filters.h"
#include "codec/json_writer.h"
#include "containers/parallel.h"

namespace shoal::api {
namespace {

using containers::WaitCondition;

Result<WaitCondition> parse_condition(std::string_view text) {
  if (text.empty() || text == "not-running") return WaitCondition::NotRunning;
  if (text == "next-exit") return WaitCondition::NextExit;
  if (text == "removed") return WaitCondition::Removed;
  return invalid_argument("invalid condition: \"{}\"", text);
}

// `t` in seconds; negative: never kill. Unset: the container's own.
Result<std::optional<Duration>> stop_grace(const Request& request) {
  if (request.query_value("t").empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const int64_t seconds, request.query_int("t", 0));
  constexpr int64_t kSecondsMax = 365 * 24 * 3600;
  return std::chrono::seconds(std::min(seconds, kSecondsMax));
}

std::string id_of(const Request& request) {
  return std::string(request.param("id"));
}

Result<void> answer_empty(Responder& responder, const Result<void>& done) {
  if (!done) return done;
  responder.empty(204);
  return {};
}

// 204 when it changed something, 304 when it was so already.
Result<void> answer_changed(Responder& responder, const Result<bool>& changed) {
  if (!changed) return std::unexpected(changed.error());
  responder.empty(*changed ? 204 : 304);
  return {};
}

std::string exit_text(const containers::ExitStatus& exit) {
  codec::JsonWriter json;
  json.begin_object();
  json.field("StatusCode", exit.code);  // Why it did not start was the answer to start.
  json.end_object();
  return json.take() + "\n";
}

}  // namespace

os::Co<Result<void>> ContainerApi::create(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const std::string body, co_await json_body(request));
  CO_ASSIGN_OR_RETURN(auto config, decode_create(body));
  config.name = request.query_value("name");
  config.platform = request.query_value("platform");
  CO_ASSIGN_OR_RETURN(const auto created, co_await containers_.create(std::move(config)));
  codec::JsonWriter json;
  json.begin_object();
  json.field("Id", created.id);
  json.field("Warnings", created.warnings);
  json.end_object();
  responder.json(201, json.take());
  co_return Result<void>{};
}

os::Co<Result<void>> ContainerApi::start(Request& request, Responder& responder) {
  co_return answer_changed(responder, co_await containers_.start(id_of(request)));
}

os::Co<Result<void>> ContainerApi::stop(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const auto grace, stop_grace(request));
  std::string signal(request.query_value("signal"));
  co_return answer_changed(responder,
                           co_await containers_.stop(id_of(request), grace, std::move(signal)));
}

os::Co<Result<void>> ContainerApi::restart(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const auto grace, stop_grace(request));
  std::string signal(request.query_value("signal"));
  co_return answer_empty(responder,
                         co_await containers_.restart(id_of(request), grace, std::move(signal)));
}

os::Co<Result<void>> ContainerApi::kill(Request& request, Responder& responder) {
  std::string signal(request.query_value("signal"));
  co_return answer_empty(responder, co_await containers_.kill(id_of(request), std::move(signal)));
}

os::Co<Result<void>> ContainerApi::pause(Request& request, Responder& responder) {
  co_return answer_empty(responder, co_await containers_.pause(id_of(request)));
}

os::Co<Result<void>> ContainerApi::unpause(Request& request, Responder& responder) {
  co_return answer_empty(responder, co_await containers_.unpause(id_of(request)));
}

os::Co<Result<void>> ContainerApi::rename(Request& request, Responder& responder) {
  std::string name(request.query_value("name"));
  if (name.empty()) co_return invalid_argument("Neither old nor new names may be empty");
  co_return answer_empty(responder, co_await containers_.rename(id_of(request), std::move(name)));
}

os::Co<Result<void>> ContainerApi::remove(Request& request, Responder& responder) {
  if (request.query_flag("link")) co_return unimplemented("links are not supported");
  const containers::RemoveOptions options{.force = request.query_flag("force"),
                                          .volumes = request.query_flag("v")};
  co_return answer_empty(responder, co_await containers_.remove(id_of(request), options));
}

// The head goes out at once: the client starts the container only when it knows that its waiting
// has begun.
os::Co<Result<void>> ContainerApi::wait(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const auto condition, parse_condition(request.query_value("condition")));
  CO_ASSIGN_OR_RETURN(const auto container, find(request));
  const auto ended = containers::begin(containers_.wait(container->id, condition, request.stop));
  Response head;
  CO_RETURN_IF_ERROR(co_await responder.start(std::move(head)));
  auto exit = co_await ended;
  if (!exit) co_return std::unexpected(exit.error());
  co_return co_await responder.write(exit_text(*exit));
}

os::Co<Result<void>> ContainerApi::prune(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(auto filters, parse_filters(request.query_value("filters")));
  CO_RETURN_IF_ERROR(check_filter_names(filters, {"until", "label", "label!"}));
  Time until = Time::max();
  for (const auto& text : filters["until"]) {
    CO_ASSIGN_OR_RETURN(until, parse_until(text, loop_.now()));
  }
  const containers::RemoveOptions idle_only;
  const bool has_unwanted = filters.contains("label!");
  std::vector<std::string> removed;
  uint64_t reclaimed_bytes = 0;
  for (const auto& container : containers_.list()) {
    const bool idle =
        !container->state.is_running() && container->state.status != containers::Status::Restarting;
    if (!idle || container->created_at >= until) continue;
    if (!filter_allows_labels(filters, "label", container->labels())) continue;
    if (has_unwanted && filter_allows_labels(filters, "label!", container->labels())) continue;
    const auto size = co_await containers_.size_bytes(container->id);
    const auto gone = co_await containers_.remove(container->id, idle_only);
    if (!gone) continue;  // It was started meanwhile.
    removed.push_back(container->id);
    reclaimed_bytes += size.value_or(0);
  }
  codec::JsonWriter json;
  json.begin_object();
  json.field("ContainersDeleted", removed);
  json.field("SpaceReclaimed", reclaimed_bytes);
  json.end_object();
  responder.json(200, json.take());
  co_return Result<void>{};
}

}  // namespace shoal::api

#include "api/events.h"

#include <charconv>

#include "codec/json_writer.h"

namespace shoal::api {
namespace {

constexpr std::string_view kTypes[] = {"container", "image",  "service", "node",   "network",
                                       "volume",    "plugin", "secret",  "config", "daemon"};

// "1700000000", "1700000000.25" (seconds) or RFC 3339, as the docker client sends them.
Result<std::optional<Time>> parse_moment(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text.find('T') != std::string_view::npos) {
    ASSIGN_OR_RETURN(const Time time, parse_rfc3339(text));
    return time;
  }
  double seconds = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, seconds);
  if (read.ec != std::errc() || read.ptr != end || seconds < 0 || seconds > 9e9) {
    return invalid_argument("\"{}\" is no time", text);
  }
  return Time{int64_t(seconds * 1e9)};
}

bool names_object(const Event& event, const std::string& wanted) {
  const auto name = event.attributes.find("name");
  return (!wanted.empty() && event.id.starts_with(wanted)) ||
         (name != event.attributes.end() && name->second == wanted);
}

}  // namespace

std::string event_json(const Event& event) {
  codec::JsonWriter json;
  json.begin_object();
  if (event.type == "container" || event.type == "image") {
    // The fields of API 1.21 and before, which clients still read.
    const auto image = event.attributes.find("image");
    json.field("status", event.action).field("id", event.id);
    json.optional_field("from", image == event.attributes.end() ? "" : image->second);
  }
  json.field("Type", event.type).field("Action", event.action);
  json.key("Actor").begin_object().field("ID", event.id).field("Attributes", event.attributes);
  json.end_object();
  json.field("scope", event.swarm_scope ? "swarm" : "local");
  const int64_t shown = codec::JsonWriter::shown(event.time).unix_ns;
  json.field("time", shown / 1'000'000'000).field("timeNano", shown);
  json.end_object();
  return json.take() + "\n";
}

bool event_passes(const Event& event, const FilterValues& filters) {
  if (!filter_allows(filters, "type", event.type) ||
      !filter_allows(filters, "scope", event.swarm_scope ? "swarm" : "local") ||
      !filter_allows_labels(filters, "label", event.attributes)) {
    return false;
  }
  // "exec_create" also means "exec_create: sh".
  const std::string verb = event.action.substr(0, event.action.find(':'));
  if (!filter_allows_any(filters, "event", [&](const std::string& wanted) {
        return wanted == event.action || wanted == verb;
      })) {
    return false;
  }
  for (const std::string_view type : kTypes) {
    if (!filters.contains(type)) continue;
    const bool of_image = type == "image" && event.attributes.contains("image") &&
                          filter_allows(filters, "image", event.attributes.at("image"));
    const bool fits =
        event.type == type && filter_allows_any(filters, type, [&](const auto& wanted) {
          return names_object(event, wanted);
        });
    if (!fits && !of_image) return false;
  }
  return true;
}

void EventsApi::add_routes(Router& router) {
  router.get("/events",
             [this](Request& request, Responder& responder) { return stream(request, responder); });
}

os::Co<Result<void>> EventsApi::stream(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const FilterValues filters, parse_filters(request.query_value("filters")));
  CO_ASSIGN_OR_RETURN(auto since, parse_moment(request.query_value("since")));
  CO_ASSIGN_OR_RETURN(auto until, parse_moment(request.query_value("until")));
  // Docker's client sends whole seconds: what happened within the last one counts.
  if (until && until->unix_ns % std::chrono::nanoseconds(1s).count() == 0) {
    until = *until + (1s - 1ns);
  }
  // The client's moments are on the wall clock, the events' on ours.
  if (since) since = *since - loop_.wall_lead();
  if (until) until = *until - loop_.wall_lead();
  const auto listener = bus_.listen(since);

  // Ends with the client or at `until`, whichever comes first.
  os::StopSource over;
  const auto client_gone = request.stop.on_stop([over] { over.stop(); });
  std::unique_ptr<os::Loop::Timer> deadline;
  if (until) deadline = loop_.at(*until, [over] { over.stop(); });

  Response head{.content_type = "application/json"};
  CO_RETURN_IF_ERROR(co_await responder.start(std::move(head)));
  while (const auto event = co_await listener->next(over.token())) {
    if (until && event->time > *until) break;
    if (!event_passes(*event, filters)) continue;
    std::string line = event_json(*event);
    CO_RETURN_IF_ERROR(co_await responder.write(std::move(line)));
  }
  if (listener->too_slow()) co_return unavailable("the client reads too slowly");
  co_return Result<void>{};
}

}  // namespace shoal::api

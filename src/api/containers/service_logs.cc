#include "api/containers/service_logs.h"

#include "api/containers/log_stream.h"
#include "api/containers/streams.h"
#include "api/lookup.h"
#include "manager/log_broker.h"

namespace shoal::api {
namespace {

// Docker's stream for what went wrong with the stream itself; the client prints it and fails.
constexpr auto kSystemErrors = engine::OutputStream(3);

std::string attributes_of(const model::LogMessage& message) {
  model::Labels attributes = message.attributes;
  attributes["com.docker.swarm.node.id"] = message.node.str();
  attributes["com.docker.swarm.service.id"] = message.service.str();
  attributes["com.docker.swarm.task.id"] = message.task.str();
  return attributes_text(attributes);
}

// The lines as the client reads them, without those behind `until`.
std::string format_lines(LogFormat format, const std::optional<Time>& until,
                         std::vector<model::LogMessage> lines) {
  std::string text;
  for (auto& line : lines) {
    if (until && line.time > *until) continue;
    if (format.details) format.attributes = attributes_of(line);
    text += format_line(format, {.time = line.time,
                                 .stream = engine::OutputStream(line.stream),
                                 .bytes = std::move(line.data)});
  }
  return text;
}

std::string incomplete(const LogFormat& format, const std::vector<std::string>& reasons) {
  std::string text =
      "Error grabbing logs: warning: incomplete log stream. some logs could not be retrieved for "
      "the following reasons: ";
  for (const auto& reason : reasons) {
    if (&reason != &reasons.front()) text += ", ";
    text += reason;
  }
  text += "\n";
  return format.tty ? text : stdcopy_frame(kSystemErrors, text);
}

os::Co<Result<void>> carry(manager::LogBroker::Reader& logs, const LogFormat& format,
                           std::optional<Time> until, Responder& responder, os::StopToken stop) {
  for (;;) {
    auto lines = co_await logs.next(stop);
    if (!lines) co_return std::unexpected(lines.error());
    if (lines->empty()) break;
    std::string bytes = format_lines(format, until, std::move(*lines));
    if (bytes.empty()) continue;
    CO_RETURN_IF_ERROR(co_await responder.write(std::move(bytes)));
  }
  if (logs.missing().empty()) co_return Result<void>{};
  std::string bytes = incomplete(format, logs.missing());
  co_return co_await responder.write(std::move(bytes));
}

}  // namespace

ServiceLogApi::ServiceLogApi(SwarmBackend& swarm) : swarm_(swarm) {}

void ServiceLogApi::add_routes(Router& router) {
  router.get("/services/{id}/logs", [this](Request& request, Responder& responder) {
    return service_logs(request, responder);
  });
  router.get("/tasks/{id}/logs", [this](Request& request, Responder& responder) {
    return task_logs(request, responder);
  });
}

os::Co<Result<void>> ServiceLogApi::service_logs(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const auto* store, managed_store(swarm_));
  CO_ASSIGN_OR_RETURN(const auto service, find_service(store->read(), request.param("id")));
  model::LogSelector selector;
  selector.services = {service->id};
  const bool tty = service->spec.task->container.tty;
  co_return co_await stream(request, responder, std::move(selector), tty);
}

os::Co<Result<void>> ServiceLogApi::task_logs(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const auto* store, managed_store(swarm_));
  CO_ASSIGN_OR_RETURN(const auto task, find_task(store->read(), request.param("id")));
  model::LogSelector selector;
  selector.tasks = {task->id};
  const bool tty = task->spec && task->spec->container.tty;
  co_return co_await stream(request, responder, std::move(selector), tty);
}

os::Co<Result<void>> ServiceLogApi::stream(Request& request, Responder& responder,
                                           model::LogSelector selector, bool tty) {
  CO_ASSIGN_OR_RETURN(const auto query, read_log_query(request));
  manager::LogBroker* broker = swarm_.log_broker();
  if (!broker) co_return unavailable("the manager is not ready");
  const model::LogOptions options{.stdout_wanted = query.stdout_wanted,
                                  .stderr_wanted = query.stderr_wanted,
                                  .follow = query.follow,
                                  .tail = query.tail,
                                  .since = query.since};
  CO_ASSIGN_OR_RETURN(const auto logs, broker->read(std::move(selector), options));
  const LogFormat format{.tty = tty,
                         .timestamps = request.query_flag("timestamps"),
                         .details = request.query_flag("details"),
                         .attributes = ""};
  Response head{.content_type = stream_content_type(request.version, tty)};
  CO_RETURN_IF_ERROR(co_await responder.start(std::move(head)));
  co_return co_await carry(*logs, format, query.until, responder, request.stop);
}

}  // namespace shoal::api

#include "api/containers/service_logs.h"

#include <algorithm>
#include <set>

#include "api/containers/log_stream.h"
#include "api/containers/streams.h"
#include "api/lookup.h"
#include "containers/lock.h"

namespace shoal::api {
namespace {

constexpr std::string_view kServiceLabel = "com.docker.swarm.service.id";
constexpr std::string_view kTaskLabel = "com.docker.swarm.task.id";
constexpr std::string_view kNodeLabel = "com.docker.swarm.node.id";

// The log streams of several containers that go into one answer; on the frame of stream().
struct Merge {
  containers::Containers& containers;
  Responder& responder;
  engine::LogQuery query;
  LogFormat format;
  containers::AsyncLock turn;  // one piece at a time
  os::StopSource over;         // the client is gone
  os::Signal changed;          // one has ended, or another has started
  int running = 0;
};

std::string attributes_of(const containers::Container& container) {
  model::Labels attributes;
  for (const auto label : {kNodeLabel, kServiceLabel, kTaskLabel}) {
    const auto at = container.labels().find(std::string(label));
    if (at != container.labels().end()) attributes.insert(*at);
  }
  return attributes_text(attributes);
}

os::Co<Result<void>> send(Merge& merge, std::string bytes) {
  const auto turn = co_await merge.turn.acquire();
  auto sent = co_await merge.responder.write(std::move(bytes));
  if (!sent) merge.over.stop();
  co_return sent;
}

os::Co<> carry(Merge& merge, containers::ContainerRef container, engine::LogQuery query) {
  auto reader = merge.containers.logs(container->id, std::move(query));
  if (reader) {
    LogFormat format = merge.format;
    format.attributes = attributes_of(*container);
    const LogSink sink = [&merge](std::string bytes) { return send(merge, std::move(bytes)); };
    (void)co_await write_log(**reader, format, sink, merge.over.token());
  }
  --merge.running;
  merge.changed.notify();
}

}  // namespace

ServiceLogApi::ServiceLogApi(containers::Containers& containers, SwarmBackend& swarm)
    : containers_(containers), swarm_(swarm) {
  containers_.on_event([this](const containers::Event& event) {
    if (event.action == "start") started_.notify();
  });
}

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
  const bool tty = service->spec.task->container.tty;
  co_return co_await stream(request, responder, std::string(kServiceLabel), service->id.str(), tty);
}

os::Co<Result<void>> ServiceLogApi::task_logs(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const auto* store, managed_store(swarm_));
  CO_ASSIGN_OR_RETURN(const auto task, find_task(store->read(), request.param("id")));
  const bool tty = task->spec && task->spec->container.tty;
  co_return co_await stream(request, responder, std::string(kTaskLabel), task->id.str(), tty);
}

os::Co<Result<void>> ServiceLogApi::stream(Request& request, Responder& responder,
                                           std::string label, std::string value, bool tty) {
  CO_ASSIGN_OR_RETURN(auto query, read_log_query(request));
  Merge merge{.containers = containers_,
              .responder = responder,
              .query = std::move(query),
              .changed = started_};
  merge.format = {.tty = tty,
                  .timestamps = request.query_flag("timestamps"),
                  .details = request.query_flag("details")};
  Response head{.content_type = stream_content_type(request.version, tty)};
  CO_RETURN_IF_ERROR(co_await responder.start(std::move(head)));

  const auto guard = request.stop.on_stop([over = merge.over] { over.stop(); });
  const bool follow = merge.query.follow;
  const model::Labels wanted{{label, value}};
  std::set<std::string> seen;
  while (!merge.over.token().stopped()) {
    auto there = containers_.list(wanted);
    std::reverse(there.begin(), there.end());  // The oldest first.
    for (const auto& container : there) {
      if (!seen.insert(container->id).second) continue;
      ++merge.running;
      os::spawn(carry(merge, container, merge.query));
    }
    if (merge.running == 0 && !follow) break;
    merge.query.tail.reset();  // Of those that join later, everything.
    co_await merge.changed.wait(merge.over.token());
  }
  while (merge.running > 0) co_await merge.changed.wait();
  co_return Result<void>{};
}

}  // namespace shoal::api

// POST /containers/{id}/attach and /resize.
#include "api/containers/container_api.h"
#include "api/containers/log_stream.h"
#include "api/containers/streams.h"
#include "containers/parallel.h"

namespace shoal::api {
namespace {

constexpr std::string_view kDetachKeys = "ctrl-p,ctrl-q";

Result<StreamWishes> read_wishes(const Request& request, bool tty) {
  const auto given = request.query_value("detachKeys");
  ASSIGN_OR_RETURN(auto keys, parse_detach_keys(given.empty() ? kDetachKeys : given));
  return StreamWishes{.input = request.query_flag("stdin"),
                      .output = request.query_flag("stdout"),
                      .errors = request.query_flag("stderr"),
                      .tty = tty,
                      .detach_keys = std::move(keys)};
}

Result<void> check_attachable(const containers::Container& container) {
  if (container.state.status == containers::Status::Paused) {
    return conflict("container {} is paused, unpause the container before attach", container.id);
  }
  if (container.state.status == containers::Status::Restarting) {
    return conflict("container {} is restarting, wait until the container is running",
                    container.id);
  }
  return {};
}

// Attach's `logs`: what the container has written so far.
os::Co<Result<void>> replay_logs(containers::Containers& containers,
                                 containers::ContainerRef container, Hijacked& client,
                                 StreamWishes wishes, os::StopToken stop) {
  engine::LogQuery query;
  query.stdout_wanted = wishes.output;
  query.stderr_wanted = wishes.errors;
  auto reader = containers.logs(container->id, query);
  if (!reader) co_return Result<void>{};  // Nothing is kept.
  const LogFormat format{.tty = wishes.tty};
  const LogSink sink = [&client](std::string bytes) { return client.write(std::move(bytes)); };
  co_return co_await write_log(**reader, format, sink, stop);
}

}  // namespace

os::Co<Result<void>> ContainerApi::attach(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const auto container, find(request));
  CO_RETURN_IF_ERROR(check_attachable(*container));
  const bool tty = container->config.spec.tty;
  CO_ASSIGN_OR_RETURN(const StreamWishes wishes, read_wishes(request, tty));
  const bool stream = request.query_flag("stream");

  // Asked for before the client hears from us: it starts the container right after that.
  std::optional<os::OneShot<Result<std::unique_ptr<engine::Attachment>>>> attaching;
  if (stream) {
    attaching = containers::begin(containers_.attach(container->id, request.stop));
  }
  auto client = co_await responder.hijack(stream_content_type(request.version, tty));
  if (!client) co_return std::unexpected(client.error());
  if (request.query_flag("logs")) {
    CO_RETURN_IF_ERROR(
        co_await replay_logs(containers_, container, **client, wishes, request.stop));
  }
  if (!stream) co_return Result<void>{};
  auto streams = co_await *attaching;
  if (!streams) co_return std::unexpected(streams.error());
  co_await carry_streams(**client, **streams, wishes, request.stop);
  co_return Result<void>{};
}

os::Co<Result<void>> ContainerApi::resize(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const auto size, terminal_size(request));
  std::string id(request.param("id"));
  CO_RETURN_IF_ERROR(co_await containers_.resize(std::move(id), size.rows, size.columns));
  responder.empty(200);
  co_return Result<void>{};
}

}  // namespace shoal::api

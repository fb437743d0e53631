// GET /containers/{id}/logs
#include "api/containers/container_api.h"
#include "api/containers/log_stream.h"
#include "api/containers/streams.h"

namespace shoal::api {

os::Co<Result<void>> ContainerApi::logs(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const auto container, find(request));
  CO_ASSIGN_OR_RETURN(auto query, read_log_query(request));
  CO_ASSIGN_OR_RETURN(const auto reader, containers_.logs(container->id, std::move(query)));
  const LogFormat format{.tty = container->config.spec.tty,
                         .timestamps = request.query_flag("timestamps"),
                         .details = request.query_flag("details")};
  Response head{.content_type = stream_content_type(request.version, format.tty)};
  CO_RETURN_IF_ERROR(co_await responder.start(std::move(head)));
  const LogSink sink = [&](std::string bytes) { return responder.write(std::move(bytes)); };
  co_return co_await write_log(*reader, format, sink, request.stop);
}

}  // namespace shoal::api

#include "api/reach/reached_api.h"

#include <exception>
#include <utility>

#include "api/reach/carried_exchange.h"

namespace shoal::api {

os::Co<Result<void>> ReachedApi::answer(model::ReachRequest carried, agent::ReachVisit& visit) {
  CarriedExchange exchange(visit, std::move(carried.body));
  Request request;
  request.method = std::move(carried.method);
  request.path = fmt::format("/v1.{}{}", carried.api_minor, carried.path);
  request.target = request.path;
  request.query = std::move(carried.query);
  if (!carried.content_type.empty()) {
    request.headers.emplace_back("content-type", std::move(carried.content_type));
  }
  request.stop = visit.over();
  request.body = &exchange;
  Result<void> result = co_await call_handler(request, exchange);
  co_return co_await exchange.finish(std::move(result));
}

os::Co<Result<void>> ReachedApi::call_handler(Request& request, Responder& responder) {
  std::string reason;
  try {
    co_return co_await dispatch_(request, responder);
  } catch (const std::exception& exception) {
    reason = exception.what();
  } catch (...) {
    reason = "unknown exception";
  }
  log_.error("request handler failed",
             {{"method", request.method}, {"path", request.path}, {"reason", reason}});
  co_return internal_error("{}", reason);
}

}  // namespace shoal::api

#include "api/testing.h"

namespace shoal::api {

os::Co<> serve_one(Router& router, Ask ask, Answer& answer, bool& done) {
  Request request{.method = ask.method, .target = ask.target, .headers = ask.headers};
  TextBody body(std::move(ask.body));
  request.body = &body;
  Result<void> result = split_target(request.target, request);
  if (result) result = co_await router.handle(request, answer);
  if (!result) answer.reply(error_response(result.error()));
  done = true;
}

}  // namespace shoal::api

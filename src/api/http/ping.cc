#include "api/http/ping.h"

namespace shoal::api {

void add_ping(Router& router, std::function<std::string()> swarm_state) {
  // Not a coroutine itself: captures live in the router, and the coroutine below has none.
  const auto answer = [](std::string swarm, Responder& responder) -> os::Co<Result<void>> {
    Response pong{.content_type = "text/plain; charset=utf-8", .body = "OK"};
    pong.headers = {{"Builder-Version", "1"},
                    {"Swarm", std::move(swarm)},
                    {"Cache-Control", "no-cache, no-store, must-revalidate"},
                    {"Pragma", "no-cache"}};
    responder.reply(std::move(pong));
    co_return Result<void>{};
  };
  const Handler handler = [answer, swarm_state](Request&, Responder& responder) {
    return answer(swarm_state(), responder);
  };
  router.get("/_ping", handler);
  router.head("/_ping", handler);
}

}  // namespace shoal::api

// GET /services/{id}/logs and /tasks/{id}/logs: the logs of a service's tasks, wherever they run,
// merged as they come.
//
// The docker client asks for details: each line then starts with the ids of its node, service and
// task, from which it makes the prefix. With follow, tasks that start later join in; the stream
// ends when the client goes. Without, it ends with a warning that names what could not be had.
//
// Thread: the control thread. Lives as long as the server.
#pragma once

#include "api/http/router.h"
#include "api/swarm_backend.h"
#include "model/log_protocol.h"

namespace shoal::api {

class ServiceLogApi {
 public:
  explicit ServiceLogApi(SwarmBackend& swarm);

  void add_routes(Router& router);

 private:
  os::Co<Result<void>> service_logs(Request& request, Responder& responder);
  os::Co<Result<void>> task_logs(Request& request, Responder& responder);
  os::Co<Result<void>> stream(Request& request, Responder& responder, model::LogSelector selector,
                              bool tty);

  SwarmBackend& swarm_;
};

}  // namespace shoal::api

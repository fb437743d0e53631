// GET /services/{id}/logs and /tasks/{id}/logs: the logs of a service's tasks on this node, merged
// as they come.
//
// The docker client asks for details: each line then starts with the ids of its node, service and
// task, from which it makes the prefix. With follow, tasks that start later join in; the stream
// ends when the client goes.
//
// Thread: the control thread. Lives as long as the server.
#pragma once

#include <string>

#include "api/http/router.h"
#include "api/swarm_backend.h"
#include "containers/containers.h"

namespace shoal::api {

class ServiceLogApi {
 public:
  ServiceLogApi(containers::Containers& containers, SwarmBackend& swarm);

  void add_routes(Router& router);

 private:
  os::Co<Result<void>> service_logs(Request& request, Responder& responder);
  os::Co<Result<void>> task_logs(Request& request, Responder& responder);
  // `label` and `value` say which containers.
  os::Co<Result<void>> stream(Request& request, Responder& responder, std::string label,
                              std::string value, bool tty);

  containers::Containers& containers_;
  SwarmBackend& swarm_;
  os::Signal started_;  // there may be containers that were not there before
};

}  // namespace shoal::api

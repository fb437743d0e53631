// The handlers of containers, execs and volumes of Docker's API.
//
// Thread: the control thread. Lives as long as the server; a handler keeps nothing of its request.
#pragma once

#include "api/event_bus.h"
#include "api/http/message.h"
#include "api/http/router.h"
#include "containers/containers.h"
#include "images/image_store.h"
#include "os/loop.h"

namespace shoal::api {

class ContainerApi {
 public:
  // Passes the containers' events on to `events`.
  ContainerApi(os::Loop& loop, containers::Containers& containers, images::ImageStore& images,
               EventBus& events);

  void add_routes(Router& router);

 private:
  using Done = os::Co<Result<void>>;

  void add_life_routes(Router& router);
  void add_stream_routes(Router& router);
  void add_volume_routes(Router& router);
  void add_missing_routes(Router& router);

  // life.cc
  Done create(Request& request, Responder& responder);
  Done start(Request& request, Responder& responder);
  Done stop(Request& request, Responder& responder);
  Done restart(Request& request, Responder& responder);
  Done kill(Request& request, Responder& responder);
  Done pause(Request& request, Responder& responder);
  Done unpause(Request& request, Responder& responder);
  Done rename(Request& request, Responder& responder);
  Done remove(Request& request, Responder& responder);
  Done wait(Request& request, Responder& responder);
  Done prune(Request& request, Responder& responder);
  // look.cc
  Done list(Request& request, Responder& responder);
  Done inspect(Request& request, Responder& responder);
  Done top(Request& request, Responder& responder);
  // stats.cc
  Done stats(Request& request, Responder& responder);
  // attach.cc
  Done attach(Request& request, Responder& responder);
  Done resize(Request& request, Responder& responder);
  // container_logs.cc
  Done logs(Request& request, Responder& responder);
  // exec.cc
  Done exec_create(Request& request, Responder& responder);
  Done exec_start(Request& request, Responder& responder);
  Done exec_resize(Request& request, Responder& responder);
  Done exec_inspect(Request& request, Responder& responder);
  // volumes.cc
  Done volume_list(Request& request, Responder& responder);
  Done volume_create(Request& request, Responder& responder);
  Done volume_inspect(Request& request, Responder& responder);
  Done volume_remove(Request& request, Responder& responder);
  Done volume_prune(Request& request, Responder& responder);

  Result<containers::ContainerRef> find(const Request& request) const;
  os::Co<std::optional<struct ContainerSize>> size_of(containers::ContainerRef container);

  os::Loop& loop_;
  containers::Containers& containers_;
  images::ImageStore& images_;
  EventBus& events_;
};

// The size of a terminal from `h` and `w`. InvalidArgument when they are no such numbers.
struct TerminalSize {
  uint16_t rows = 0;
  uint16_t columns = 0;
};
Result<TerminalSize> terminal_size(const Request& request);

}  // namespace shoal::api

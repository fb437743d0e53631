// RemoteContainers: on a manager, requests for a container that is not on this node but is that of
// a task go to the task's node: inspect, logs, top, stats, exec, attach, kill, resize and wait.
//
// A client names it as it would there (the id, its start, its name) or by the task's id; containers
// of this node come first. `docker ps` and everything that is not on the list stays local.
//
// Control thread. Lives as long as the server.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "api/http/router.h"
#include "api/reach/forward.h"
#include "api/reach/remote_execs.h"
#include "api/swarm_backend.h"

namespace shoal::api {

class RemoteContainers {
 public:
  // What this node has. A container counts also when its name fits several.
  struct Here {
    std::function<bool(const std::string& ref)> has_container;
    std::function<bool(const std::string& id)> has_exec;
  };
  // `swarm` outlives it.
  RemoteContainers(Here here, SwarmBackend& swarm) : here_(std::move(here)), swarm_(swarm) {}

  void add_to(Router& router);

 private:
  // Where a request goes, and how.
  struct Way {
    model::NodeId node;
    std::string path;
    Notice notice = Notice::None;
    bool makes_exec = false;
  };
  os::Co<Result<bool>> detour(Request& request, Responder& responder);
  Result<std::optional<Way>> find_way(Request& request) const;
  Result<std::optional<Way>> way_to_container(model::ReachTarget target, Request& request) const;
  os::Co<Result<void>> carry(Way way, Request& request, Responder& responder);
  Result<void> remember_exec(const Way& way, const std::string& asked, const Response& answer);

  const Here here_;
  SwarmBackend& swarm_;
  RemoteExecs execs_;
};

}  // namespace shoal::api

// Engine: makes containers with crun under conmon and finds those again that an earlier daemon
// made. It knows nothing of images, networks or Docker's API.
//
// Everything of a container that runs is in one folder, RUN_ROOT/ID (on tmpfs: it is gone with the
// boot that it belongs to): the OCI bundle, conmon's sockets, the exit file, and the identity
// {pid, start time, boot id} by which a restarted daemon knows the process for sure.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "base/time.h"
#include "engine/container.h"
#include "engine/description.h"
#include "engine/host.h"
#include "os/co.h"
#include "os/loop.h"

namespace shoal::engine {

struct EngineOptions {
  std::string run_root = "/run/shoal/engine";
  std::string cgroup_parent = "/shoal";  // of containers that name none; also of conmon itself
  std::string seccomp_profile = "/usr/share/containers/seccomp.json";
  std::string crun = "/usr/bin/crun";
  std::string conmon = "/usr/bin/conmon";
  std::string init = "/usr/bin/catatonit";
  // How long the runtime may take to create a process. When it is killed at the wrong moment conmon
  // waits for ever: what the runtime had started keeps the pipe open that conmon reads the error
  // from.
  Duration create_patience = 60s;
};

class Engine {
 public:
  // Makes run_root and the supervisors' cgroup; blocks, so call it before the loop runs. The
  // process must have entered its private mounts (host.h). Loop and log must outlive the engine,
  // and the engine its containers.
  static Result<std::unique_ptr<Engine>> open(os::Loop& loop, Log& log, HostFacts host,
                                              EngineOptions options);
  virtual ~Engine() = default;

  virtual const HostFacts& host() const = 0;

  // Names the time that containers of this run root live in: another daemon over the same run root
  // has the same, after a reboot (or without the old run root) it is another.
  virtual const std::string& epoch() const = 0;

  // Creates the container's first process, waiting for start(). Errors are worded as Docker's (a
  // program that is missing or cannot be executed is InvalidArgument, see start_failure_code) and
  // leave nothing behind. When `stop` comes first, everything is undone and the answer is
  // Cancelled.
  virtual os::Co<Result<std::shared_ptr<Container>>> create(ContainerDescription description,
                                                            os::StopToken stop = {}) = 0;

  // The ids of all containers that exist under run_root, sorted; also half-made ones.
  virtual os::Co<Result<std::vector<std::string>>> list() = 0;

  // Takes over the container that an earlier daemon made, running or exited meanwhile, without
  // touching it. NotFound when there is none (also after a reboot); Internal when it was left
  // half-made: discard() it then.
  virtual os::Co<Result<std::shared_ptr<Container>>> adopt(std::string id) = 0;

  // Removes whatever is left of `id`, made whole or in part; nothing there is fine.
  virtual os::Co<Result<void>> discard(std::string id) = 0;

  // Removes the engine's own cgroups and folders, when nothing shall be left of it. Ends whatever
  // still runs below the cgroup parent. Blocks; nothing may be called afterwards.
  virtual Result<void> remove_all() = 0;
};

}  // namespace shoal::engine

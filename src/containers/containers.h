// The containers of this node: engine (processes), images (root file systems) and netdriver
// (addresses and ports) put together, for `docker run` and for the agent's tasks alike.
//
// Lifetime: made when the daemon starts, destroyed when its loop no longer runs. Containers outlive
// both: the next open() adopts them. Thread: the control thread only. Every call that touches the
// machine is a coroutine. Calls for one container wait for each other; different containers go side
// by side.
//
// Every call may be repeated: after a crash, open() finishes or removes what was half done, adopts
// what runs without touching it, and learns the exit code of what ended meanwhile.
//
// Containers are named by `ref`: full id, unique prefix of an id, or name (with or without the
// slash). Errors carry Docker's texts; "No such container: x" is NotFound everywhere.
//
// What survives: a container made by `docker create` or `run` without --rm is on disk (synced) when
// create() answers. Those of tasks and with --rm are written without waiting for the disk: after a
// power cut nobody misses them, and a crash of the daemon alone loses nothing.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "containers/container.h"
#include "containers/execs.h"
#include "containers/listening.h"
#include "containers/machine.h"
#include "containers/networks.h"
#include "containers/volumes.h"
#include "engine/container.h"
#include "network/ports.h"
#include "os/co.h"
#include "os/loop.h"
#include "os/sync.h"

namespace shoal::containers {

struct Created {
  std::string id;
  std::vector<std::string> warnings;
};

// Docker's `wait?condition=`.
enum class WaitCondition { NotRunning, NextExit, Removed };

// What a container that was started turned out to be.
enum class Readiness {
  Ready,      // it runs and, with a health check, is healthy
  Unhealthy,  // it runs, its health check failed `retries` times
  Ended,      // its process ended first: wait(NotRunning) says how
};

struct RemoveOptions {
  bool force = false;    // kills a running one
  bool volumes = false;  // removes its anonymous volumes too
};

class Attacher;

class Containers {
 public:
  explicit Containers(Machine machine);
  ~Containers();
  Containers(const Containers&) = delete;
  Containers& operator=(const Containers&) = delete;

  // Once, before anything else: reads what is there, adopts, finishes, cleans up. Then starts
  // those whose restart policy asks for it. One damaged container is logged and removed; only an
  // unusable data root is an error.
  os::Co<Result<void>> open();

  // --- finding ---
  // NotFound "No such container: x"; InvalidArgument when a prefix fits several.
  Result<ContainerRef> find(const std::string& ref) const;
  // Newest first, as `docker ps` prints them. With no `labels` all of them; otherwise those that
  // carry every one ("com.docker.swarm.task.id" with an empty value: any value).
  std::vector<ContainerRef> list(const model::Labels& labels = {}) const;
  // Called on the control thread right after each change. Registered when the daemon is wired.
  void on_event(std::function<void(const Event&)> handler);

  // --- life ---
  // Merges the image's settings, checks, chooses the id, and writes the container down; its root is
  // mounted by start(). The image must be here: NotFound "No such image: x" otherwise.
  // AlreadyExists when the name is taken, InvalidArgument with Docker's texts for the rest.
  os::Co<Result<Created>> create(model::ContainerConfig config);
  // True when it was started, false when it ran already (Docker's 304). An error names why, and the
  // container is then Created (or Exited) with exit code 126, 127 or 128 and state.error.
  os::Co<Result<bool>> start(std::string ref);
  // Comes back when it runs healthy, turned unhealthy, or ended. `stop` gives up: Cancelled.
  os::Co<Result<Readiness>> wait_ready(std::string ref, os::StopToken stop = {});
  // Comes back true once it listens at the ports, see listening.h.
  os::Co<Result<bool>> wait_listening(std::string ref, AwaitedPorts awaited, Duration within,
                                      os::StopToken stop = {});
  // Comes back true once it has accepted every connection, see listening.h.
  os::Co<Result<bool>> wait_accepted(std::string ref, Duration within);
  // `stop` gives up: Cancelled. With Removed a container that is gone meanwhile is no error.
  os::Co<Result<ExitStatus>> wait(std::string ref, WaitCondition condition,
                                  os::StopToken stop = {});
  // Signal (the container's own when empty), then SIGKILL after `grace` (the container's own when
  // unset; negative: never). False when it did not run (304). Also ends restarts by policy.
  os::Co<Result<bool>> stop(std::string ref, std::optional<Duration> grace = {},
                            std::string signal = {});
  os::Co<Result<void>> restart(std::string ref, std::optional<Duration> grace = {},
                               std::string signal = {});
  // `signal`: "KILL", "SIGTERM", "9". Conflict when it does not run.
  os::Co<Result<void>> kill(std::string ref, std::string signal);
  os::Co<Result<void>> pause(std::string ref);
  os::Co<Result<void>> unpause(std::string ref);
  os::Co<Result<void>> rename(std::string ref, std::string name);
  // Conflict when it runs and `force` is not set. After success nothing of it is left. A start that
  // is under way is given up when `force` is set.
  os::Co<Result<void>> remove(std::string ref, RemoveOptions options);

  // --- its networks ---
  // One more, of which `connection` gives the name or id and what is asked there; one that does not
  // run is connected when it starts. Errors in Docker's words: PermissionDenied when it is in there
  // already, NotFound, InvalidArgument, Conflict as for create() and start().
  os::Co<Result<void>> connect_network(std::string ref, model::NetworkConnection connection);
  // By the network's name or id; also from one that is gone. Internal, as Docker answers, when it
  // is not in there.
  os::Co<Result<void>> disconnect_network(std::string ref, std::string network);

  // --- looking into one ---
  // Its streams. Connected at once when it runs; otherwise with its next start, before its program
  // runs, so that nothing is missed. The error of that start when it fails, Cancelled on `stop`.
  os::Co<Result<std::unique_ptr<engine::Attachment>>> attach(std::string ref,
                                                             os::StopToken stop = {});
  // Conflict when it does not run.
  os::Co<Result<void>> resize(std::string ref, uint16_t rows, uint16_t columns);
  // Also of one that has ended. FailedPrecondition with log driver "none".
  Result<std::unique_ptr<engine::LogReader>> logs(const std::string& ref, engine::LogQuery query);
  os::Co<Result<engine::ProcessTable>> top(std::string ref, std::string ps_args);
  // Empty while it does not run.
  os::Co<Result<std::optional<engine::Stats>>> stats(std::string ref);
  // Stopped when the run that is under way has ended; already stopped when none is.
  os::StopToken ended(const Container& container) const;
  // Bytes in its writable layer; 0 when it never ran.
  os::Co<Result<uint64_t>> size_bytes(std::string ref);

  Execs& execs();
  Volumes& volumes();
  Networks& networks();

  // Who attaches containers to networks of the swarm; before open(). Without one: nobody.
  void attach_with(Attacher& attacher);

  // --- the node's published service ports, see netdriver::Ingress::set_ports ---
  os::Co<Result<void>> set_ingress(std::vector<network::IngressPort> ports);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::containers

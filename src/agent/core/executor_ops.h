// What the agent's core asks of whatever runs containers, and what it is told back.
//
// The core (agent.h) decides, the executor acts: the real one on containers/, the simulator's in
// virtual time. Rules between them:
// - For one task at most one operation is under way; the core waits for its outcome before it asks
//   for the next. Exception: Stop and Remove may be asked while a Prepare or Start is under way.
//   The executor then gives that one up as soon as it can (it need not answer it any more) and
//   answers the Stop or Remove.
// - Every operation is idempotent: asked again after a restart of the agent it picks up what is
//   there (a created container is prepared, a running one started, a stopped one stopped).
// - Outcomes may come in any order between tasks and late; the core passes over those that no
// longer
//   fit.
// - Containers outlive the agent. At its start the shell calls Agent::adopt() with what it found.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/task.h"

namespace shoal::agent {

enum class OperationKind {
  Prepare,  // pull the image if it is not there, create the container, its mounts and network
  Start,    // start the process; done when it runs and, with a health check, is healthy
  Stop,     // stop signal, grace period, kill; the container stays, for its logs
  Remove,   // delete the container and all that belonged to it; a running one is killed first
};

struct Operation {
  OperationKind kind = OperationKind::Prepare;
  model::TaskId task_id;
  model::Ref<model::Task> task;  // null when the agent only adopted the container
};

// Answers Prepare.
struct Prepared {
  model::ContainerStatus container;  // container_id only
};

// Answers Start.
struct Started {
  model::ContainerStatus container;           // container_id and pid
  std::vector<model::PortConfig> host_ports;  // what was published for mode=host
};

// The process ended, in whatever operation and also with none under way. A container that is
// unhealthy for too long is stopped by the executor and reported with error
// "dockerexec: unhealthy container". Answers Start when the process ended before that was done.
struct Exited {
  model::ContainerStatus container;  // exit_code is set
  std::string error;                 // beyond the exit code; may be empty
};

// Answers Stop: nothing of the task runs (any more). Also when there never was a container. An
// executor that saw the process end may send Exited as well, before or after.
struct Stopped {
  std::optional<model::ContainerStatus> container;
};

// Answers Remove.
struct Removed {};

// Answers any operation that did not succeed. A temporary failure is one that passes by itself: it
// is tried again with a growing pause. The others end the task (REJECTED before STARTING, FAILED
// from there on), and its replacement may go to another node. A Stop or Remove that failed is
// always tried again.
struct OperationFailed {
  OperationKind kind = OperationKind::Prepare;
  std::string error;  // as `docker service ps` shall show it
  bool temporary = false;
};

struct Outcome {
  model::TaskId task_id;
  std::variant<Prepared, Started, Exited, Stopped, Removed, OperationFailed> result;
};

// A task's container that was there when the agent started.
struct FoundContainer {
  enum class Condition { Created, Running, Exited };

  model::TaskId task_id;
  Condition condition = Condition::Created;
  model::ContainerStatus container;
  std::vector<model::PortConfig> host_ports;
};

}  // namespace shoal::agent

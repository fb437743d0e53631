// One container of this node as its owner keeps it: what it was made from, and how it is.
//
// Containers (containers.h) hands out `ContainerRef`s. They are live: on the control thread the
// fields follow what happens, and a container that was removed keeps its last values. Readers must
// be on the control thread and must expect any field but `id` and `created_at` to differ after a
// co_await.
#pragma once

#include <sys/types.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/container.h"

namespace shoal::containers {

// Docker's State.Status.
enum class Status { Created, Running, Paused, Restarting, Removing, Exited, Dead };
// "created", "running", …
std::string_view status_name(Status status);
std::optional<Status> parse_status(std::string_view name);

enum class HealthStatus { None, Starting, Healthy, Unhealthy };
// "none", "starting", "healthy", "unhealthy"
std::string_view health_name(HealthStatus status);

struct HealthProbe {
  Time started_at;
  Time ended_at;
  int exit_code = 0;
  std::string output;  // at most kProbeOutputMax bytes
};
inline constexpr size_t kProbeOutputMax = 4096;
inline constexpr size_t kProbesKept = 5;  // as Docker

struct Health {
  HealthStatus status = HealthStatus::None;  // None: there is no health check
  int failing_streak = 0;
  std::deque<HealthProbe> log;  // the last kProbesKept, oldest first
};

struct State {
  Status status = Status::Created;
  pid_t pid = 0;  // 0 while nothing runs
  int exit_code = 0;
  bool oom_killed = false;
  std::string error;  // why the last start failed
  Time started_at;
  Time finished_at;
  Health health;

  // A process is there: Running, or Paused. Docker's State.Running.
  bool is_running() const { return status == Status::Running || status == Status::Paused; }
};

// Where the container sits in a network. Empty addresses while it does not run.
struct Endpoint {
  std::string network;  // its name
  std::string network_id;
  std::string driver;  // "bridge", "overlay", "host", "null"
  std::string endpoint_id;
  std::string address;  // "172.17.0.2"
  int prefix_length = 0;
  std::string address6;
  int prefix_length6 = 0;
  std::string gateway;
  std::string mac;
  std::string asked_address;  // by the user
  std::vector<std::string> aliases;
  std::vector<std::string> names;  // under which the others find it; empty where nobody looks
};

// Docker's MountPoint: what is mounted where, volumes resolved.
struct MountPoint {
  model::MountType type = model::MountType::Bind;
  std::string name;    // the volume's; empty for bind and tmpfs
  std::string source;  // host path
  std::string target;
  std::string driver;  // "local" for volumes
  std::string propagation;
  bool read_only = false;
  bool anonymous = false;  // goes with the container when its volumes are asked to
};

struct Container {
  std::string id;    // 64 hex digits
  std::string name;  // without the slash
  Time created_at;
  // The image's settings are merged in: what is here is what runs.
  model::ContainerConfig config;
  std::string image_id;  // "sha256:…"
  std::vector<MountPoint> mounts;

  State state;
  int restart_count = 0;
  std::vector<model::PortBinding> ports;  // published: host ports chosen; empty while not running
  std::vector<Endpoint> networks;         // in the order of config.networks
  // Its link to the node's own bridge, if it has one: one of its networks, or, of a container on
  // overlays, only its way out.
  std::optional<Endpoint> endpoint;
  std::string log_path;  // empty with log driver none
  std::string folder;    // this container's own, under the data root

  const model::Labels& labels() const { return config.spec.labels; }
  std::string image() const { return config.spec.image; }  // as it was asked for
  std::string stop_signal() const;                         // "SIGTERM" unless given
  Duration stop_grace_period() const;                      // 10 s unless given
  bool has_health_check() const;
};
using ContainerRef = std::shared_ptr<const Container>;

// Docker's events of type "container". `attributes` hold image, name and the labels, and what the
// action adds (exitCode, signal, oldName, execID, execDuration …).
struct Event {
  std::string action;  // create, start, die, stop, kill, oom, destroy, "health_status: healthy" …
  ContainerRef container;
  model::Labels attributes;
  Time at;
};

// How a run ended.
struct ExitStatus {
  int code = 0;  // 128 + signal when a signal ended it
  bool oom_killed = false;
  std::string error;  // why it could not be started; the code is then 126, 127 or 128
  Time at;
};

}  // namespace shoal::containers

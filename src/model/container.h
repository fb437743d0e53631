// A container as it is asked for, by `docker run` or for a task: what to run (ContainerSpec) and
// how this machine shall hold it (Docker's Config and HostConfig of API 1.50).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/container_spec.h"
#include "model/service.h"

namespace shoal::model {

struct PortBinding {
  PortProtocol protocol = PortProtocol::Tcp;
  uint16_t container_port = 0;
  std::string host_ip;     // empty: every address
  uint16_t host_port = 0;  // 0: a free one is chosen

  bool operator==(const PortBinding&) const = default;
};

struct DeviceMapping {
  std::string host_path;
  std::string container_path;
  std::string permissions;  // of "rwm"

  bool operator==(const DeviceMapping&) const = default;
};

enum class NetworkDriver { Bridge, Overlay, Host, Null };

// A network that the container is on.
struct NetworkConnection {
  NetworkDriver driver = NetworkDriver::Bridge;
  std::string network;  // its id
  std::string name;
  std::string address;                 // asked for, without prefix length; empty: any
  std::vector<std::string> addresses;  // that the swarm gave it, of an overlay: CIDR text
  std::vector<std::string> aliases;
  bool ingress = false;   // of the routing mesh: nobody looks up names there
  bool internal = false;  // no way out of it
  // An overlay that a user's container is attached to by way of a manager, at each start.
  bool attachable = false;
  std::string attachment;  // the task that stands for it there, while it is attached

  bool operator==(const NetworkConnection&) const = default;
};

// Docker's HostConfig.RestartPolicy: for containers that no service owns.
enum class ContainerRestart { No, Always, UnlessStopped, OnFailure };

struct ContainerConfig {
  std::string name;  // empty: a name is made up
  ContainerSpec spec;

  // Standard streams, for `docker run` and attach.
  bool attach_stdin = false;
  bool attach_stdout = false;
  bool attach_stderr = false;
  bool stdin_once = false;

  std::string domainname;
  std::vector<std::string> exposed_ports;  // "80/tcp"
  Labels annotations;                      // OCI annotations

  // Limits; 0 is "no limit" everywhere.
  int64_t nano_cpus = 0;
  int64_t cpu_shares = 0;
  int64_t cpu_quota_us = 0;
  int64_t cpu_period_us = 0;
  std::string cpuset_cpus;
  int64_t memory_bytes = 0;
  int64_t memory_swap_bytes = 0;  // memory plus swap; -1: unlimited
  int64_t memory_reservation_bytes = 0;
  int64_t pids_max = 0;
  int64_t shm_size_bytes = 0;  // 0: 64 MiB
  bool oom_kill_disable = false;

  // "", "default", "bridge", "host", "none", "container:ID", or the name or id of a network
  std::string network_mode;
  std::vector<NetworkConnection> networks;  // eth0 is in the first of them
  std::vector<PortBinding> ports;
  bool publish_all = false;
  std::string pid_mode;  // "", "host", "container:ID"
  std::string ipc_mode;  // "", "private", "shareable", "host", "container:ID", "none"
  std::string uts_mode;  // "", "host"
  std::string cgroup_parent;
  bool privileged = false;
  std::vector<DeviceMapping> devices;
  std::vector<std::string> security_options;  // "seccomp=unconfined", "no-new-privileges" …
  std::vector<std::string> volumes_from;
  bool auto_remove = false;
  ContainerRestart restart = ContainerRestart::No;
  int32_t restart_max_attempts = 0;  // OnFailure only; 0: no limit
  std::optional<Driver> log_driver;  // json-file when unset
  std::string platform;              // as asked for, "linux/amd64"

  bool operator==(const ContainerConfig&) const = default;
};

}  // namespace shoal::model

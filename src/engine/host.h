// What this machine is: its cgroup layout and the facts that `docker info` and a node's description
// show. Read once at start; nothing here changes while the daemon runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace shoal::engine {

// V1: one hierarchy a controller. V2: one hierarchy for all. Hybrid: v1 controllers and beside them
// an empty v2 hierarchy at /sys/fs/cgroup/unified (systemd's `hybrid` mode).
enum class CgroupLayout { V1, V2, Hybrid };

struct HostFacts {
  CgroupLayout cgroup_layout = CgroupLayout::V2;
  std::vector<std::string> cgroup_controllers;  // sorted: "cpu", "memory", "pids" …
  int32_t cpu_count = 0;                        // online
  int64_t memory_bytes = 0;
  int64_t swap_bytes = 0;
  std::string kernel_version;    // "6.1.0-18-amd64"
  std::string operating_system;  // PRETTY_NAME of os-release
  std::string os_version;        // VERSION_ID of os-release
  std::string architecture;      // "x86_64"
  std::string hostname;
  std::string boot_id;  // changes with every boot of the machine
  bool seccomp = false;
  bool swap_limit = false;  // the memory controller also limits swap
};

// Reads the facts; blocks for about a millisecond. Unavailable when no cgroup controller is
// mounted.
Result<HostFacts> read_host_facts();

// Gives this process a mount namespace of its own, to which the machine's mounts still propagate
// but from which nothing propagates back, and takes /sys/fs/cgroup/unified out of it: crun 1.8.1
// refuses the hybrid layout. To be called once, before any thread is started; needs root.
Result<void> enter_private_mounts();

// The same for a daemon that follows another one with the same `run_root` (engine.h): when a
// supervisor of its containers still runs, joins the mount namespace that it and they were made in,
// where their network namespaces and root file systems are mounted.
Result<void> enter_private_mounts(const std::string& run_root);

}  // namespace shoal::engine

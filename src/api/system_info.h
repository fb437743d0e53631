// What GET /info and /version show of this machine and this daemon. The daemon fills it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/time.h"

namespace shoal::api {

// Known when the daemon starts.
struct SystemFacts {
  std::string daemon_id;
  std::string hostname;
  std::string shoal_version;
  std::string root_dir;
  std::string kernel_version;
  std::string operating_system;
  std::string os_version;
  std::string architecture;  // as uname says: "x86_64"
  int64_t cpu_count = 0;
  int64_t memory_bytes = 0;
  int cgroup_version = 2;
  bool swap_limit = false;
  bool seccomp = false;
  bool debug = false;
  std::vector<std::string> labels;  // "key=value"
  std::vector<std::string> insecure_registries;
};

// Changes while it runs.
struct SystemCounts {
  int64_t containers = 0;
  int64_t running = 0;
  int64_t paused = 0;
  int64_t stopped = 0;
  int64_t images = 0;
};

}  // namespace shoal::api

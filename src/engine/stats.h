// What a container uses, from its cgroup's files (v1 and v2), for `docker stats`.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace shoal::engine {

struct Stats {
  Time read_at;
  // Processor time since the container started.
  uint64_t cpu_total_ns = 0;
  uint64_t cpu_user_ns = 0;
  uint64_t cpu_kernel_ns = 0;
  uint64_t system_cpu_ns = 0;  // of the whole machine, all processors, since it booted
  int32_t cpu_count = 0;
  uint64_t cpu_periods = 0;  // of the bandwidth limit, and those cut short
  uint64_t cpu_throttled_periods = 0;
  uint64_t cpu_throttled_ns = 0;
  uint64_t memory_usage_bytes = 0;
  uint64_t memory_inactive_file_bytes = 0;  // docker subtracts these from the usage
  uint64_t memory_max_usage_bytes = 0;      // 0 where the kernel does not count it
  uint64_t memory_limit_bytes = 0;          // the machine's memory when there is no limit
  uint64_t pids_current = 0;
  uint64_t pids_limit = 0;  // 0: none
  uint64_t block_read_bytes = 0;
  uint64_t block_write_bytes = 0;
};

}  // namespace shoal::engine

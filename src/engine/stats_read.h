// Reading the statistics from the cgroup's files; private to the room. Blocks.
#pragma once

#include "engine/cgroup.h"
#include "engine/stats.h"

namespace shoal::engine {

// Everything but read_at. What the kernel does not tell stays 0.
Stats read_stats(const Cgroups& cgroups, const std::string& cgroup, const HostFacts& host);

// The processor time that the first line of /proc/stat tells, in nanoseconds.
uint64_t parse_system_cpu_ns(std::string_view proc_stat, int64_t ticks_per_second);

}  // namespace shoal::engine

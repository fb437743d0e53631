#include "engine/stats_read.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "os/file.h"

namespace shoal::engine {
namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;
constexpr uint64_t kNsPerUs = 1000;

uint64_t number(const std::optional<std::string>& text) {
  return text ? std::strtoull(text->c_str(), nullptr, 10) : 0;
}

// The sum of "KEY=number" over all devices (v2) or of the "DEVICE Key number" lines (v1).
uint64_t sum_after(const std::optional<std::string>& text, const std::string& key) {
  uint64_t sum = 0;
  if (!text) return sum;
  for (size_t at = text->find(key); at != std::string::npos; at = text->find(key, at + 1)) {
    sum += std::strtoull(text->c_str() + at + key.size(), nullptr, 10);
  }
  return sum;
}

void read_v2(const Cgroups& cgroups, const std::string& group, Stats& stats) {
  const auto file = [&](const char* name) { return cgroups.read("", group, name); };
  const std::string cpu = file("cpu.stat").value_or("");
  const auto cpu_value = [&](const char* key) { return keyed_number(cpu, key).value_or(0); };
  stats.cpu_total_ns = cpu_value("usage_usec") * kNsPerUs;
  stats.cpu_user_ns = cpu_value("user_usec") * kNsPerUs;
  stats.cpu_kernel_ns = cpu_value("system_usec") * kNsPerUs;
  stats.cpu_periods = cpu_value("nr_periods");
  stats.cpu_throttled_periods = cpu_value("nr_throttled");
  stats.cpu_throttled_ns = cpu_value("throttled_usec") * kNsPerUs;
  stats.memory_usage_bytes = number(file("memory.current"));
  stats.memory_max_usage_bytes = number(file("memory.peak"));
  stats.memory_limit_bytes = number(file("memory.max"));  // "max" reads as 0
  stats.memory_inactive_file_bytes =
      keyed_number(file("memory.stat").value_or(""), "inactive_file").value_or(0);
  stats.block_read_bytes = sum_after(file("io.stat"), " rbytes=");
  stats.block_write_bytes = sum_after(file("io.stat"), " wbytes=");
}

void read_v1(const Cgroups& cgroups, const std::string& group, Stats& stats) {
  const auto cpu = [&](const char* name) { return cgroups.read("cpuacct", group, name); };
  stats.cpu_total_ns = number(cpu("cpuacct.usage"));
  stats.cpu_user_ns = number(cpu("cpuacct.usage_user"));
  stats.cpu_kernel_ns = number(cpu("cpuacct.usage_sys"));
  const std::string throttling = cgroups.read("cpu", group, "cpu.stat").value_or("");
  stats.cpu_periods = keyed_number(throttling, "nr_periods").value_or(0);
  stats.cpu_throttled_periods = keyed_number(throttling, "nr_throttled").value_or(0);
  stats.cpu_throttled_ns = keyed_number(throttling, "throttled_time").value_or(0);
  const auto memory = [&](const char* name) { return cgroups.read("memory", group, name); };
  stats.memory_usage_bytes = number(memory("memory.usage_in_bytes"));
  stats.memory_max_usage_bytes = number(memory("memory.max_usage_in_bytes"));
  stats.memory_limit_bytes = number(memory("memory.limit_in_bytes"));
  stats.memory_inactive_file_bytes =
      keyed_number(memory("memory.stat").value_or(""), "total_inactive_file").value_or(0);
  const auto bytes = cgroups.read("blkio", group, "blkio.throttle.io_service_bytes");
  stats.block_read_bytes = sum_after(bytes, " Read ");
  stats.block_write_bytes = sum_after(bytes, " Write ");
}

}  // namespace

uint64_t parse_system_cpu_ns(std::string_view proc_stat, int64_t ticks_per_second) {
  std::istringstream in{std::string(proc_stat.substr(0, proc_stat.find('\n')))};
  std::string name;
  in >> name;
  uint64_t ticks = 0, value = 0;
  // user, nice, system, idle, iowait, irq, softirq, steal; guest time is in user's already.
  for (int field = 0; field < 8 && in >> value; ++field) ticks += value;
  return ticks * (kNsPerSecond / uint64_t(ticks_per_second));
}

Stats read_stats(const Cgroups& cgroups, const std::string& group, const HostFacts& host) {
  Stats stats;
  if (cgroups.layout() == CgroupLayout::V2) {
    read_v2(cgroups, group, stats);
  } else {
    read_v1(cgroups, group, stats);
  }
  const auto memory_bytes = uint64_t(host.memory_bytes);
  if (stats.memory_limit_bytes == 0 || stats.memory_limit_bytes > memory_bytes) {
    stats.memory_limit_bytes = memory_bytes;
  }
  stats.pids_current = number(cgroups.read("pids", group, "pids.current"));
  stats.pids_limit = number(cgroups.read("pids", group, "pids.max"));  // "max" reads as 0
  stats.cpu_count = host.cpu_count;
  stats.system_cpu_ns =
      parse_system_cpu_ns(os::read_file("/proc/stat").value_or(""), ::sysconf(_SC_CLK_TCK));
  return stats;
}

}  // namespace shoal::engine

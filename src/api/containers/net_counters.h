// What went through the network interfaces of a process, from /proc/PID/net/dev.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace shoal::api {

struct NetCounters {
  std::string name;  // "eth0"
  uint64_t received_bytes = 0;
  uint64_t received_packets = 0;
  uint64_t sent_bytes = 0;
  uint64_t sent_packets = 0;

  bool operator==(const NetCounters&) const = default;
};

// All interfaces but loopback, in the file's order.
std::vector<NetCounters> parse_net_counters(std::string_view text);

// Empty when the process is gone. Blocks.
std::vector<NetCounters> read_net_counters(pid_t pid);

}  // namespace shoal::api

#include "api/containers/net_counters.h"

#include <fmt/core.h>

#include <sstream>

#include "os/file.h"

namespace shoal::api {

std::vector<NetCounters> parse_net_counters(std::string_view text) {
  std::vector<NetCounters> counters;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;  // The two lines of titles.
    const auto start = line.find_first_not_of(' ');
    NetCounters one{.name = line.substr(start, colon - start)};
    if (one.name == "lo") continue;
    // bytes packets errs drop fifo frame compressed multicast | bytes packets …
    std::istringstream fields(line.substr(colon + 1));
    uint64_t skipped = 0;
    fields >> one.received_bytes >> one.received_packets;
    for (int i = 0; i < 6; ++i) fields >> skipped;
    fields >> one.sent_bytes >> one.sent_packets;
    if (fields) counters.push_back(std::move(one));
  }
  return counters;
}

std::vector<NetCounters> read_net_counters(pid_t pid) {
  const auto text = os::read_file(fmt::format("/proc/{}/net/dev", pid));
  return text ? parse_net_counters(*text) : std::vector<NetCounters>{};
}

}  // namespace shoal::api

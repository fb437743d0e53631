// For tests and benchmarks: flows without traffic. Needs root.
#pragma once

#include <cstdint>
#include <vector>

#include "network/flows.h"

namespace shoal::netdriver::testing {

struct NewFlow {
  network::Flow flow;  // of TCP or UDP
  uint16_t client_port = 0;
};

// Puts them into the connection tracking of the calling thread's namespace, as if their packets had
// been seen.
void begin_flows(const std::vector<NewFlow>& flows);

}  // namespace shoal::netdriver::testing

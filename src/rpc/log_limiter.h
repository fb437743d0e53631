// LogLimiter: what a peer does wrong is logged once a minute, however often it does it.
//
// Bounded: when too many peers misbehave at a time, those beyond share one entry.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/time.h"

namespace shoal::rpc {

class LogLimiter {
 public:
  // Unset: not now. Else how many times it was kept back since the last time.
  std::optional<uint64_t> admit(std::string key, Time now);

 private:
  struct Entry {
    Time silent_until;
    uint64_t kept_back = 0;
  };
  std::map<std::string, Entry> entries_;
};

}  // namespace shoal::rpc

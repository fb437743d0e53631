#include "rpc/log_limiter.h"

#include <utility>

namespace shoal::rpc {

constexpr Duration kSilence = 1min;
constexpr size_t kEntriesMax = 1024;

std::optional<uint64_t> LogLimiter::admit(std::string key, Time now) {
  if (entries_.size() >= kEntriesMax && !entries_.contains(key)) {
    std::erase_if(entries_, [&](const auto& entry) { return entry.second.silent_until <= now; });
    if (entries_.size() >= kEntriesMax) key = "others";
  }
  Entry& entry = entries_[std::move(key)];
  if (now < entry.silent_until) {
    ++entry.kept_back;
    return std::nullopt;
  }
  entry.silent_until = now + kSilence;
  return std::exchange(entry.kept_back, 0);
}

}  // namespace shoal::rpc

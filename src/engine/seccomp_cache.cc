#include "engine/seccomp_cache.h"

#include "base/base64.h"

namespace shoal::engine {

std::optional<std::string> SeccompCache::find(const std::vector<std::string>& capabilities) const {
  const std::lock_guard lock(mutex_);
  const auto at = filters_.find(capabilities);
  return at == filters_.end() ? std::nullopt : std::optional(at->second);
}

void SeccompCache::keep(const std::vector<std::string>& capabilities, std::string_view filter) {
  const std::lock_guard lock(mutex_);
  if (filter.empty() || filters_.size() >= kEntriesMax) return;
  filters_.emplace(capabilities, to_base64(filter));
}

}  // namespace shoal::engine

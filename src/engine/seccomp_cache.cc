#include "engine/seccomp_cache.h"

#include <cstdint>

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

std::string to_base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) {
      group = group << 8 | (at + i < bytes.size() ? uint8_t(bytes[at + i]) : 0u);
    }
    for (size_t i = 0; i < 4; ++i) {
      text += at + i > bytes.size() ? '=' : kDigits[group >> (18 - 6 * i) & 63];
    }
  }
  return text;
}

}  // namespace shoal::engine

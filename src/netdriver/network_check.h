// What comparing the kernel with what was planned has found. What is found is mended.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace shoal::netdriver {

inline constexpr size_t kDifferencesShownMax = 20;

struct NetworkCheck {
  size_t networks = 0;                    // looked at
  size_t differences = 0;                 // found
  std::vector<std::string> descriptions;  // of the first ones
  std::string failure;                    // the first of what could not be looked at or mended

  // One more difference.
  void note(std::string description) {
    ++differences;
    if (descriptions.size() < kDifferencesShownMax) descriptions.push_back(std::move(description));
  }
  void fail(std::string reason) {
    if (failure.empty()) failure = std::move(reason);
  }
  // What another part of the node has found.
  void add(const NetworkCheck& other) {
    networks += other.networks;
    for (const auto& line : other.descriptions) note(line);
    differences += other.differences - other.descriptions.size();
    if (!other.failure.empty()) fail(other.failure);
  }
  bool operator==(const NetworkCheck&) const = default;
};

}  // namespace shoal::netdriver

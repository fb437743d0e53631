// Values in the order in which they were put, each at most once. What was freed waits here for its
// turn: the longest free goes first. Every call costs O(log n).
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace shoal::network {

template <class T>
class TurnQueue {
 public:
  // Keeps its place when it is there already.
  void push(const T& value) {
    if (turns_.try_emplace(value, next_).second) order_.emplace(next_++, value);
  }
  // False when it was not there.
  bool erase(const T& value) {
    const auto at = turns_.find(value);
    if (at == turns_.end()) return false;
    order_.erase(at->second);
    turns_.erase(at);
    return true;
  }
  // Empty when nothing waits.
  std::optional<T> pop() {
    if (order_.empty()) return std::nullopt;
    const T value = order_.begin()->second;
    erase(value);
    return value;
  }
  bool empty() const { return order_.empty(); }

 private:
  std::map<T, uint64_t> turns_;
  std::map<uint64_t, T> order_;
  uint64_t next_ = 0;
};

}  // namespace shoal::network

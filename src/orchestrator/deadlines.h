// When each key is wanted again: at most one time a key, the earliest first.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/time.h"

namespace shoal::orchestrator {

template <class Key>
class Deadlines {
 public:
  // Moves the key's time when it has one.
  void set(const Key& key, Time at) {
    erase(key);
    times_.emplace(key, at);
    order_.emplace(at, key);
  }

  void erase(const Key& key) {
    const auto found = times_.find(key);
    if (found == times_.end()) return;
    order_.erase({found->second, key});
    times_.erase(found);
  }

  // Takes out the earliest key whose time has come.
  std::optional<Key> pop_due(Time now) {
    if (order_.empty() || order_.begin()->first > now) return std::nullopt;
    Key key = order_.begin()->second;
    times_.erase(key);
    order_.erase(order_.begin());
    return key;
  }

  std::optional<Time> next() const {
    return order_.empty() ? std::nullopt : std::optional(order_.begin()->first);
  }

  void clear() {
    times_.clear();
    order_.clear();
  }

 private:
  std::map<Key, Time> times_;
  std::set<std::pair<Time, Key>> order_;
};

}  // namespace shoal::orchestrator

#include "allocator/waiters.h"

namespace shoal::allocator {

void Waiters::put(const Waiter& waiter, const Cause& cause) {
  remove(waiter);
  const auto at = by_cause_.try_emplace(cause).first;
  at->second.insert(waiter);
  causes_.emplace(waiter, at);
}

void Waiters::remove(const Waiter& waiter) {
  const auto known = causes_.find(waiter);
  if (known == causes_.end()) return;
  const auto at = known->second;
  causes_.erase(known);
  at->second.erase(waiter);
  if (at->second.empty()) by_cause_.erase(at);
}

std::vector<Waiter> Waiters::take(const Cause& cause, size_t max) {
  std::vector<Waiter> taken;
  const auto at = by_cause_.find(cause);
  if (at == by_cause_.end()) return taken;
  auto& waiting = at->second;
  while (!waiting.empty() && taken.size() < max) {
    taken.push_back(*waiting.begin());
    causes_.erase(*waiting.begin());
    waiting.erase(waiting.begin());
  }
  if (waiting.empty()) by_cause_.erase(at);
  return taken;
}

}  // namespace shoal::allocator

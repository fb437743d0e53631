#include "sim/virtual_loop.h"

#include <algorithm>

#include "base/check.h"

namespace shoal::sim {

void VirtualLoop::at(Time when, Event event) {
  events_.emplace(std::pair(std::max(when, now_), ++asked_), std::move(event));
}

void VirtualLoop::run_until(Time end) {
  while (!events_.empty() && events_.begin()->first.first <= end) {
    auto next = events_.extract(events_.begin());
    instant_count_ = next.key().first == now_ ? instant_count_ + 1 : 0;
    CHECK(instant_count_ < kInstantEventsMax, "something never rests");
    now_ = next.key().first;
    ++event_count_;
    next.mapped()();
  }
  now_ = end;
}

}  // namespace shoal::sim

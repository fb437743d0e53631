// Virtual time: events run one after the other in the order of their time, those of one instant in
// the order in which they were asked for. Nothing waits, so an hour passes as fast as its events.
#pragma once

#include <functional>
#include <map>
#include <utility>

#include "base/time.h"

namespace shoal::sim {

// More events than this without time passing are a loop that spins.
inline constexpr uint64_t kInstantEventsMax = 100'000;

class VirtualLoop {
 public:
  using Event = std::function<void()>;

  explicit VirtualLoop(Time start) : now_(start) {}

  Time now() const { return now_; }
  // A time that is over already counts as now.
  void at(Time when, Event event);
  void after(Duration delay, Event event) { at(now_ + delay, std::move(event)); }
  // Runs everything up to and including `end`; the time is `end` afterwards.
  void run_until(Time end);
  uint64_t event_count() const { return event_count_; }

 private:
  Time now_;
  uint64_t asked_ = 0;
  uint64_t event_count_ = 0;
  uint64_t instant_count_ = 0;
  std::map<std::pair<Time, uint64_t>, Event> events_;
};

}  // namespace shoal::sim

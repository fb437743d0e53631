// Time as the rooms see it: an argument, never read from the world.
//
// Time counts nanoseconds since the Unix epoch. The daemon's clock (os/clock.h) anchors it to the
// wall clock when it starts and then follows the monotonic clock, so that a step of the wall clock
// never fires or starves a deadline.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace shoal {

using Duration = std::chrono::nanoseconds;
using namespace std::chrono_literals;

struct Time {
  int64_t unix_ns = 0;  // 0 means "never set"

  auto operator<=>(const Time&) const = default;
  bool is_set() const { return unix_ns != 0; }
  static constexpr Time max() { return Time{INT64_MAX}; }
};

inline Time operator+(Time t, Duration d) {
  return Time{t.unix_ns + d.count()};
}
inline Time operator-(Time t, Duration d) {
  return Time{t.unix_ns - d.count()};
}
inline Duration operator-(Time a, Time b) {
  return Duration{a.unix_ns - b.unix_ns};
}

// RFC 3339 in UTC with nanoseconds, trailing zeros of the fraction cut, as Go prints it:
// "2026-11-23T06:02:29.5Z". An unset time is "0001-01-01T00:00:00Z".
std::string to_rfc3339(Time t);
// Always nine digits of fraction, as docker's log timestamps.
std::string to_rfc3339_nano(Time t);
// Accepts "Z" and "+02:00" offsets and 0 to 9 digits of fraction.
Result<Time> parse_rfc3339(std::string_view text);

}  // namespace shoal

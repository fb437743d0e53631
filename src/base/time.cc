#include "base/time.h"

#include <fmt/chrono.h>

#include <charconv>

namespace shoal {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

struct Split {
  int64_t seconds;
  int64_t nanos;
};

Split split(Time t) {
  int64_t seconds = t.unix_ns / kNanosPerSecond;
  int64_t nanos = t.unix_ns % kNanosPerSecond;
  if (nanos < 0) {
    nanos += kNanosPerSecond;
    --seconds;
  }
  return {seconds, nanos};
}

std::string date_and_time(int64_t seconds) {
  using namespace std::chrono;
  const sys_seconds at{std::chrono::seconds{seconds}};
  const auto day = floor<days>(at);
  const year_month_day date{day};
  const hh_mm_ss clock{at - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", int(date.year()),
                     unsigned(date.month()), unsigned(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

// Reads exactly `width` digits at `at`; -1 when there is anything else.
int digits(std::string_view text, size_t at, size_t width) {
  if (at + width > text.size()) return -1;
  int value = 0;
  for (size_t i = at; i < at + width; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

std::unexpected<Error> bad_time(std::string_view text) {
  return invalid_argument("\"{}\" is not an RFC 3339 time", text);
}

// The part behind the seconds: "Z", "+hh:mm" or "-hh:mm", as seconds east of UTC.
Result<int64_t> parse_offset(std::string_view text, std::string_view rest) {
  if (rest == "Z" || rest == "z") return 0;
  if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-') || rest[3] != ':') {
    return bad_time(text);
  }
  const int hours = digits(rest, 1, 2);
  const int minutes = digits(rest, 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return bad_time(text);
  const int64_t seconds = hours * 3600 + minutes * 60;
  return rest[0] == '-' ? -seconds : seconds;
}

}  // namespace

std::string to_rfc3339(Time t) {
  if (!t.is_set()) return "0001-01-01T00:00:00Z";
  const auto [seconds, nanos] = split(t);
  std::string text = date_and_time(seconds);
  if (nanos != 0) {
    text += fmt::format(".{:09}", nanos);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text + "Z";
}

std::string to_rfc3339_nano(Time t) {
  const auto [seconds, nanos] = split(t);
  return fmt::format("{}.{:09}Z", date_and_time(seconds), nanos);
}

Result<Time> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  const int y = digits(text, 0, 4), mo = digits(text, 5, 2), d = digits(text, 8, 2);
  const int h = digits(text, 11, 2), mi = digits(text, 14, 2), s = digits(text, 17, 2);
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':') {
    return bad_time(text);
  }
  const year_month_day date{year{y}, month{unsigned(mo)}, day{unsigned(d)}};
  if (y < 1 || !date.ok() || h < 0 || h > 23 || mi < 0 || mi > 59 || s < 0 || s > 60) {
    return bad_time(text);
  }
  int64_t nanos = 0;
  size_t at = 19;
  if (text[at] == '.') {
    int64_t unit = kNanosPerSecond / 10;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10) {
      nanos += (text[at] - '0') * unit;
    }
  }
  ASSIGN_OR_RETURN(const int64_t offset, parse_offset(text, text.substr(at)));
  const int64_t day_count = sys_days{date}.time_since_epoch().count();
  const int64_t seconds = day_count * 86400 + h * 3600 + mi * 60 + s - offset;
  if (seconds < INT64_MIN / kNanosPerSecond || seconds > INT64_MAX / kNanosPerSecond - 1) {
    return Time{};  // Go's zero time (year 1) and other times that 64 bits of nanoseconds lack.
  }
  return Time{seconds * kNanosPerSecond + nanos};
}

}  // namespace shoal

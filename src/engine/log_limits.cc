#include "engine/log_limits.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>
#include <string>
#include <string_view>

namespace shoal::engine {
namespace {

constexpr LogLimits kLocalDefault{true, 20'000'000, 5};
constexpr int64_t kFilesMax = 1000;

// "10m": a number and a decimal unit, as Docker reads it here.
Result<int64_t> parse_size(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string unit(end, size_t(text.data() + text.size() - end));
  std::transform(unit.begin(), unit.end(), unit.begin(),
                 [](unsigned char c) { return char(std::tolower(c)); });
  if (unit.ends_with('b')) unit.pop_back();
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"", 1}, {"k", 1e3}, {"m", 1e6}, {"g", 1e9}, {"t", 1e12}};
  for (const auto& [name, factor] : kUnits) {
    const double bytes = number * factor;
    if (error == std::errc() && unit == name && bytes >= 1 && bytes < 1e18) return int64_t(bytes);
  }
  return invalid_argument("invalid size: '{}'", text);
}

Result<uint64_t> parse_count(const std::string& text) {
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size()) {
    return invalid_argument("invalid value for max-file: '{}'", text);
  }
  if (count < 1 || count > kFilesMax) return invalid_argument("max-file cannot be less than 1");
  return uint64_t(count);
}

}  // namespace

Result<LogLimits> log_limits(const std::optional<model::Driver>& driver) {
  if (!driver || driver->name.empty()) return LogLimits{};
  if (driver->name == "none") return LogLimits{.kept = false};
  if (driver->name != "json-file" && driver->name != "local") {
    return invalid_argument("logger: no log driver named '{}' is registered", driver->name);
  }
  // Those that change what is shown, not what is kept, are taken and do nothing.
  static const std::set<std::string> kShown = {"labels", "labels-regex", "env",  "env-regex",
                                               "tag",    "compress",     "mode", "max-buffer-size"};
  LogLimits limits = driver->name == "local" ? kLocalDefault : LogLimits{};
  for (const auto& [name, value] : driver->options) {
    if (name == "max-size") {
      ASSIGN_OR_RETURN(limits.bytes_max, parse_size(value));
    } else if (name == "max-file") {
      ASSIGN_OR_RETURN(limits.files_max, parse_count(value));
    } else if (!kShown.contains(name)) {
      return invalid_argument("unknown log opt '{}' for {} log driver", name, driver->name);
    }
  }
  if (limits.files_max > 1 && limits.bytes_max == 0) {
    return invalid_argument("max-file must be used with max-size");
  }
  return limits;
}

}  // namespace shoal::engine

#include "api/filters.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace shoal::api {
namespace {
using nlohmann::json;

std::unexpected<Error> invalid() {
  return invalid_argument("invalid filter");
}

}  // namespace

Result<FilterValues> parse_filters(std::string_view text) {
  FilterValues filters;
  if (text.empty()) return filters;
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) return invalid();
  for (const auto& [name, values] : document.items()) {
    auto& wanted = filters[name];
    if (values.is_array()) {
      for (const auto& value : values) {
        if (!value.is_string()) return invalid();
        wanted.insert(value.get<std::string>());
      }
    } else if (values.is_object()) {
      for (const auto& [value, on] : values.items()) {
        if (!on.is_boolean()) return invalid();
        if (on.get<bool>()) wanted.insert(value);
      }
    } else {
      return invalid();
    }
    if (wanted.empty()) filters.erase(name);
  }
  return filters;
}

Result<void> check_filter_names(const FilterValues& filters,
                                const std::vector<std::string_view>& known) {
  for (const auto& [name, values] : filters) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      return invalid_argument("invalid filter '{}'", name);
    }
  }
  return {};
}

bool filter_allows(const FilterValues& filters, std::string_view name, std::string_view value) {
  return filter_allows_any(filters, name, [&](const std::string& one) { return one == value; });
}

bool filter_allows_labels(const FilterValues& filters, std::string_view name,
                          const model::Labels& labels) {
  const auto found = filters.find(name);
  if (found == filters.end()) return true;
  return std::all_of(found->second.begin(), found->second.end(), [&](const std::string& wanted) {
    const size_t equals = wanted.find('=');
    const auto label = labels.find(wanted.substr(0, equals));
    if (label == labels.end()) return false;
    return equals == std::string::npos || label->second == wanted.substr(equals + 1);
  });
}

bool name_matches(std::string_view name, std::string_view pattern) {
  const bool at_start = pattern.starts_with('^');
  if (at_start) pattern.remove_prefix(1);
  const bool at_end = pattern.ends_with('$');
  if (at_end) pattern.remove_suffix(1);
  if (pattern.starts_with('/')) {
    pattern.remove_prefix(1);
    if (!at_start) return at_end ? name == pattern : name.starts_with(pattern);
  }
  if (at_start && at_end) return name == pattern;
  if (at_start) return name.starts_with(pattern);
  if (at_end) return name.ends_with(pattern);
  return name.find(pattern) != std::string_view::npos;
}

Result<Time> parse_until(const std::string& text, Time now) {
  if (auto time = parse_rfc3339(text)) return *time;
  char* unit = nullptr;
  const double number = std::strtod(text.c_str(), &unit);
  const std::string_view rest = unit;
  Duration one{0};
  if (rest.empty() || rest == "s") one = 1s;
  if (rest == "m") one = 1min;
  if (rest == "h") one = 1h;
  const double ns = number * double(one.count());
  // Also false for what is no number.
  const bool sound = !text.empty() && unit != text.c_str() && one > 0s && ns >= 0 && ns < 9e18;
  if (!sound) return invalid_argument("invalid filter 'until={}'", text);
  const Duration length{int64_t(ns)};
  return rest.empty() ? Time{} + length : now - length;
}

}  // namespace shoal::api

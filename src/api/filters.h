// The `filters` of Docker's list calls: names with the values that are wanted.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/common.h"

namespace shoal::api {

// Name of a filter to its values; several values of one name: any of them fits (labels: all).
using FilterValues = std::map<std::string, std::set<std::string>, std::less<>>;

// {"status":["running"]} or, from old clients, {"status":{"running":true}}. Empty text: no filters.
// InvalidArgument "invalid filter" for anything else.
Result<FilterValues> parse_filters(std::string_view json);

// Refuses names that are not in `known`: "invalid filter 'x'".
Result<void> check_filter_names(const FilterValues& filters,
                                const std::vector<std::string_view>& known);

// The filter is absent, or one of its values is `value`.
bool filter_allows(const FilterValues& filters, std::string_view name, std::string_view value);
// The same for a predicate: absent, or one of its values fits.
template <class Predicate>
bool filter_allows_any(const FilterValues& filters, std::string_view name, Predicate fits) {
  const auto found = filters.find(name);
  if (found == filters.end()) return true;
  for (const auto& value : found->second) {
    if (fits(value)) return true;
  }
  return false;
}

// Every value of the filter, "key" or "key=value", stands in `labels`; absent: true.
bool filter_allows_labels(const FilterValues& filters, std::string_view name,
                          const model::Labels& labels);

// Docker matches names as regular expressions; people use parts and ^anchors$ of them. A slash in
// front is what containers' names begin with.
bool name_matches(std::string_view name, std::string_view pattern);

// The "until" of prune: a Unix time, a date, or a duration before `now` ("24h") in whole units.
// InvalidArgument "invalid filter 'until=x'".
Result<Time> parse_until(const std::string& text, Time now);

}  // namespace shoal::api

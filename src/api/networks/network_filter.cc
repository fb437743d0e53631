#include "api/networks/network_filter.h"

#include "api/networks/node_networks.h"

namespace shoal::api {
namespace {

constexpr std::string_view kDangling = "dangling";

bool is_yes(std::string_view value) {
  return value == "true" || value == "1";
}
bool is_no(std::string_view value) {
  return value == "false" || value == "0";
}

Result<void> check_dangling(const FilterValues& filters) {
  const auto found = filters.find(kDangling);
  if (found == filters.end()) return {};
  if (found->second.size() > 1) {
    return invalid_argument("got more than one value for filter key \"dangling\"");
  }
  const std::string& value = *found->second.begin();
  if (is_yes(value) || is_no(value)) return {};
  return invalid_argument(
      "invalid value for filter 'dangling', must be \"true\" (or \"1\"), or \"false\" (or \"0\")");
}

}  // namespace

Result<FilterValues> network_filters(const Request& request) {
  ASSIGN_OR_RETURN(FilterValues filters, parse_filters(request.query_value("filters")));
  RETURN_IF_ERROR(
      check_filter_names(filters, {kDangling, "driver", "id", "label", "name", "scope", "type"}));
  if (const auto types = filters.find("type"); types != filters.end()) {
    for (const auto& type : types->second) {
      if (type == "builtin" || type == "custom") continue;
      return invalid_argument("invalid filter: 'type'='{}'", type);
    }
  }
  RETURN_IF_ERROR(check_dangling(filters));
  return filters;
}

bool fits(const FilterValues& filters, const codec::NetworkResource& network,
          const std::set<std::string>& used) {
  const auto in_name = [&](const std::string& part) { return name_matches(network.name, part); };
  const auto in_id = [&](const std::string& part) { return network.id.contains(part); };
  const bool builtin = network.scope == "local" && is_predefined(network.name);
  const bool dangling = !builtin && !used.contains(network.id);
  const auto as_dangling = [&](const std::string& value) { return is_yes(value) == dangling; };
  return filter_allows_any(filters, "name", in_name) && filter_allows_any(filters, "id", in_id) &&
         filter_allows(filters, "driver", network.driver) &&
         filter_allows(filters, "scope", network.scope) &&
         filter_allows(filters, "type", builtin ? "builtin" : "custom") &&
         filter_allows_any(filters, kDangling, as_dangling) &&
         filter_allows_labels(filters, "label", network.labels);
}

Result<PruneFilters> prune_filters(const Request& request, Time now) {
  PruneFilters filters;
  ASSIGN_OR_RETURN(filters.values, parse_filters(request.query_value("filters")));
  RETURN_IF_ERROR(check_filter_names(filters.values, {"until", "label", "label!"}));
  const auto until = filters.values.find("until");
  if (until == filters.values.end()) return filters;
  if (until->second.size() > 1) return invalid_argument("more than one until filter specified");
  ASSIGN_OR_RETURN(filters.until, parse_until(*until->second.begin(), now));
  return filters;
}

bool fits(const PruneFilters& filters, const model::Annotations& annotations, Time created_at) {
  const model::Labels& labels = annotations.labels;
  const bool unwanted =
      filters.values.contains("label!") && filter_allows_labels(filters.values, "label!", labels);
  return !unwanted && created_at < filters.until &&
         filter_allows_labels(filters.values, "label", labels);
}

}  // namespace shoal::api

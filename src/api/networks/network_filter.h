// The filters of GET /networks and POST /networks/prune.
#pragma once

#include <set>
#include <string>

#include "api/filters.h"
#include "api/http/message.h"
#include "codec/json_network.h"

namespace shoal::api {

// InvalidArgument for unknown filters, types other than builtin and custom, and a `dangling` that
// is not one yes or no.
Result<FilterValues> network_filters(const Request& request);
// `used`: the ids of networks that services or containers use, for `dangling`.
bool fits(const FilterValues& filters, const codec::NetworkResource& network,
          const std::set<std::string>& used);

struct PruneFilters {
  FilterValues values;
  Time until = Time::max();
};
Result<PruneFilters> prune_filters(const Request& request, Time now);
bool fits(const PruneFilters& filters, const model::Annotations& annotations, Time created_at);

}  // namespace shoal::api

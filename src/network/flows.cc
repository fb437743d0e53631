#include "network/flows.h"

#include <algorithm>

namespace shoal::network {

bool matches(const Flow& flow, const FlowFilter& filter) {
  if (filter.server && flow.server != *filter.server) return false;
  if (filter.client && flow.client != *filter.client) return false;
  if (filter.asked && flow.asked != *filter.asked) return false;
  if (filter.protocol && flow.protocol != filter.protocol) return false;
  if (filter.server_port && flow.server_port != *filter.server_port) return false;
  return !filter.asked_port || flow.asked_port == *filter.asked_port;
}

FlowFilters::FlowFilters(std::span<const FlowFilter> filters) {
  for (const auto& filter : filters) {
    if (filter.server) {
      by_server_.emplace(*filter.server, filter);
    } else if (filter.client) {
      by_client_.emplace(*filter.client, filter);
    } else {
      others_.push_back(filter);
    }
  }
}

bool FlowFilters::match(const Flow& flow) const {
  const auto any = [&](const auto& range) {
    return std::any_of(range.first, range.second,
                       [&](const auto& entry) { return matches(flow, entry.second); });
  };
  return any(by_server_.equal_range(flow.server)) || any(by_client_.equal_range(flow.client)) ||
         std::ranges::any_of(others_, [&](const auto& filter) { return matches(flow, filter); });
}

}  // namespace shoal::network

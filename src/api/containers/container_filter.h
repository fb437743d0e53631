// The filters of GET /containers/json, as `docker ps --filter` sends them.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "api/filters.h"
#include "containers/container.h"

namespace shoal::api {

// What the filters need to know beyond the container.
struct FilterWorld {
  // NotFound "No such container: x".
  std::function<Result<containers::ContainerRef>(const std::string&)> find_container;
  // The ids of the image of that name and of all that it is made of; empty when it is not here.
  std::function<std::string(const std::string&)> image_id;
};

class ContainerFilter {
 public:
  // InvalidArgument for an unknown filter or value; NotFound for `before` or `since` of nothing.
  static Result<ContainerFilter> make(FilterValues filters, const FilterWorld& world);

  bool passes(const containers::Container& container) const;
  // A filter on the state means that stopped ones are asked for too.
  bool wants_stopped() const { return filters_.contains("status") || filters_.contains("exited"); }

 private:
  const std::set<std::string>* values(std::string_view name) const;
  bool passes_state(const containers::Container& container) const;
  bool passes_parts(const containers::Container& container) const;

  FilterValues filters_;
  std::set<std::string> image_ids_;  // of `ancestor`
  Time before_ = Time::max();
  Time since_;
};

}  // namespace shoal::api

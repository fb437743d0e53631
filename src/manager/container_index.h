// ContainerIndex: which task has the container of an id, or of the start of one. Attachments have
// none: their containers are their users'.
//
// Pure. Fed with every durable change of the store, after load(). 34 bytes a container.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "store/sorted_set.h"
#include "store/tables.h"

namespace shoal::manager {

class ContainerIndex {
 public:
  // Forgets what was there. Takes time in proportion to the number of tasks.
  void load(const store::Tables& tables);
  void apply(const store::Change& change);

  // The tasks whose container's id starts with `prefix`, hex digits in lower case; at most
  // `limit`. None for an empty prefix, and none whose container `tables` does not have (any more).
  std::vector<model::Ref<model::Task>> find(const store::Tables& tables, std::string_view prefix,
                                            size_t limit) const;

 private:
  // The first 16 digits as a number: of 100,000 containers no two are likely to share them.
  using Entry = std::pair<uint64_t, model::TaskId>;
  static std::optional<Entry> entry_of(const model::Task* task);

  store::SortedSet<Entry, std::less<Entry>> entries_;
};

}  // namespace shoal::manager

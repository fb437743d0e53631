// What every stored object has: version, times, a name and labels.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/time.h"
#include "model/ids.h"

namespace shoal::model {

// Grows with every durable transaction; an update must name the version it read.
using Version = uint64_t;

struct Meta {
  Version version = 0;
  Time created_at;
  Time updated_at;

  bool operator==(const Meta&) const = default;
};

using Labels = std::map<std::string, std::string>;

struct Annotations {
  std::string name;
  Labels labels;

  bool operator==(const Annotations&) const = default;
};

// A plugin with its options: log driver, volume driver, network driver.
struct Driver {
  std::string name;
  Labels options;

  bool operator==(const Driver&) const = default;
};

}  // namespace shoal::model

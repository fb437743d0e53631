// The one place where values are encrypted on their way to the disk and back.
//
// The engine passes every value through a Sealer with the record's key, so that a sealed value
// cannot be moved to another record. Called on the engine's writer thread, and by load() before
// that thread exists.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace shoal::state {

class Sealer {
 public:
  virtual ~Sealer() = default;
  // `key` names the record ("task/abc") and must be the same when it is opened.
  virtual std::string seal(std::string_view key, std::string plain) = 0;
  virtual Result<std::string> open(std::string_view key, std::string sealed) = 0;
};

// Stores values as they are.
class PlainSealer final : public Sealer {
 public:
  std::string seal(std::string_view, std::string plain) override { return plain; }
  Result<std::string> open(std::string_view, std::string sealed) override { return sealed; }
};

}  // namespace shoal::state

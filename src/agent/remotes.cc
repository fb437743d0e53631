#include "agent/remotes.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace shoal::agent {

Remotes::Remotes(std::vector<std::string> addresses) : addresses_(std::move(addresses)) {
  CHECK(!addresses_.empty(), "a node without a manager to speak to");
}

void Remotes::failed() {
  at_ = (at_ + 1) % addresses_.size();
}

bool Remotes::replace(std::vector<std::string> addresses) {
  if (addresses.empty() || addresses == addresses_) return false;
  const auto same = std::find(addresses.begin(), addresses.end(), current());
  at_ = same == addresses.end() ? 0 : size_t(same - addresses.begin());
  addresses_ = std::move(addresses);
  return true;
}

}  // namespace shoal::agent

// Remotes: the managers that a node knows, and the one that it speaks to.
//
// It stays with a manager as long as that one answers, and goes on to the next one after a failure,
// round and round. Managers that a list lacks are forgotten (wire.md, "Sequence", step 4). Pure.
#pragma once

#include <string>
#include <vector>

namespace shoal::agent {

class Remotes {
 public:
  // Addresses "host:port", at least one.
  explicit Remotes(std::vector<std::string> addresses);

  const std::string& current() const { return addresses_[at_]; }
  const std::vector<std::string>& all() const { return addresses_; }
  void failed();
  // The list from a manager; an empty one says nothing. True when it is another one than before.
  // The present manager stays the present one if the list has it.
  bool replace(std::vector<std::string> addresses);

 private:
  std::vector<std::string> addresses_;
  size_t at_ = 0;
};

}  // namespace shoal::agent

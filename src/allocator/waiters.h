// Who waits for what, so that only they are looked at again when it comes.
#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "model/ids.h"

namespace shoal::allocator {

// What somebody lacks.
struct Cause {
  enum class Kind {
    Port,     // a published port; no key
    Subnet,   // for a network; no key
    Network,  // key: its id, or its name in lower case; empty: the ingress network
    Address,  // key: the network's id
    Service,  // a task waits with its service; key: the service's id
  };
  Kind kind = Kind::Port;
  std::string key;

  auto operator<=>(const Cause&) const = default;
};

// In the order in which they get what there is too little of.
using Waiter = std::variant<model::NetworkId, model::ServiceId, model::NodeId, model::TaskId>;

class Waiters {
 public:
  // In the place of what it waited for until now.
  void put(const Waiter& waiter, const Cause& cause);
  // It waits no more, or did not wait.
  void remove(const Waiter& waiter);
  // At most `max` of those who wait for it; they wait no more.
  std::vector<Waiter> take(const Cause& cause, size_t max = size_t(-1));
  bool any(const Cause& cause) const { return by_cause_.contains(cause); }

 private:
  using ByCause = std::map<Cause, std::set<Waiter>>;

  ByCause by_cause_;  // no empty sets
  std::map<Waiter, ByCause::iterator> causes_;
};

}  // namespace shoal::allocator

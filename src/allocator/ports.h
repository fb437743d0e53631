// Who holds which published ingress port.
#pragma once

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "store/tables.h"

namespace shoal::allocator {

// The range that automatic ports come from, per protocol; both ends belong to it.
inline constexpr uint32_t kDynamicPortFirst = 30'000;
inline constexpr uint32_t kDynamicPortLast = 32'767;

// Refuses a spec that publishes a port which another service holds, with Docker's words: "port
// '8081' is already in use by service 'web' (<id>) as an ingress port". `self` is the service that
// is updated, or empty. Host-mode ports may repeat among themselves: the scheduler spreads them.
// For the API, before it writes; costs nothing unless the spec publishes a fixed port, otherwise a
// walk over the services.
Result<void> check_ports_free(const store::Tables& tables, const model::ServiceSpec& spec,
                              const model::ServiceId& self);

class PortTable {
 public:
  // Takes over what a stored service holds. Gives back what it held before.
  void hold(const model::Service& service);
  // False when it held nothing.
  bool release(const model::ServiceId& service);
  void clear();

  // The ports for `service.spec`, held from now on in the place of those before. Automatic ports
  // stay what they were as far as they can. On an error (FailedPrecondition, naming the port)
  // nothing changes.
  Result<std::vector<model::PortConfig>> allocate(const model::Service& service,
                                                  const store::Tables& tables);

 private:
  using Key = std::pair<model::PortProtocol, uint32_t>;

  Result<uint32_t> lowest_free(model::PortProtocol protocol, const std::set<Key>& taken) const;
  void put(const model::ServiceId& service, std::vector<Key> keys);

  std::map<Key, model::ServiceId> owners_;
  std::map<model::ServiceId, std::vector<Key>> held_;
};

}  // namespace shoal::allocator

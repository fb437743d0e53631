// How the services of the node protocol write to the store: the answer waits until it is durable.
//
// Thread: the control thread.
#pragma once

#include "manager/manager.h"
#include "os/sync.h"

namespace shoal::manager {

// `write` lives until the answer. Unavailable between two terms, and when the term ends meanwhile.
inline os::Co<Result<void>> commit(Manager& manager, Time now, const store::Store::Write& write) {
  store::Store* store = manager.store();
  if (!store) co_return unavailable("the manager is not ready");
  CO_ASSIGN_OR_RETURN(const store::Ticket ticket, store->update(now, write));
  os::OneShot<Result<void>> done;
  store->when_durable(ticket, [done](Result<void> result) { done.set(std::move(result)); });
  co_return co_await done;
}

}  // namespace shoal::manager

#include "api/swarm_backend.h"

#include "os/sync.h"

namespace shoal::api {

std::string swarm_header(SwarmBackend& backend) {
  switch (backend.state()) {
    case LocalNodeState::Inactive:
      return "inactive";
    case LocalNodeState::Pending:
      return "pending";
    case LocalNodeState::Error:
      return "error";
    case LocalNodeState::Locked:
      return "locked";
    case LocalNodeState::Active:
      break;
  }
  const bool is_manager = backend.store() || !backend.store_error().empty();
  return is_manager ? "active/manager" : "active/worker";
}

Result<store::Store*> managed_store(SwarmBackend& backend) {
  if (store::Store* store = backend.store()) return store;
  switch (backend.state()) {
    case LocalNodeState::Locked:
      return unavailable(
          "Swarm is encrypted and needs to be unlocked before it can be used. Please use \"docker "
          "swarm unlock\" to unlock it.");
    case LocalNodeState::Error:
      return unavailable("{}", backend.error());
    case LocalNodeState::Active:
      if (const std::string reason = backend.store_error(); !reason.empty()) {
        return unavailable("the swarm's state cannot be used for now: {}", reason);
      }
      return unavailable(
          "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster "
          "state. Please run this command on a manager node or promote the current node to a "
          "manager.");
    default:
      return unavailable(
          "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to "
          "connect this node to swarm and try again.");
  }
}

os::Co<Result<store::Ticket>> commit(SwarmBackend& backend, Time now, store::Store::Write write) {
  const Result<store::Store*> store = managed_store(backend);
  if (!store) co_return std::unexpected(store.error());
  const Result<store::Ticket> ticket = (*store)->update(now, write);
  if (!ticket) co_return ticket;
  os::OneShot<Result<void>> durable;
  (*store)->when_durable(*ticket, [durable](Result<void> done) { durable.set(std::move(done)); });
  if (const Result<void> done = co_await durable; !done) co_return std::unexpected(done.error());
  co_return ticket;
}

}  // namespace shoal::api

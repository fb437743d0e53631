// Containers: one network more or less for a container.
#include <algorithm>

#include "containers/endpoint.h"
#include "containers/impl.h"

namespace shoal::containers {

using model::NetworkConnection;
using model::NetworkDriver;

namespace {

// One that is still to be attached is known by what the user called it.
bool are_same(const NetworkConnection& one, const NetworkConnection& other) {
  return one.network == other.network || (other.attachable && one.name == other.name);
}

Result<void> check_may_join(const Entry& entry, const NetworkConnection& connection) {
  if (connection.driver == NetworkDriver::Host) {
    return invalid_argument(
        "container cannot be disconnected from host network or connected to host network");
  }
  if (!needs_endpoint(entry.config)) {
    return invalid_argument(
        "container sharing network namespace with another container or host cannot be connected to "
        "any other network");
  }
  for (const auto& other : entry.config.networks) {
    if (are_same(other, connection)) {
      return permission_denied("endpoint with name {} already exists in network {}", entry.name,
                               connection.name);
    }
  }
  const auto is_none = [](const NetworkConnection& one) {
    return one.driver == NetworkDriver::Null;
  };
  if (is_none(connection) || std::ranges::any_of(entry.config.networks, is_none)) {
    return invalid_argument(
        "container cannot be connected to multiple networks with one of the networks in private "
        "(none) mode");
  }
  return {};
}

}  // namespace

os::Co<Result<void>> Containers::Impl::connect_network(EntryRef entry,
                                                       NetworkConnection connection) {
  CO_RETURN_IF_ERROR(networks.resolve(connection));
  const auto held = co_await entry->lock.acquire();
  if (entry->removed || entry->removing) {
    co_return conflict("container {} is marked for removal and cannot be connected to a network",
                       entry->id);
  }
  if (!entry->run) {  // What is asked now counts.
    std::erase_if(entry->config.networks,
                  [&](const NetworkConnection& one) { return are_same(one, connection); });
  }
  CO_RETURN_IF_ERROR(check_may_join(*entry, connection));
  co_return co_await runner.join(entry, std::move(connection));
}

os::Co<Result<void>> Containers::Impl::disconnect_network(EntryRef entry, std::string network) {
  const auto held = co_await entry->lock.acquire();
  const auto& all = entry->config.networks;
  const auto at = std::ranges::find_if(all, [&](const NetworkConnection& connection) {
    return connection.network == network || connection.name == network;
  });
  if (at == all.end() || entry->removed) {
    co_return internal_error("container {} is not connected to the network {}", entry->id, network);
  }
  if (at->driver == NetworkDriver::Host) {
    co_return invalid_argument(
        "container cannot be disconnected from host network or connected to host network");
  }
  if (at->driver == NetworkDriver::Overlay && !at->attachable) {
    co_return permission_denied(
        "network {} is that of the service which the container is a task of: change the service",
        at->name);
  }
  const std::string id = at->network;
  co_return co_await runner.leave(entry, id);
}

}  // namespace shoal::containers

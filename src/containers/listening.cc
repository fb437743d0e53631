#include "containers/listening.h"

#include <algorithm>

#include "containers/endpoint.h"
#include "containers/entry.h"

namespace shoal::containers {
namespace {

// Between two looks. Most servers listen some milliseconds after their start.
constexpr Duration kPauseMin = 2ms;
constexpr Duration kPauseMax = 50ms;

}  // namespace

bool AwaitedPorts::are_in(const std::set<netdriver::ListeningPort>& listening) const {
  const auto listens = [&](const auto& port) { return listening.contains(port); };
  return any ? ports.empty() || std::ranges::any_of(ports, listens)
             : std::ranges::all_of(ports, listens);
}

std::set<netdriver::ListeningPort> exposed_ports(const Container& container) {
  std::set<netdriver::ListeningPort> ports;
  for (const std::string& text : container.config.exposed_ports) {
    const auto port = parse_exposed(text);
    if (!port || port->protocol == model::PortProtocol::Sctp) continue;
    ports.insert({port->protocol, port->container_port});
  }
  return ports;
}

os::Co<Result<bool>> wait_listening(os::Loop& loop, EntryRef entry, AwaitedPorts awaited,
                                    Duration within, os::StopToken stop) {
  const auto run = entry->run;
  if (!run || !entry->state.is_running()) co_return false;
  if (awaited.ports.empty() || entry->connections.netns_path.empty()) co_return true;
  const std::string path = entry->connections.netns_path;
  const Time deadline = loop.now() + within;
  auto listeners = co_await loop.offload([&] { return netdriver::Listeners::open(path); });
  for (Duration pause = kPauseMin;; pause = std::min(2 * pause, kPauseMax)) {
    if (stop.stopped()) co_return cancelled("waiting for {} was given up", entry->id);
    if (entry->run != run || !entry->state.is_running()) co_return false;
    if (!listeners) co_return std::unexpected(listeners.error());
    const auto found = co_await loop.offload([&] { return listeners->find(); });
    if (!found) co_return std::unexpected(found.error());
    if (awaited.are_in(*found)) co_return true;
    if (loop.now() >= deadline) co_return false;
    (void)co_await loop.sleep(pause, stop);
  }
}

os::Co<Result<bool>> wait_accepted(os::Loop& loop, EntryRef entry, Duration within) {
  if (!entry->run || entry->connections.netns_path.empty()) co_return true;
  const std::string path = entry->connections.netns_path;
  const Time deadline = loop.now() + within;
  auto listeners = co_await loop.offload([&] { return netdriver::Listeners::open(path); });
  for (Duration pause = kPauseMin;; pause = std::min(2 * pause, kPauseMax)) {
    if (!listeners) co_return std::unexpected(listeners.error());
    const auto waits = co_await loop.offload([&] { return listeners->anybody_waits(); });
    if (!waits) co_return std::unexpected(waits.error());
    if (!*waits) co_return true;
    if (loop.now() >= deadline) co_return false;
    co_await loop.sleep(pause);
  }
}

}  // namespace shoal::containers

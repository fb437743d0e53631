// Relays TCP connections that address translation cannot serve, as Docker's proxy does: a client at
// [::1] or another IPv6 address of the host, and a container that has only IPv4.
//
// Control thread only. Bounded: beyond kRelayedConnectionsMax a new connection is closed at once.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "network/ports.h"
#include "os/fd.h"
#include "os/loop.h"

namespace shoal::netdriver {

inline constexpr size_t kRelayedConnectionsMax = 512;

// Says where the next connection goes; nothing: it is refused.
using NextBackend = std::function<std::optional<network::Backend>()>;

// Accepts on a listening socket until it is destroyed, which also ends what it relays.
class Relay {
 public:
  // `open_count` is shared by all relays of the node.
  Relay(os::Loop& loop, os::Fd listener, NextBackend next, std::shared_ptr<size_t> open_count);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

 private:
  os::StopSource stop_;
};

}  // namespace shoal::netdriver

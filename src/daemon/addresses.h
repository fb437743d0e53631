// The addresses of this machine, for `swarm init --advertise-addr`.
#pragma once

#include <string>

#include "base/result.h"

namespace shoal::daemon {

inline constexpr uint16_t kSwarmPort = 2377;

// What the user gave as an address: an IP address or the name of an interface, with or without a
// port. Empty: the machine's only address that is neither loopback nor on `own_bridge`.
struct Advertised {
  std::string address;  // without a port
  uint16_t port = kSwarmPort;
};
// InvalidArgument in Docker's words when nothing fits or several do; the docker client adds how to
// name one.
Result<Advertised> resolve_advertised(const std::string& given, const std::string& own_bridge);

// "10.0.0.1:2377", "[fd00::1]:2377"
std::string with_port(const std::string& address, uint16_t port);

}  // namespace shoal::daemon

// The addresses of this machine, for `swarm init --advertise-addr`.
#pragma once

#include <string>

#include "base/result.h"

namespace shoal::daemon {

inline constexpr uint16_t kSwarmPort = 2377;

// Where a manager is found and where it listens.
struct SwarmAddresses {
  std::string advertised;  // without a port
  std::string manager;     // advertised, with its port
  std::string listening;   // "0.0.0.0:2377"
};
// From what the user gave for `--listen-addr` and `--advertise-addr`: an IP address or the name of
// an interface, with or without a port (2377; advertised is the port that is listened on). Nothing
// to listen on means everywhere; nothing to advertise the address that is listened on, or else the
// machine's only one that is neither loopback nor on `own_bridge`. InvalidArgument in Docker's
// words when nothing fits or several do; the docker client adds how to name one.
Result<SwarmAddresses> resolve_addresses(const std::string& listen, const std::string& advertise,
                                         const std::string& own_bridge);

// What was given for `--data-path-addr`: an IP address or the name of an interface, without a port.
// Empty: nothing was given. InvalidArgument in Docker's words for anything else.
Result<std::string> resolve_data_path(const std::string& given);

// Where this machine itself reaches what listens there: over loopback when that is everywhere.
std::string dial_address(const std::string& listening);

// What `docker swarm join` was given for a manager: a host or an IP address, with its port or 2377.
// InvalidArgument when there is no host or the port is none.
Result<std::string> remote_address(const std::string& given);

// This machine's own address on the way to "host:port", without a port. Unavailable when there is
// no way or the host is a name.
Result<std::string> address_towards(const std::string& remote);

// "10.0.0.1:2377", "[fd00::1]:2377"
std::string with_port(const std::string& address, uint16_t port);

}  // namespace shoal::daemon

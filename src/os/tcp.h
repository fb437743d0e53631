// TCP addresses, listeners and connects, for the servers and clients of the node.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "os/co.h"
#include "os/fd.h"
#include "os/loop.h"

struct sockaddr;

namespace shoal::os {

// Connections that wait for accept; the kernel refuses or delays further ones.
inline constexpr int kListenQueue = 4096;

// A bound, listening, non-blocking socket of any family. `name` is for the error's text.
Result<Fd> bind_and_listen(int family, const sockaddr* address, unsigned size,
                           std::string_view name);

struct TcpListener {
  Fd fd;
  uint16_t port = 0;
};
// "127.0.0.1:2375", "[::1]:2375", ":2375" (every IPv4 address), "[::]:2375" (IPv6 and IPv4); port 0
// takes a free one. InvalidArgument for anything else, names included.
Result<TcpListener> listen_tcp(const std::string& address);

// A connection that waited, also of a unix listener. Unset when there is none: wait for
// readable(listener). When the process or the machine has no descriptor left the error is
// Unavailable: wait a moment, there is no event.
Result<Fd> accept_from(int listener);

// The other end, "10.0.0.7:51234" or "[fd00::7]:51234"; an IPv4 peer of an IPv6 socket as IPv4.
std::string peer_address(int fd);

// Resolves "host:port" on the pool and connects to the first address that answers; the socket is
// non-blocking. Cancelled when `stop` came first, Unavailable with the last reason otherwise.
Co<Result<Fd>> connect_tcp(Loop& loop, std::string address, StopToken stop);

// The host of "host:port" or "[host]:port", without the brackets.
std::string host_of(const std::string& address);

}  // namespace shoal::os

#include "netdriver/host_ports.h"

#include <fmt/core.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "netdriver/socket_address.h"
#include "netdriver/sysctl.h"

namespace shoal::netdriver {
namespace {

using network::IpAddress;
using network::PortProtocol;

constexpr int kBacklog = 128;
constexpr int kUnusedBufferBytes = 4096;  // Of datagram sockets that never get one.

struct Range {
  uint16_t first = 49153;  // Docker's, where the kernel does not tell.
  uint16_t last = 65535;
};

Range local_port_range() {
  unsigned first = 0;
  unsigned last = 0;
  const auto text = read_sysctl("net/ipv4/ip_local_port_range");
  if (!text || std::sscanf(text->c_str(), "%u %u", &first, &last) != 2 || first == 0 ||
      first > last || last > 65535) {
    return {};
  }
  return {uint16_t(first), uint16_t(last)};
}

std::string host_text(const IpAddress& ip, uint16_t port) {
  return ip.is_v4() ? fmt::format("{}:{}", ip.str(), port) : fmt::format("[{}]:{}", ip.str(), port);
}

int socket_type(PortProtocol protocol) {
  return protocol == PortProtocol::Udp ? SOCK_DGRAM : SOCK_STREAM;
}

// Nobody can hold the port there: this kernel lacks the protocol, or this host the other family.
bool is_absent(int error, bool asked_for) {
  if (error == EPROTONOSUPPORT || error == ESOCKTNOSUPPORT) return true;
  return !asked_for && (error == EAFNOSUPPORT || error == EADDRNOTAVAIL);
}

std::unexpected<Error> bind_error(int error, PortProtocol protocol, const IpAddress& ip,
                                  uint16_t port) {
  const bool in_use = error == EADDRINUSE;
  const char* reason = in_use                   ? "address already in use"
                       : error == EADDRNOTAVAIL ? "cannot assign requested address"
                                                : std::strerror(error);
  return make_error(in_use ? ErrorCode::Conflict : ErrorCode::InvalidArgument,
                    "failed to bind host port {}/{}: {}", host_text(ip, port),
                    network::to_text(protocol), reason);
}

// A bound (and for streams listening) socket; -1 with errno.
os::Fd open_bound(PortProtocol protocol, const IpAddress& ip, uint16_t port) {
  const auto address = SocketAddress::of(ip, port);
  const int number = protocol == PortProtocol::Sctp ? IPPROTO_SCTP : 0;
  os::Fd fd(
      ::socket(address.family(), socket_type(protocol) | SOCK_CLOEXEC | SOCK_NONBLOCK, number));
  if (!fd) return fd;
  const int on = 1;
  if (!ip.is_v4()) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (protocol == PortProtocol::Udp) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kUnusedBufferBytes, sizeof kUnusedBufferBytes);
  } else {
    // Connections of an earlier owner that only wait for their end do not count. For datagrams the
    // same option would share the port.
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  }
  if (::bind(fd.get(), address.get(), address.size()) != 0 ||
      (protocol != PortProtocol::Udp && ::listen(fd.get(), kBacklog) != 0)) {
    const int error = errno;
    fd.reset();
    errno = error;
  }
  return fd;
}

// Datagrams at IPv6 addresses are not relayed, so they are not taken either.
std::vector<IpAddress> addresses_to_bind(PortProtocol protocol, const IpAddress& ip) {
  if (ip != IpAddress::any(network::Family::V4) || protocol == PortProtocol::Udp) return {ip};
  return {ip, IpAddress::any(network::Family::V6)};
}

}  // namespace

HeldPort::~HeldPort() {
  owner_.taken_.erase({protocol_, port_, ip_});
}

bool HostPorts::is_taken(PortProtocol protocol, const IpAddress& ip, uint16_t port) const {
  auto at = taken_.lower_bound({protocol, port, IpAddress{}});
  for (; at != taken_.end() && at->protocol == protocol && at->port == port; ++at) {
    const bool all_of_it = at->ip == IpAddress{} || ip == IpAddress{};
    const bool same_family = at->ip.family() == ip.family();
    if (all_of_it || at->ip == ip || (same_family && (at->ip.is_any() || ip.is_any()))) return true;
  }
  return false;
}

Result<std::unique_ptr<HeldPort>> HostPorts::hold(PortProtocol protocol, const IpAddress& ip,
                                                  uint16_t port, NextBackend next) {
  if (port == 0) return hold_any(protocol, ip, next);
  if (is_taken(protocol, ip, port)) {
    return conflict("Bind for {} failed: port is already allocated", host_text(ip, port));
  }
  return bind(protocol, ip, port, next);
}

Result<std::unique_ptr<HeldPort>> HostPorts::hold_any(PortProtocol protocol, const IpAddress& ip,
                                                      const NextBackend& next) {
  const auto range = local_port_range();
  for (int tries = range.last - range.first + 1; tries > 0; --tries) {
    const bool inside = last_chosen_ >= range.first && last_chosen_ < range.last;
    last_chosen_ = inside ? uint16_t(last_chosen_ + 1) : range.first;
    if (is_taken(protocol, ip, last_chosen_)) continue;
    auto held = bind(protocol, ip, last_chosen_, next);
    if (held || held.error().code != ErrorCode::Conflict) return held;
  }
  return conflict("all ports are allocated");
}

Result<std::unique_ptr<HeldPort>> HostPorts::bind(PortProtocol protocol, const IpAddress& ip,
                                                  uint16_t port, const NextBackend& next) {
  taken_.insert({protocol, port, ip});
  std::unique_ptr<HeldPort> held(new HeldPort(*this, protocol, ip, port));
  for (const auto& address : addresses_to_bind(protocol, ip)) {
    auto fd = open_bound(protocol, address, port);
    if (!fd) {
      const int error = errno;
      if (is_absent(error, address == ip)) continue;
      return bind_error(error, protocol, ip, port);
    }
    if (protocol == PortProtocol::Tcp) {
      held->relays_.push_back(std::make_unique<Relay>(loop_, std::move(fd), next, relayed_count_));
    } else {
      held->sockets_.push_back(std::move(fd));
    }
  }
  return held;
}

}  // namespace shoal::netdriver

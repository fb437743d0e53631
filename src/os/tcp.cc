#include "os/tcp.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <charconv>
#include <cstring>
#include <optional>
#include <vector>

#include "os/file.h"

namespace shoal::os {
namespace {

// A peer whose machine vanished is noticed after two minutes of silence, without a byte of ours.
constexpr int kKeepAliveIdleSeconds = 60;
constexpr int kKeepAliveIntervalSeconds = 15;
constexpr int kKeepAliveCount = 4;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

struct HostPort {
  std::string host;
  uint16_t port = 0;
};

std::optional<HostPort> split(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  HostPort parts;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, parts.port);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  parts.host = host_of(text);
  return parts;
}

// False when the host is no IP address.
bool fill(const HostPort& from, Address& address) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET, from.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(from.port);
    address.size = sizeof *v4;
  } else if (::inet_pton(AF_INET6, from.host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(from.port);
    address.size = sizeof *v6;
  } else {
    return false;
  }
  return true;
}

// For the addresses of one name, in the resolver's order.
Result<std::vector<Address>> resolve(const HostPort& from) {
  Address literal;
  if (fill(from, literal)) return std::vector{literal};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int failed =
      ::getaddrinfo(from.host.c_str(), std::to_string(from.port).c_str(), &hints, &found);
  if (failed) return unavailable("looking up {}: {}", from.host, ::gai_strerror(failed));
  std::vector<Address> addresses;
  for (const addrinfo* entry = found; entry; entry = entry->ai_next) {
    std::memcpy(&addresses.emplace_back().storage, entry->ai_addr, entry->ai_addrlen);
    addresses.back().size = entry->ai_addrlen;
  }
  ::freeaddrinfo(found);
  return addresses;
}

void set_option(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

void tune(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveCount);
}

uint16_t bound_port(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  // The port is at the same place in both families.
  return ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
}

Co<Result<Fd>> connect_one(Loop& loop, Address address, StopToken stop) {
  Fd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) co_return unavailable("no socket: {}", std::strerror(errno));
  int reason = ::connect(fd.get(), address.get(), address.size) == 0 ? 0 : errno;
  if (reason == EINPROGRESS) {
    if (!co_await loop.writable(fd.get(), stop)) co_return cancelled("stopped while connecting");
    socklen_t size = sizeof reason;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &reason, &size);
  }
  if (reason) co_return unavailable("{}", std::strerror(reason));
  tune(fd.get());
  co_return std::move(fd);
}

}  // namespace

std::string host_of(const std::string& address) {
  std::string host = address.substr(0, address.rfind(':'));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return host;
}

Result<Fd> bind_and_listen(int family, const sockaddr* address, unsigned size,
                           std::string_view name) {
  Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd && family != AF_UNIX) set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (fd && family == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (!fd || ::bind(fd.get(), address, size) != 0 || ::listen(fd.get(), kListenQueue) != 0) {
    return system_error("listen on", name, errno);
  }
  return fd;
}

Result<TcpListener> listen_tcp(const std::string& text) {
  auto parts = split(text);
  if (parts && parts->host.empty()) parts->host = "0.0.0.0";
  Address address;
  if (!parts || !fill(*parts, address)) {
    return invalid_argument("invalid address \"{}\": want an IP address and a port", text);
  }
  ASSIGN_OR_RETURN(Fd fd,
                   bind_and_listen(address.storage.ss_family, address.get(), address.size, text));
  const uint16_t port = bound_port(fd.get());
  return TcpListener{std::move(fd), port};
}

Result<Fd> accept_from(int listener) {
  while (true) {
    Fd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      tune(fd.get());
      return fd;
    }
    if (errno == EAGAIN) return Fd();
    // The peer gave up before we came to it: the next one.
    if (errno == EINTR || errno == ECONNABORTED) continue;
    return unavailable("accept: {}", std::strerror(errno));
  }
}

std::string peer_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return "unknown:0";
  char text[INET6_ADDRSTRLEN] = "";
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
  const uint16_t port = ntohs(v4->sin_port);
  if (storage.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    return fmt::format("{}:{}", text, port);
  }
  if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
    ::inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text, sizeof text);
    return fmt::format("{}:{}", text, port);
  }
  ::inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
  return fmt::format("[{}]:{}", text, port);
}

Co<Result<Fd>> connect_tcp(Loop& loop, std::string address, StopToken stop) {
  const auto parts = split(address);
  if (!parts || parts->host.empty()) {
    co_return invalid_argument("invalid address \"{}\": want a host and a port", address);
  }
  const Result<std::vector<Address>> addresses =
      co_await loop.offload([&parts] { return resolve(*parts); });
  if (!addresses) co_return std::unexpected(addresses.error());
  Result<Fd> connected = unavailable("{} has no address", parts->host);
  for (const Address& candidate : *addresses) {
    if (stop.stopped()) co_return cancelled("stopped while connecting");
    connected = co_await connect_one(loop, candidate, stop);
    if (connected || connected.error().code == ErrorCode::Cancelled) co_return connected;
  }
  co_return with_context(std::move(connected), "connecting to {}", address);
}

}  // namespace shoal::os

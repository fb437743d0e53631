#include "netdriver/relay.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "netdriver/socket_address.h"

namespace shoal::netdriver {
namespace {

constexpr size_t kBufferBytes = size_t{16} << 10;
constexpr auto kPauseWithoutDescriptors = 100ms;

// Each direction waits on descriptors of its own: a loop waits only once at a time on each.
struct Connection {
  Connection(os::Loop& l, os::StopToken s, std::shared_ptr<size_t> c)
      : loop(l), stop(std::move(s)), open_count(std::move(c)) {
    ++*open_count;
  }
  ~Connection() { --*open_count; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  os::Loop& loop;
  os::StopToken stop;
  std::shared_ptr<size_t> open_count;
  os::Fd client_in, client_out, server_in, server_out;
};
using ConnectionRef = std::shared_ptr<Connection>;

os::Fd duplicate(const os::Fd& fd) {
  return os::Fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
}

os::Co<bool> send_all(ConnectionRef connection, int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      bytes.remove_prefix(size_t(count));
    } else if (errno == EAGAIN) {
      if (!co_await connection->loop.writable(to, connection->stop)) co_return false;
    } else if (errno != EINTR) {
      co_return false;
    }
  }
  co_return true;
}

// Moves bytes one way until the sender has no more; then says so to the receiver.
os::Co<> pump(ConnectionRef connection, int from, int to) {
  std::array<char, kBufferBytes> buffer;
  for (;;) {
    if (!co_await connection->loop.readable(from, connection->stop)) break;
    const ssize_t count = ::recv(from, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count <= 0) break;
    const std::string_view bytes(buffer.data(), size_t(count));
    if (!co_await send_all(connection, to, bytes)) {
      ::shutdown(from, SHUT_RD);
      break;
    }
  }
  ::shutdown(to, SHUT_WR);
}

// A closing socket that answers with a reset: the client sees that nobody served it.
void refuse(os::Fd client) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

os::Co<> relay(ConnectionRef connection, os::Fd client, network::Backend backend) {
  const auto address = SocketAddress::of(backend.address, backend.port);
  os::Fd server(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!server) co_return refuse(std::move(client));
  if (::connect(server.get(), address.get(), address.size()) != 0 && errno != EINPROGRESS) {
    co_return refuse(std::move(client));
  }
  const bool done = co_await connection->loop.writable(server.get(), connection->stop);
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(server.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (!done || error != 0) co_return refuse(std::move(client));

  connection->client_out = duplicate(client);
  connection->server_out = duplicate(server);
  connection->client_in = std::move(client);
  connection->server_in = std::move(server);
  if (!connection->client_out || !connection->server_out) co_return;
  os::spawn(pump(connection, connection->client_in.get(), connection->server_out.get()));
  os::spawn(pump(connection, connection->server_in.get(), connection->client_out.get()));
}

os::Co<> accept_all(os::Loop& loop, os::StopToken stop, os::Fd listener, NextBackend next,
                    std::shared_ptr<size_t> open_count) {
  while (co_await loop.readable(listener.get(), stop)) {
    os::Fd client(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!client) {
      // Without a free descriptor the connection stays in the queue and would wake us at once.
      if (errno == EMFILE || errno == ENFILE) {
        if (!co_await loop.sleep(kPauseWithoutDescriptors, stop)) break;
      }
      continue;
    }
    const auto backend = *open_count < kRelayedConnectionsMax ? next() : std::nullopt;
    if (!backend) {
      refuse(std::move(client));
      continue;
    }
    auto connection = std::make_shared<Connection>(loop, stop, open_count);
    os::spawn(relay(std::move(connection), std::move(client), *backend));
  }
}

}  // namespace

Relay::Relay(os::Loop& loop, os::Fd listener, NextBackend next,
             std::shared_ptr<size_t> open_count) {
  os::spawn(
      accept_all(loop, stop_.token(), std::move(listener), std::move(next), std::move(open_count)));
}

Relay::~Relay() {
  stop_.stop();
}

}  // namespace shoal::netdriver

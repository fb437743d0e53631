#include "rpc/server.h"

#include <sys/resource.h>

#include <algorithm>

#include "os/tcp.h"
#include "rpc/server_impl.h"

namespace shoal::rpc {
namespace {

// When the process has no descriptor left there is no event to wait for.
constexpr Duration kAcceptPause = 100ms;
// How long a connection may say nothing when others wait for its place.
constexpr Duration kSilenceMax = 500ms;
// Accepted in a row before others on the loop get a turn.
constexpr int kAcceptsPerTurn = 32;

// A quarter of the descriptors is for the rest of the daemon.
size_t connections_possible() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  return size_t(files.rlim_cur) / 4 * 3;
}

}  // namespace

// A connection without a verified certificate, handshake included, while it is one.
class Server::Impl::Unidentified {
 public:
  Unidentified(Impl& server, const std::string& host) : server_(server), host_(host) {
    ++server_.unidentified_count;
    ++server_.unidentified_by_host[host_];
  }
  Unidentified(const Unidentified&) = delete;
  Unidentified& operator=(const Unidentified&) = delete;
  ~Unidentified() {
    --server_.unidentified_count;
    const auto entry = server_.unidentified_by_host.find(host_);
    if (--entry->second == 0) server_.unidentified_by_host.erase(entry);
    server_.changed.notify();
  }

 private:
  Impl& server_;
  const std::string host_;
};

Server::Impl::Impl(os::Loop& l, Log& g, std::shared_ptr<Credentials> c, ServerLimits m)
    : loop(l), log(g), credentials(std::move(c)), limits(m) {
  limits.connections_max = std::min(limits.connections_max, connections_possible());
  account.bytes_max = limits.request_bytes_max;
}

bool Server::Impl::has_room() const {
  return open_count < limits.connections_max && unidentified_count < limits.unidentified_max;
}

// Waits until a connection has gone. Those that have connected and said nothing go first, so that
// many of them do not keep others out for the whole of the time that a handshake may take.
os::Co<> Server::Impl::make_room(os::StopToken stop) {
  const os::StopSource look_again;
  const auto guard = stop.on_stop([look_again] { look_again.stop(); });
  std::unique_ptr<os::Loop::Timer> timer;
  if (!silent.empty() && !silent.front().dropped) {
    const Time over = silent.front().since + kSilenceMax;
    if (over <= loop.now()) {
      silent.front().dropped = true;
      silent.front().socket->close();
    } else {
      timer = loop.at(over, [look_again] { look_again.stop(); });
    }
  }
  co_await changed.wait(look_again.token());
}

os::Co<> Server::Impl::accept_from(int listener) {
  const auto self = shared_from_this();
  const os::StopToken stop = closing.token();
  int in_a_row = 0;
  while (!stop.stopped()) {
    if (!has_room()) {  // Whoever comes now waits in the listen queue.
      co_await make_room(stop);
      continue;
    }
    Result<os::Fd> fd = os::accept_from(listener);
    if (!fd) {
      complain("", "accept failed", fd.error());
      co_await loop.sleep(kAcceptPause, stop);
    } else if (!*fd) {
      co_await loop.readable(listener, stop);
    } else {
      os::spawn(serve(std::move(*fd)));
      if (++in_a_row % kAcceptsPerTurn == 0) co_await loop.sleep(0s, stop);
    }
  }
  --accepting;
  changed.notify();
}

os::Co<> Server::Impl::serve(os::Fd fd) {
  const auto self = shared_from_this();
  Peer peer{.address = os::peer_address(fd.get()), .identity = {}};
  const std::string host = os::host_of(peer.address);
  if (const auto entry = unidentified_by_host.find(host);
      entry != unidentified_by_host.end() && entry->second >= limits.unidentified_per_address_max) {
    complain(host, "connection refused", {ErrorCode::TooLarge, "too many from this address"});
    co_return;
  }
  ++open_count;
  std::optional<Unidentified> unidentified(std::in_place, *this, host);
  auto socket = std::make_unique<os::Socket>(loop, std::move(fd));
  // A server that closes does not wait for strangers.
  silent.push_back({loop.now(), socket.get()});
  const auto in_silence = std::prev(silent.end());
  auto guard = closing.token().on_stop([s = socket.get()] { s->close(); });
  Duration patience = limits.handshake_timeout;
  Result<std::string> hello = co_await read_handshake(loop, *socket, patience);
  silent.erase(in_silence);
  Result<std::unique_ptr<Tls>> tls = Tls::server(*credentials);
  Result<void> secured;
  if (!hello) {
    secured = std::unexpected(hello.error());
  } else if (!tls) {
    secured = std::unexpected(tls.error());
  } else {
    secured = co_await shake_hands(loop, *socket, **tls, std::move(*hello), turnstile, patience);
  }
  guard.reset();
  const bool late = closing.token().stopped();
  if (secured) {
    auto identity = (*tls)->identity();
    if (identity) peer.identity = std::move(*identity);
    if (!identity) secured = std::unexpected(identity.error());
  }
  if (secured && !late) {
    if (peer.identity) unidentified.reset();
    co_await serve_secured(std::move(socket), std::move(*tls), std::move(peer));
  } else if (!late) {
    complain(host, "connection refused", secured.error());
  }
  --open_count;
  unidentified.reset();
  changed.notify();
}

os::Co<> Server::Impl::serve_secured(std::unique_ptr<os::Socket> socket, std::unique_ptr<Tls> tls,
                                     Peer peer) {
  const bool known = peer.identity.has_value();
  const model::NodeId node = known ? peer.identity->node_id : model::NodeId();
  const auto same = by_node.find(node);
  if (known && same != by_node.end() && same->second.size() >= limits.per_node_max) {
    complain(os::host_of(peer.address), "connection refused",
             {ErrorCode::TooLarge, "too many of node " + node.str()});
    co_return;
  }
  const ConnectionLimits of_connection{
      .streams_max = known ? limits.streams_max : limits.unidentified_streams_max,
      .header_timeout = limits.header_timeout,
      .idle_timeout = known ? limits.idle_timeout : limits.unidentified_idle_timeout,
      .write_stall_timeout = limits.write_stall_timeout};
  const auto connection =
      std::make_shared<Connection>(loop, true, std::move(socket), std::move(tls), std::move(peer),
                                   of_connection, account, shared_from_this());
  connections.insert(connection);
  if (known) by_node[node].insert(connection.get());
  co_await connection->run();
}

void Server::Impl::on_closed(Connection& connection, const Error& why) {
  if (why.code == ErrorCode::InvalidArgument) {
    complain(os::host_of(connection.peer().address), "connection cut", why);
  }
  if (const auto& identity = connection.peer().identity) {
    const auto of_node = by_node.find(identity->node_id);
    of_node->second.erase(&connection);
    if (of_node->second.empty()) by_node.erase(of_node);
  }
  connections.erase(connection.shared_from_this());
  changed.notify();
}

void Server::Impl::complain(const std::string& host, std::string_view sentence, const Error& why) {
  const auto kept_back = log_limiter.admit(fmt::format("{} {}", host, sentence), loop.now());
  if (!kept_back) return;
  log.warn(sentence, {{"peer", host}, {"reason", why.message}, {"not_logged", *kept_back}});
}

os::Co<> Server::Impl::close(Duration grace) {
  const auto self = shared_from_this();
  closing.stop();
  const auto each = [this](auto&& act) {
    const std::vector<std::shared_ptr<Connection>> all(connections.begin(), connections.end());
    for (const auto& connection : all) act(*connection);
  };
  each([](Connection& connection) { connection.drain(); });
  const os::StopSource late;
  const auto timer = loop.at(loop.now() + grace, [late] { late.stop(); });
  while (!connections.empty() && !late.token().stopped()) co_await changed.wait(late.token());
  const Error why{ErrorCode::Unavailable, "the server closes"};
  each([&](Connection& connection) { connection.close(why); });
  while (accepting > 0 || open_count > 0 || running_calls > 0) co_await changed.wait();
  listeners.clear();
}

Server::Server(os::Loop& loop, Log& log, std::shared_ptr<Credentials> credentials,
               ServerLimits limits)
    : impl_(std::make_shared<Impl>(loop, log, std::move(credentials), limits)) {}

Server::~Server() {
  CHECK(impl_->accepting == 0 && impl_->open_count == 0 && impl_->running_calls == 0,
        "the server was not closed");
}

void Server::stream(std::string path, StreamHandler handler, MethodOptions options) {
  impl_->methods.insert_or_assign(std::move(path), Method{std::move(handler), std::move(options)});
}

void Server::unary(std::string path, UnaryHandler handler, MethodOptions options) {
  impl_->methods.insert_or_assign(std::move(path), Method{std::move(handler), std::move(options)});
}

Result<void> Server::listen(const std::string& address) {
  ASSIGN_OR_RETURN(os::TcpListener listener, os::listen_tcp(address));
  impl_->port = listener.port;
  const int fd = listener.fd.get();
  impl_->listeners.push_back(std::move(listener.fd));
  ++impl_->accepting;
  os::spawn(impl_->accept_from(fd));
  return {};
}

uint16_t Server::port() const {
  return impl_->port;
}

void Server::close_connections_of(const model::NodeId& node) {
  const auto found = impl_->by_node.find(node);
  if (found == impl_->by_node.end()) return;
  std::vector<std::shared_ptr<Connection>> open;  // Closing one may end another.
  for (Connection* connection : found->second) open.push_back(connection->shared_from_this());
  for (const auto& connection : open) {
    connection->close({ErrorCode::Unavailable, "the node's connections were cut"});
  }
}

size_t Server::connection_count() const {
  return impl_->connections.size();
}

os::Co<> Server::close(Duration grace) {
  return impl_->close(grace);
}

}  // namespace shoal::rpc

#include "api/http/server.h"

#include <arpa/inet.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <charconv>
#include <cstring>

#include "os/file.h"

namespace shoal::api {
namespace {

constexpr int kListenQueue = 1024;
// After a failed accept (no descriptors left) the next try waits this long.
constexpr Duration kAcceptPause = 100ms;

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return invalid_argument("socket path \"{}\" is empty or longer than {} bytes", path,
                            sizeof address.sun_path - 1);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Removes what a dead process left; an error when somebody answers on it or it is no socket.
Result<void> clear_stale_socket(const std::string& path, const sockaddr_un& address) {
  struct stat file{};
  if (::lstat(path.c_str(), &file) != 0) return {};
  if (!S_ISSOCK(file.st_mode)) return already_exists("{} exists and is no socket", path);
  const os::Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto* target = reinterpret_cast<const sockaddr*>(&address);
  const bool answers = ::connect(probe.get(), target, sizeof address) == 0 || errno == EAGAIN;
  if (answers) return already_exists("another process listens on {}", path);
  ::unlink(path.c_str());
  return {};
}

Result<os::Fd> bind_and_listen(int family, const sockaddr* address, socklen_t size,
                               std::string_view name) {
  os::Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  if (family != AF_UNIX) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!fd || ::bind(fd.get(), address, size) != 0 || ::listen(fd.get(), kListenQueue) != 0) {
    return os::system_error("listen on", name, errno);
  }
  return fd;
}

struct TcpAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Result<TcpAddress> parse_tcp_address(const std::string& text) {
  const auto bad = [&] {
    return invalid_argument("invalid address \"{}\": want an IP address and a port", text);
  };
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return bad();
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return bad();
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  if (host.empty()) host = "0.0.0.0";

  TcpAddress address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof *v4;
  } else if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof *v6;
  } else {
    return bad();
  }
  return address;
}

}  // namespace

Server::Server(os::Loop& loop, Log& log, Dispatch dispatch, HttpLimits limits)
    : loop_(loop), log_(log), dispatch_(std::move(dispatch)), limits_(limits) {}

Server::~Server() {
  CHECK(running_ == 0 && connections_.empty(), "the server was not closed");
}

Result<void> Server::listen_unix(const std::string& path, const std::string& group) {
  ASSIGN_OR_RETURN(const sockaddr_un address, unix_address(path));
  RETURN_IF_ERROR(clear_stale_socket(path, address));
  // Between bind and chmod nobody else may connect. The control thread makes no other files now.
  const mode_t mask = ::umask(0177);
  auto fd =
      bind_and_listen(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address, path);
  ::umask(mask);
  if (!fd) return std::unexpected(fd.error());
  if (const auto* entry = ::getgrnam(group.c_str())) {
    if (::chown(path.c_str(), uid_t(-1), entry->gr_gid) != 0) {
      log_.warn("socket keeps its group", {{"path", path}, {"group", group}});
    }
  }
  if (::chmod(path.c_str(), 0660) != 0) return os::system_error("chmod", path, errno);
  socket_files_.push_back(path);
  add_listener(std::move(*fd));
  return {};
}

Result<void> Server::listen_tcp(const std::string& text) {
  ASSIGN_OR_RETURN(const TcpAddress address, parse_tcp_address(text));
  ASSIGN_OR_RETURN(os::Fd fd, bind_and_listen(address.storage.ss_family,
                                              reinterpret_cast<const sockaddr*>(&address.storage),
                                              address.size, text));
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size);
  // The port is at the same place in both families.
  tcp_port_ = ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
  add_listener(std::move(fd));
  return {};
}

void Server::add_listener(os::Fd fd) {
  const int listener = fd.get();
  listeners_.push_back(std::move(fd));
  ++running_;
  os::spawn(accept_from(listener));
}

os::Co<> Server::accept_from(int listener) {
  const os::StopToken stop = closing_.token();
  while (!stop.stopped()) {
    if (connections_.size() >= limits_.connections_max) {
      co_await ended_.wait(stop);
      continue;
    }
    os::Fd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      adopt(std::move(fd));
    } else if (errno == EAGAIN) {
      co_await loop_.readable(listener, stop);
    } else if (errno != EINTR && errno != ECONNABORTED) {
      log_.warn("accept failed", {{"reason", std::strerror(errno)}});
      co_await loop_.sleep(kAcceptPause, stop);
    }
  }
  --running_;
  ended_.notify();
}

void Server::adopt(os::Fd fd) {
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // Fails on unix sockets: fine.
  auto connection = std::make_shared<Connection>(loop_, log_, limits_, dispatch_, std::move(fd));
  connections_.insert(connection);
  os::spawn(serve(std::move(connection)));
}

os::Co<> Server::serve(std::shared_ptr<Connection> connection) {
  co_await connection->run();
  connections_.erase(connection);
  ended_.notify();
}

os::Co<> Server::close() {
  closing_.stop();
  const std::vector<std::shared_ptr<Connection>> open(connections_.begin(), connections_.end());
  for (const auto& connection : open) connection->stop();
  while (running_ > 0 || !connections_.empty()) co_await ended_.wait();
  listeners_.clear();
  for (const auto& path : socket_files_) ::unlink(path.c_str());
  socket_files_.clear();
}

}  // namespace shoal::api

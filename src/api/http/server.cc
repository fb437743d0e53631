#include "api/http/server.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>

#include "os/file.h"
#include "os/tcp.h"

namespace shoal::api {
namespace {

// After a failed accept (no descriptors left) the next try waits this long.
constexpr Duration kAcceptPause = 100ms;
// Connections taken before others on the loop get a turn: about a millisecond of work. Fewer would
// leave them in the kernel's queue, and when that is full clients are refused.
constexpr int kAcceptsInARow = 64;
constexpr Duration kWarnInterval = 60s;
constexpr int kSendBufferBytes = 16 << 10;

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

}  // namespace

Server::Server(os::Loop& loop, Log& log, Dispatch dispatch, HttpLimits limits)
    : loop_(loop), log_(log), serving_{loop, log, limits, std::move(dispatch)} {}

Server::~Server() {
  CHECK(running_ == 0 && connections_.empty(), "the server was not closed");
}

Result<void> Server::listen_unix(const std::string& path, const std::string& group) {
  ASSIGN_OR_RETURN(const sockaddr_un address, unix_address(path));
  RETURN_IF_ERROR(clear_stale_socket(path, address));
  // Between bind and chmod nobody else may connect. The control thread makes no other files now.
  const mode_t mask = ::umask(0177);
  auto fd = os::bind_and_listen(AF_UNIX, reinterpret_cast<const sockaddr*>(&address),
                                sizeof address, path);
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
  ASSIGN_OR_RETURN(os::TcpListener listener, os::listen_tcp(text));
  tcp_port_ = listener.port;
  add_listener(std::move(listener.fd));
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
  for (int in_a_row = 0; !stop.stopped(); ++in_a_row) {
    if (in_a_row == kAcceptsInARow) {
      in_a_row = 0;
      co_await loop_.turn();
    }
    Result<os::Fd> fd = os::accept_from(listener);
    if (!fd) {
      warn("a connection to the API cannot be accepted", fd.error().message);
      // Its descriptor is perhaps what is missing.
      if (!serving_.room.hang_up_one()) co_await loop_.sleep(kAcceptPause, stop);
    } else if (*fd) {
      co_await make_place(stop);
      if (!stop.stopped()) adopt(std::move(*fd));
    } else {
      in_a_row = 0;
      co_await loop_.readable(listener, stop);
    }
  }
  --running_;
  ended_.notify();
}

// For one who is there already: as long as all places are taken by those who are served, it waits.
os::Co<> Server::make_place(os::StopToken stop) {
  while (connections_.size() >= serving_.limits.connections_max && !stop.stopped()) {
    warn("the API has as many connections as it may have",
         fmt::format("{} connections", connections_.size()));
    serving_.room.hang_up_one();
    if (connections_.size() >= serving_.limits.connections_max) co_await wait_for_end(stop);
  }
}

// Until a connection ends, or one may have stalled long enough.
os::Co<> Server::wait_for_end(os::StopToken stop) {
  const os::StopSource over;
  const auto guard = stop.on_stop([over] { over.stop(); });
  const auto timer = loop_.at(loop_.now() + kAcceptPause, [over] { over.stop(); });
  co_await ended_.wait(over.token());
}

// Not for each of the thousands that may come at once.
void Server::warn(std::string_view what, const std::string& reason) {
  const auto last = warned_.find(what);
  if (last != warned_.end() && loop_.now() - last->second < kWarnInterval) return;
  warned_[what] = loop_.now();
  log_.warn(what, {{"reason", reason}});
}

void Server::adopt(os::Fd fd) {
  // Not more than this of an answer lies in the kernel for a client that does not read.
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes, sizeof kSendBufferBytes);
  auto connection = std::make_shared<Connection>(serving_, std::move(fd));
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

// whoami: says which container answered and who asked. For demonstrations and tests of published
// ports, load balancing and updates.
//
//   GET / over HTTP/1.1, kept alive unless the client asks otherwise:
//     hostname: web.1
//     client: 10.0.0.7:51234
//     version: 2                       (of $VERSION)
//   UDP: answers every datagram with "HOSTNAME " and its content.
//
// Port 80, or $PORT. One thread. Ends at SIGTERM or SIGINT with status 0: new connections are
// refused at once, requests that are being read are still answered within a second.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <string>
#include <string_view>

namespace {

constexpr size_t kRequestBytesMax = size_t{16} << 10;
constexpr size_t kConnectionsMax = 10'000;
constexpr size_t kDatagramBytesMax = 65'536;
constexpr int kEventsAtOnce = 64;
constexpr int kGraceMs = 1000;

struct Connection {
  std::string client;
  std::string in;
  std::string out;
  bool closing = false;
};

[[noreturn]] void fail(const char* what) {
  perror(what);
  exit(1);
}

std::string environment(const char* name, const char* fallback) {
  const char* value = getenv(name);
  return value && *value ? value : fallback;
}

std::string host_name() {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return name;
}

// An IPv4 client on a socket for both is written as IPv4.
std::string address_text(const sockaddr_in6& address) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text);
  const std::string port = std::to_string(ntohs(address.sin6_port));
  if (IN6_IS_ADDR_V4MAPPED(&address.sin6_addr)) return std::string(text + 7) + ":" + port;
  return "[" + std::string(text) + "]:" + port;
}

// For IPv4 and IPv6; for IPv4 alone where the kernel has no IPv6.
int open_socket(int kind, uint16_t port) {
  int fd = socket(AF_INET6, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1, off = 0;
  sockaddr_in6 six{.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_any};
  sockaddr_in four{.sin_family = AF_INET, .sin_port = htons(port)};
  auto* address = reinterpret_cast<sockaddr*>(&six);
  socklen_t size = sizeof six;
  if (fd < 0) {
    fd = socket(AF_INET, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address = reinterpret_cast<sockaddr*>(&four);
    size = sizeof four;
  } else {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, address, size) != 0) fail("bind");
  if (kind == SOCK_STREAM && listen(fd, SOMAXCONN) != 0) fail("listen");
  return fd;
}

bool contains_token(std::string head, const char* token) {
  return strcasestr(head.c_str(), token) != nullptr;
}

class Server {
 public:
  explicit Server(uint16_t port)
      : epoll_(epoll_create1(EPOLL_CLOEXEC)),
        tcp_(open_socket(SOCK_STREAM, port)),
        udp_(open_socket(SOCK_DGRAM, port)) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    signal(SIGPIPE, SIG_IGN);
    stop_ = signalfd(-1, &signals, SFD_CLOEXEC);
    for (const int fd : {tcp_, udp_, stop_}) watch(fd, EPOLLIN, EPOLL_CTL_ADD);
  }

  void run() {
    for (;;) {
      epoll_event events[kEventsAtOnce];
      const int count = epoll_wait(epoll_, events, kEventsAtOnce, stopping_ ? kGraceMs : -1);
      if (count < 0 && errno != EINTR) fail("epoll_wait");
      if (stopping_ && (count <= 0 || connections_.empty())) return;
      for (int i = 0; i < count; ++i) dispatch(events[i].data.fd, events[i].events);
    }
  }

 private:
  void watch(int fd, uint32_t what, int operation) {
    epoll_event event{.events = what, .data = {.fd = fd}};
    epoll_ctl(epoll_, operation, fd, &event);
  }

  void dispatch(int fd, uint32_t events) {
    if (fd == tcp_) return accept_all();
    if (fd == udp_) return echo();
    if (fd == stop_) return stop();
    const auto at = connections_.find(fd);
    if (at == connections_.end()) return;
    bool alive = true;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) alive = read_requests(fd, at->second);
    if (alive) alive = write_answers(fd, at->second);
    if (alive) return;
    close(fd);
    connections_.erase(fd);
  }

  void stop() {
    stopping_ = true;
    for (const int fd : {tcp_, udp_, stop_}) {
      epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
      close(fd);
    }
    for (auto at = connections_.begin(); at != connections_.end();) {
      const bool idle = at->second.in.empty() && at->second.out.empty();
      if (idle) close(at->first);
      at = idle ? connections_.erase(at) : std::next(at);
    }
    if (connections_.empty()) exit(0);
  }

  void accept_all() {
    for (;;) {
      sockaddr_in6 address{};
      socklen_t size = sizeof address;
      const int fd =
          accept4(tcp_, reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      if (connections_.size() >= kConnectionsMax) {
        close(fd);
        continue;
      }
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      connections_[fd].client = address_text(address);
      watch(fd, EPOLLIN, EPOLL_CTL_ADD);
    }
  }

  void echo() {
    static char buffer[kDatagramBytesMax];
    sockaddr_in6 address{};
    socklen_t size = sizeof address;
    const ssize_t count =
        recvfrom(udp_, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&address), &size);
    if (count < 0) return;
    const std::string answer = host_ + " " + std::string(buffer, size_t(count));
    sendto(udp_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&address), size);
  }

  bool read_requests(int fd, Connection& connection) {
    char buffer[4096];
    ssize_t count;
    while ((count = read(fd, buffer, sizeof buffer)) > 0) {
      connection.in.append(buffer, size_t(count));
      if (connection.in.size() > kRequestBytesMax) return false;
    }
    const bool ended = count == 0 || (errno != EAGAIN && errno != EINTR);
    size_t end;
    while (!connection.closing && (end = connection.in.find("\r\n\r\n")) != std::string::npos) {
      answer(connection, connection.in.substr(0, end));
      connection.in.erase(0, end + 4);
    }
    if (ended) connection.closing = true;
    return !ended || !connection.out.empty();
  }

  void answer(Connection& connection, const std::string& head) {
    const bool old = head.find("HTTP/1.0") != std::string::npos;
    const bool keep = !stopping_ && !contains_token(head, "connection: close") &&
                      (!old || contains_token(head, "connection: keep-alive"));
    const std::string body =
        "hostname: " + host_ + "\nclient: " + connection.client + "\nversion: " + version_ + "\n";
    connection.out += "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " +
                      std::to_string(body.size()) +
                      (keep ? "\r\nConnection: keep-alive" : "\r\nConnection: close") + "\r\n\r\n";
    if (!head.starts_with("HEAD ")) connection.out += body;
    connection.closing = !keep;
  }

  bool write_answers(int fd, Connection& connection) {
    while (!connection.out.empty()) {
      const ssize_t count = write(fd, connection.out.data(), connection.out.size());
      if (count < 0 && errno == EAGAIN) {
        watch(fd, EPOLLOUT, EPOLL_CTL_MOD);
        return true;
      }
      if (count < 0) return false;
      connection.out.erase(0, size_t(count));
    }
    watch(fd, EPOLLIN, EPOLL_CTL_MOD);
    return !connection.closing;
  }

  const std::string host_ = host_name();
  const std::string version_ = environment("VERSION", "1");
  const int epoll_;
  const int tcp_;
  const int udp_;
  int stop_ = -1;
  bool stopping_ = false;
  std::map<int, Connection> connections_;
};

}  // namespace

int main() {
  const int port = atoi(environment("PORT", "80").c_str());
  if (port < 1 || port > 65535) {
    fputs("whoami: PORT must be 1 to 65535\n", stderr);
    return 2;
  }
  Server(uint16_t(port)).run();
  return 0;
}

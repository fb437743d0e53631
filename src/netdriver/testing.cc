#include "netdriver/testing.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <thread>
#include <vector>

#include "base/check.h"
#include "netdriver/links.h"
#include "netdriver/socket_address.h"

namespace shoal::netdriver::testing {
namespace {

using network::IpAddress;

os::Fd own_namespace() {
  auto fd = current_namespace();
  CHECK(fd, "{}", fd.error().message);
  return std::move(*fd);
}

os::Fd namespace_at(const std::string& path) {
  auto fd = open_namespace(path);
  CHECK(fd, "{}", fd.error().message);
  return std::move(*fd);
}

os::Fd make_socket(const os::Fd& space, int family, int type) {
  os::Fd fd;
  in_namespace(space, [&] { fd = os::Fd(::socket(family, type | SOCK_CLOEXEC, 0)); });
  CHECK(fd, "errno {}", errno);
  return fd;
}

bool is_readable(int fd) {
  pollfd wait{.fd = fd, .events = POLLIN};
  return ::poll(&wait, 1, Client::kAnswerMilliseconds) == 1;
}

// The host's uplink and the other end, as a veth pair without a bridge.
void connect_hosts(const os::Fd& inside, const os::Fd& outside) {
  const auto set_up_in = [](const os::Fd& space, const std::string& address) {
    in_namespace(space, [&] {
      auto route = NetlinkSocket::open(NETLINK_ROUTE);
      CHECK(route && set_up(*route, 1));
      const auto link = find_link(*route, "eth0");
      CHECK(link, "{}", link.error().message);
      network::LinkPlan plan{.address = network::Subnet{*IpAddress::parse(address), 24}};
      CHECK(repair_bridge(*route, *link, plan));
    });
  };
  in_namespace(inside, [&] {
    auto route = NetlinkSocket::open(NETLINK_ROUTE);
    const auto mac = network::MacAddress::of(*IpAddress::parse(kOutsideAddress));
    const network::LinkPlan pair{.kind = network::LinkPlan::Kind::Veth,
                                 .peer = network::PeerPlan{"eth0", mac, {}, {}}};
    const auto made = add_veth(*route, "eth0", pair, 0, outside.get());
    CHECK(made, "{}", made.error().message);
  });
  set_up_in(inside, kHostAddress);
  set_up_in(outside, kOutsideAddress);
  for (const auto* space : {&inside, &outside}) {
    in_namespace(*space, [] {  // Asking makes the kernel see at once that the pair is up.
      auto route = NetlinkSocket::open(NETLINK_ROUTE);
      CHECK(find_link(*route, "eth0"));
    });
  }
}

}  // namespace

Host::Host() {
  char name[] = "/tmp/shoal-net-XXXXXX";
  folder_ = ::mkdtemp(name);
  CHECK(::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "not root? errno {}", errno);
  CHECK(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  CHECK(::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "mode=0700") == 0);
  inside_ = own_namespace();
  std::thread([this] {
    CHECK(::unshare(CLONE_NEWNET) == 0);
    outside_ = own_namespace();
  }).join();
  connect_hosts(inside_, outside_);
}

Host::~Host() {
  ::umount2(folder_.c_str(), MNT_DETACH);
  ::rmdir(folder_.c_str());
}

ControlThread::~ControlThread() {
  loop.post([this] { loop.stop(); });
  thread_.join();
}

void ControlThread::call(const std::function<void()>& work) {
  std::promise<void> done;
  loop.post([&] {
    work();
    done.set_value();
  });
  done.get_future().get();
}

Control::Control(const Host& host, int ready_namespaces)
    : owned(std::make_unique<NodeNetwork>(
          loop, log, rng,
          NodeNetworkOptions{.run_dir = host.folder(), .ready_namespaces = ready_namespaces})),
      network(*owned) {}

Control::~Control() {
  call([this] { owned.reset(); });
}

void in_namespace(const os::Fd& space, const std::function<void()>& work) {
  std::thread([&] {
    CHECK(::setns(space.get(), CLONE_NEWNET) == 0, "errno {}", errno);
    work();
  }).join();
}

void in_namespace(const std::string& path, const std::function<void()>& work) {
  in_namespace(namespace_at(path), work);
}

struct Server::Impl {
  os::Fd listener;
  os::Fd stop{::eventfd(0, EFD_CLOEXEC)};
  std::string name;
  std::vector<os::Fd> clients;
  std::thread thread;

  std::string answer_to(const sockaddr_storage& peer) const {
    const bool v4 = peer.ss_family == AF_INET;
    const auto* bytes =
        v4 ? reinterpret_cast<const uint8_t*>(&reinterpret_cast<const sockaddr_in&>(peer).sin_addr)
           : reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr.s6_addr;
    return name + " " + IpAddress::of({bytes, size_t(v4 ? 4 : 16)}).str() + "\n";
  }

  void serve_stream(const os::Fd& client) const {
    char line[64];
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (::recv(client.get(), line, sizeof line, 0) <= 0) return void(::shutdown(client.get(), 2));
    ::getpeername(client.get(), reinterpret_cast<sockaddr*>(&peer), &size);
    const auto answer = answer_to(peer);
    ::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
  }

  void serve_datagram() const {
    char line[64];
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    auto* address = reinterpret_cast<sockaddr*>(&peer);
    ::recvfrom(listener.get(), line, sizeof line, 0, address, &size);
    const auto answer = answer_to(peer);
    ::sendto(listener.get(), answer.data(), answer.size(), 0, address, size);
  }

  void run(Kind kind) {
    for (;;) {
      std::vector<pollfd> waits{{stop.get(), POLLIN, 0}, {listener.get(), POLLIN, 0}};
      for (const auto& client : clients) waits.push_back({client.get(), POLLIN, 0});
      ::poll(waits.data(), waits.size(), -1);
      if (waits[0].revents) return;
      for (size_t i = 2; i < waits.size(); ++i) {
        if (waits[i].revents & (POLLHUP | POLLERR))
          clients[i - 2].reset();
        else if (waits[i].revents)
          serve_stream(clients[i - 2]);
      }
      std::erase_if(clients, [](const auto& client) { return !client; });
      if (!waits[1].revents) continue;
      if (kind == Kind::Udp)
        serve_datagram();
      else
        clients.emplace_back(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    }
  }
};

Server::Server(const os::Fd& space, Kind kind, uint16_t port, std::string name,
               network::Family family)
    : impl_(std::make_unique<Impl>()) {
  impl_->name = std::move(name);
  const auto address = SocketAddress::of(IpAddress::any(family), port);
  impl_->listener =
      make_socket(space, address.family(), kind == Kind::Tcp ? SOCK_STREAM : SOCK_DGRAM);
  const int on = 1;
  ::setsockopt(impl_->listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  CHECK(::bind(impl_->listener.get(), address.get(), address.size()) == 0, "errno {}", errno);
  CHECK(kind == Kind::Udp || ::listen(impl_->listener.get(), 1024) == 0);
  impl_->thread = std::thread([impl = impl_.get(), kind] { impl->run(kind); });
}

Server::Server(const std::string& netns_path, Kind kind, uint16_t port, std::string name,
               network::Family family)
    : Server(namespace_at(netns_path), kind, port, std::move(name), family) {}

Server::~Server() {
  const uint64_t one = 1;
  CHECK(::write(impl_->stop.get(), &one, sizeof one) == sizeof one);
  impl_->thread.join();
}

Client Client::tcp(const os::Fd& space, const std::string& address, uint16_t port,
                   int wait_milliseconds) {
  const auto to = SocketAddress::of(*IpAddress::parse(address), port);
  Client client;
  client.fd_ = make_socket(space, to.family(), SOCK_STREAM | SOCK_NONBLOCK);
  int error = ::connect(client.fd_.get(), to.get(), to.size()) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    pollfd wait{.fd = client.fd_.get(), .events = POLLOUT};
    error = ::poll(&wait, 1, wait_milliseconds) == 1 ? 0 : ETIMEDOUT;
    socklen_t size = sizeof error;
    if (error == 0) ::getsockopt(client.fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  client.error_ = error;
  if (error != 0) client.fd_.reset();
  return client;
}

Client Client::tcp(const std::string& netns_path, const std::string& address, uint16_t port) {
  return tcp(namespace_at(netns_path), address, port);
}

Client Client::udp(const std::string& netns_path, const std::string& address, uint16_t port) {
  return udp(namespace_at(netns_path), address, port);
}

int Client::send_whole(size_t bytes) {
  const int whole = IP_PMTUDISC_DO;
  CHECK(::setsockopt(fd_.get(), IPPROTO_IP, IP_MTU_DISCOVER, &whole, sizeof whole) == 0);
  const std::string text(bytes, 'x');
  return ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) == ssize_t(bytes) ? 0 : errno;
}

Client Client::udp(const os::Fd& space, const std::string& address, uint16_t port) {
  const auto to = SocketAddress::of(*IpAddress::parse(address), port);
  Client client;
  client.fd_ = make_socket(space, to.family(), SOCK_DGRAM | SOCK_NONBLOCK);
  if (::connect(client.fd_.get(), to.get(), to.size()) != 0) client.fd_.reset();
  return client;
}

std::string Client::ask() {
  if (::send(fd_.get(), "who\n", 4, MSG_NOSIGNAL) != 4 || !is_readable(fd_.get())) return {};
  char answer[128];
  const ssize_t count = ::recv(fd_.get(), answer, sizeof answer, 0);
  return count > 1 ? std::string(answer, size_t(count) - 1) : std::string();
}

std::vector<std::string> link_names() {
  auto route = NetlinkSocket::open(NETLINK_ROUTE);
  CHECK(route, "{}", route ? "" : route.error().message);
  const auto links = list_links(*route);
  CHECK(links, "{}", links ? "" : links.error().message);
  std::vector<std::string> names;
  for (const auto& link : *links) names.push_back(link.name);
  return names;
}

}  // namespace shoal::netdriver::testing

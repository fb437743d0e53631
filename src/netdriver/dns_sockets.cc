#include "netdriver/dns_sockets.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>

#include "base/check.h"
#include "netdriver/nft_table.h"
#include "netdriver/socket_address.h"
#include "network/dns_rules.h"
#include "os/file.h"

namespace shoal::netdriver {
namespace {

using network::DnsPorts;
using network::kDnsAddress;
using network::kDnsTable;

constexpr int kBacklog = 64;

// Moves the calling thread into the namespace for as long as it lives.
class Visit {
 public:
  static Result<Visit> begin(const os::Fd& space) {
    constexpr auto kSelf = "/proc/thread-self/ns/net";
    os::Fd home(::open(kSelf, O_RDONLY | O_CLOEXEC));
    if (!home) return os::system_error("open", kSelf, errno);
    if (::setns(space.get(), CLONE_NEWNET) != 0) {
      return os::system_error("enter", "network namespace", errno);
    }
    return Visit(std::move(home));
  }
  Visit(Visit&& other) noexcept : home_(std::move(other.home_)) {}
  Visit& operator=(Visit&&) = delete;
  // Whatever came next on this thread would happen to a container instead of the node.
  ~Visit() { CHECK(!home_ || ::setns(home_.get(), CLONE_NEWNET) == 0, "errno {}", errno); }

 private:
  explicit Visit(os::Fd home) : home_(std::move(home)) {}
  os::Fd home_;
};

// On the wished port if it is free, else on one that the kernel chooses.
Result<os::Fd> bind_to(int type, uint16_t wished) {
  os::Fd fd(::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return os::system_error("open", "socket", errno);
  const int on = 1;
  // Connections of the earlier daemon that wait for their end do not count; for datagrams the same
  // option would share the port.
  if (type == SOCK_STREAM) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  for (const uint16_t port : {wished, uint16_t{0}}) {
    const auto address = SocketAddress::of(kDnsAddress, port);
    const bool bound = ::bind(fd.get(), address.get(), address.size()) == 0 &&
                       (type == SOCK_DGRAM || ::listen(fd.get(), kBacklog) == 0);
    if (bound) return fd;
    if (port == 0) break;
  }
  return os::system_error("bind to", kDnsAddress.str(), errno);
}

Result<uint16_t> port_of(const os::Fd& fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return os::system_error("ask", "socket", errno);
  }
  return ntohs(address.sin_port);
}

Result<void> bind_both(DnsSockets& sockets) {
  ASSIGN_OR_RETURN(auto table, NftTable::open(kDnsTable));
  ASSIGN_OR_RETURN(const auto found, table.read());
  const auto before = network::ports_in_dns_rules(found);
  ASSIGN_OR_RETURN(sockets.udp, bind_to(SOCK_DGRAM, before.udp));
  ASSIGN_OR_RETURN(sockets.tcp, bind_to(SOCK_STREAM, before.tcp));
  DnsPorts ports;
  ASSIGN_OR_RETURN(ports.udp, port_of(sockets.udp));
  ASSIGN_OR_RETURN(ports.tcp, port_of(sockets.tcp));
  return table.replace(network::plan_dns_rules(ports));
}

Result<DnsSockets> open_space(const std::string& path) {
  DnsSockets sockets;
  sockets.space = os::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!sockets.space) return os::system_error("open", path, errno);
  struct stat info{};
  struct statfs system{};
  if (::fstat(sockets.space.get(), &info) != 0 || ::fstatfs(sockets.space.get(), &system) != 0) {
    return os::system_error("look at", path, errno);
  }
  // A file without a mount is what remains of a namespace that was released.
  if (system.f_type != NSFS_MAGIC) return not_found("{} is no network namespace", path);
  sockets.identity = {info.st_dev, info.st_ino};
  return sockets;
}

}  // namespace

Result<std::optional<DnsSockets>> open_dns_sockets(const std::string& path,
                                                   const NamespaceIdentity& known) {
  ASSIGN_OR_RETURN(auto sockets, open_space(path));
  if (sockets.identity == known) return std::nullopt;
  ASSIGN_OR_RETURN(const auto visit, Visit::begin(sockets.space));
  RETURN_IF_ERROR(with_context(bind_both(sockets), "DNS responder in {}", path));
  return std::optional(std::move(sockets));
}

Result<os::Fd> open_socket_in(const os::Fd& space, int family, int type) {
  ASSIGN_OR_RETURN(const auto visit, Visit::begin(space));
  os::Fd fd(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return os::system_error("open", "socket", errno);
  return fd;
}

}  // namespace shoal::netdriver

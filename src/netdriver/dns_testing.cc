#include "netdriver/dns_testing.h"

#include <fcntl.h>
#include <ldns/ldns.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <array>
#include <condition_variable>
#include <cstdio>
#include <thread>

#include "base/check.h"
#include "netdriver/socket_address.h"
#include "netdriver/testing.h"
#include "os/file.h"

namespace shoal::netdriver::testing {
namespace {

using network::DnsQuery;
using network::DnsReply;
using network::IpAddress;

os::Fd bound(int type, uint16_t port) {
  os::Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto address = SocketAddress::of(IpAddress{}, port);
  CHECK(::bind(fd.get(), address.get(), address.size()) == 0, "errno {}", errno);
  CHECK(type == SOCK_DGRAM || ::listen(fd.get(), 64) == 0, "errno {}", errno);
  return fd;
}

std::string with_length(const std::string& message) {
  return std::string{char(message.size() >> 8), char(message.size())} + message;
}

bool await_bytes(int fd) {
  pollfd wait{.fd = fd, .events = POLLIN};
  CHECK(::poll(&wait, 1, Client::kAnswerMilliseconds) == 1, "nothing comes on {}", fd);
  return true;
}

// `count` bytes of a stream; fewer when it ends.
std::string read_bytes(int fd, size_t count) {
  std::string bytes(count, '\0');
  size_t got = 0;
  while (got < count && await_bytes(fd)) {
    const ssize_t more = ::recv(fd, bytes.data() + got, count - got, 0);
    if (more <= 0) break;
    got += size_t(more);
  }
  bytes.resize(got);
  return bytes;
}

std::string read_message(int fd) {
  const auto length = read_bytes(fd, 2);
  if (length.size() < 2) return {};
  return read_bytes(fd, size_t(uint8_t(length[0])) << 8 | uint8_t(length[1]));
}

}  // namespace

std::string dns_query(const std::string& name, uint16_t type, uint16_t id) {
  std::string query{char(id >> 8), char(id), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  for (size_t at = 0; at < name.size();) {
    const auto dot = std::min(name.find('.', at), name.size());
    query += char(dot - at) + name.substr(at, dot - at);
    at = dot + 1;
  }
  return query + std::string{0, char(type >> 8), char(type), 0, 1};
}

struct NameServer::Impl {
  Answer answer;
  os::Fd stop{::eventfd(0, EFD_CLOEXEC)};
  os::Fd udp;
  os::Fd tcp;
  mutable std::mutex mutex;
  mutable std::condition_variable more;
  std::vector<Seen> seen;
  std::vector<os::Fd> connections;  // kept open: silence is no end
  std::thread thread;

  std::vector<std::string> answers_to(const std::string& query, const sockaddr_in& from,
                                      bool over_tcp) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&from.sin_addr);
    const std::lock_guard lock(mutex);
    seen.push_back({network::dns_id(query), IpAddress::of({bytes, 4}).str(), over_tcp});
    more.notify_all();
    return answer(query);
  }

  void serve_datagram() {
    std::array<char, 65536> buffer;
    sockaddr_in from{};
    socklen_t size = sizeof from;
    auto* address = reinterpret_cast<sockaddr*>(&from);
    const auto count = ::recvfrom(udp.get(), buffer.data(), buffer.size(), 0, address, &size);
    if (count < 0) return;
    for (const auto& reply : answers_to({buffer.data(), size_t(count)}, from, false)) {
      ::sendto(udp.get(), reply.data(), reply.size(), 0, address, size);
    }
  }

  void serve_connection() {
    sockaddr_in from{};
    socklen_t size = sizeof from;
    os::Fd client(::accept4(tcp.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC));
    if (!client) return;
    const auto query = read_message(client.get());
    if (query.empty()) return;
    for (const auto& reply : answers_to(query, from, true)) {
      const auto bytes = with_length(reply);
      ::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    connections.push_back(std::move(client));
  }

  void run() {
    for (;;) {
      std::array<pollfd, 3> waits{
          {{stop.get(), POLLIN, 0}, {udp.get(), POLLIN, 0}, {tcp.get(), POLLIN, 0}}};
      ::poll(waits.data(), waits.size(), -1);
      if (waits[0].revents) return;
      if (waits[1].revents) serve_datagram();
      if (waits[2].revents) serve_connection();
    }
  }
};

NameServer::Answer NameServer::address(const IpAddress& ip) {
  return [ip](const std::string& query) {
    const auto asked = DnsQuery::parse(query).value();
    return std::vector{asked.reply({.addresses = {{{}, ip}}}, network::kDnsMessageMax)};
  };
}

NameServer::Answer NameServer::rcode(network::DnsRcode rcode) {
  return [rcode](const std::string& query) {
    return std::vector{
        DnsQuery::parse(query).value().reply({.rcode = rcode}, network::kDnsMessageMax)};
  };
}

NameServer::Answer NameServer::silence() {
  return [](const std::string&) { return std::vector<std::string>(); };
}

NameServer::NameServer(const os::Fd& space, uint16_t port, Answer answer)
    : impl_(std::make_unique<Impl>()) {
  impl_->answer = std::move(answer);
  in_namespace(space, [&] {
    impl_->udp = bound(SOCK_DGRAM, port);
    impl_->tcp = bound(SOCK_STREAM, port);
  });
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

NameServer::NameServer(const std::string& netns_path, uint16_t port, Answer answer)
    : NameServer(os::Fd(::open(netns_path.c_str(), O_RDONLY | O_CLOEXEC)), port,
                 std::move(answer)) {}

NameServer::~NameServer() {
  const uint64_t one = 1;
  CHECK(::write(impl_->stop.get(), &one, sizeof one) == sizeof one);
  impl_->thread.join();
}

std::vector<NameServer::Seen> NameServer::seen() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->seen;
}

void NameServer::await_seen(size_t count) const {
  std::unique_lock lock(impl_->mutex);
  const bool came =
      impl_->more.wait_for(lock, std::chrono::milliseconds(Client::kAnswerMilliseconds),
                           [&] { return impl_->seen.size() >= count; });
  CHECK(came, "{} of {} questions", impl_->seen.size(), count);
}

DnsPeer::DnsPeer(const std::string& netns_path, bool tcp, const std::string& address, uint16_t port)
    : tcp_(tcp) {
  const auto to = SocketAddress::of(*IpAddress::parse(address), port);
  in_namespace(netns_path, [&] {
    fd_ = os::Fd(::socket(to.family(), (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
  });
  if (::connect(fd_.get(), to.get(), to.size()) != 0) fd_.reset();
}

void DnsPeer::send(const std::string& bytes) const {
  // A connection that the server ended does not take them; receive() shows it.
  (void)::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void DnsPeer::send_query(const std::string& query) const {
  send(tcp_ ? with_length(query) : query);
}

std::string DnsPeer::receive() const {
  if (!fd_) return {};
  if (tcp_) return read_message(fd_.get());
  std::array<char, 65536> buffer;
  if (!await_bytes(fd_.get())) return {};
  const auto count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  return count < 0 ? std::string() : std::string(buffer.data(), size_t(count));
}

std::vector<std::string> addresses_in(const std::string& answer) {
  ldns_pkt* packet = nullptr;
  const auto* bytes = reinterpret_cast<const uint8_t*>(answer.data());
  if (ldns_wire2pkt(&packet, bytes, answer.size()) != LDNS_STATUS_OK) return {"no message"};
  std::vector<std::string> texts;
  const auto* records = ldns_pkt_answer(packet);
  for (size_t i = 0; i < ldns_rr_list_rr_count(records); ++i) {
    const auto* data = ldns_rr_rdf(ldns_rr_list_rr(records, i), 0);
    const auto size = ldns_rdf_size(data);
    if (size == 4 || size == 16) texts.push_back(IpAddress::of({ldns_rdf_data(data), size}).str());
  }
  ldns_pkt_free(packet);
  return texts;
}

std::string run_with_resolv_conf(const std::string& netns_path, const std::string& folder,
                                 const std::string& resolv_conf, const std::string& command) {
  const auto file = folder + "/resolv.conf";
  constexpr auto kReal = "/etc/resolv.conf";
  const auto written = os::write_file(file, resolv_conf, 0644);
  CHECK(written, "{}", written.error().message);
  CHECK(::mount(file.c_str(), kReal, nullptr, MS_BIND, nullptr) == 0, "errno {}", errno);
  std::string output;
  in_namespace(netns_path, [&] {
    FILE* pipe = ::popen((command + " 2>&1").c_str(), "re");
    CHECK(pipe, "errno {}", errno);
    std::array<char, 4096> buffer;
    while (const size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
      output.append(buffer.data(), count);
    }
    ::pclose(pipe);
  });
  CHECK(::umount2(kReal, MNT_DETACH) == 0, "errno {}", errno);
  return output;
}

}  // namespace shoal::netdriver::testing

#include "netdriver/dns_forwarder.h"

#include <sys/random.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/check.h"
#include "netdriver/dns_sockets.h"
#include "netdriver/dns_stream.h"
#include "netdriver/socket_address.h"

namespace shoal::netdriver {
namespace {

using network::DnsRcode;
using network::DnsTransport;
using network::kDnsMessageMax;

// Who sends a false answer must guess it, so it does not come from the source of jitter.
uint16_t unguessable_id() {
  uint16_t id = 0;
  CHECK(::getrandom(&id, sizeof id, 0) == sizeof id, "errno {}", errno);
  return id;
}

bool is_of_use(std::string_view reply) {
  const auto rcode = network::dns_rcode(reply);
  return rcode == DnsRcode::NoError || rcode == DnsRcode::NoSuchName;
}

}  // namespace

DnsForwarder::DnsForwarder(os::Loop& loop, Worker& worker, Duration timeout)
    : loop_(loop), worker_(worker), timeout_(timeout), buffer_(kDnsMessageMax) {}

os::Co<DnsForwarder::Answer> DnsForwarder::ask(Question question) {
  Answer last;
  const size_t count = question.servers.size();
  for (size_t i = 0; i < count && !question.stop.stopped(); ++i) {
    const size_t at = (question.first + i) % count;
    auto reply = co_await ask_one(question, question.servers[at]);
    if (reply.empty()) continue;
    last = {std::move(reply), at};
    if (is_of_use(last.reply)) break;
  }
  co_return last;
}

os::Co<std::string> DnsForwarder::ask_one(const Question& question,
                                          const network::DnsUpstream& server) {
  const os::Fd fd = co_await open(question, server);
  if (!fd) co_return std::string();
  const auto address = SocketAddress::of(server.address, server.port);
  if (::connect(fd.get(), address.get(), address.size()) != 0 && errno != EINPROGRESS) {
    co_return std::string();  // No way there: the next one.
  }
  const Deadline deadline(loop_, timeout_, question.stop);
  const auto stop = deadline.token();
  std::string query = question.query;
  const uint16_t id = network::dns_id(query);
  network::set_dns_id(query, unguessable_id());
  std::string reply;
  if (question.transport == DnsTransport::Udp) {
    reply = co_await exchange_datagrams(fd.get(), std::move(query), stop);
  } else {
    reply = co_await exchange_stream(fd.get(), std::move(query), stop);
  }
  if (!reply.empty()) network::set_dns_id(reply, id);
  co_return reply;
}

os::Co<os::Fd> DnsForwarder::open(const Question& question, const network::DnsUpstream& server) {
  const int family = server.address.is_v4() ? AF_INET : AF_INET6;
  const int type = question.transport == DnsTransport::Udp ? SOCK_DGRAM : SOCK_STREAM;
  if (!server.inside) co_return os::Fd(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const auto& space = *question.space;
  auto open_inside = [&] { return open_socket_in(space, family, type); };
  auto opened = co_await worker_.run(open_inside);
  co_return opened ? std::move(*opened) : os::Fd();
}

os::Co<std::string> DnsForwarder::exchange_datagrams(int fd, std::string query,
                                                     os::StopToken stop) {
  if (::send(fd, query.data(), query.size(), MSG_DONTWAIT) < 0) co_return std::string();
  while (co_await loop_.readable(fd, stop)) {
    const ssize_t count = ::recv(fd, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (count < 0) break;  // Nobody listens there.
    const std::string_view reply(buffer_.data(), size_t(count));
    // The kernel lets only that server's packets through. Anything else is late or false.
    if (network::is_dns_reply_to(reply, query)) co_return std::string(reply);
  }
  co_return std::string();
}

os::Co<std::string> DnsForwarder::exchange_stream(int fd, std::string query, os::StopToken stop) {
  if (!co_await loop_.writable(fd, stop)) co_return std::string();
  std::string reply;  // A connection that failed breaks with the first byte.
  if (!co_await write_dns_message(loop_, fd, query, stop)) co_return std::string();
  if (!co_await read_dns_message(loop_, fd, reply, kDnsMessageMax, stop)) co_return std::string();
  co_return network::is_dns_reply_to(reply, query) ? std::move(reply) : std::string();
}

}  // namespace shoal::netdriver

#include "netdriver/dns_session.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "netdriver/dns_stream.h"
#include "os/tcp.h"

namespace shoal::netdriver {
namespace {

using network::DnsAnswer;
using network::DnsIgnore;
using network::DnsOutcome;
using network::DnsTransport;

constexpr auto kPauseWithoutDescriptors = 100ms;

// Counts up for as long as it lives.
class Counted {
 public:
  explicit Counted(size_t& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  size_t& count_;
};

}  // namespace

DnsSession::DnsSession(std::shared_ptr<DnsShared> shared, DnsClient client, DnsSockets sockets)
    : shared_(std::move(shared)),
      identity_(sockets.identity),
      space_(std::make_shared<const os::Fd>(std::move(sockets.space))),
      udp_(std::move(sockets.udp)),
      tcp_(std::move(sockets.tcp)) {
  replace(std::move(client));
}

void DnsSession::replace(DnsClient client) {
  if (client == client_) return;
  client_ = std::move(client);
  upstreams_ = client_.upstreams;
  if (client_.internal_only) std::erase_if(upstreams_, [](const auto& s) { return !s.inside; });
  if (upstreams_.size() > network::kDnsUpstreamsMax) upstreams_.resize(network::kDnsUpstreamsMax);
  first_upstream_ = 0;
  asker_ = {client_.names, !upstreams_.empty(), client_.qualifies};
}

void DnsSession::start() {
  os::spawn(serve_datagrams());
  os::spawn(accept_connections());
}

// ---- Datagrams.

os::Co<> DnsSession::serve_datagrams() {
  const auto self = shared_from_this();
  const auto stop = stop_.token();
  std::array<char, kDnsQueryBytesMax> buffer;
  while (!stop.stopped()) {
    auto from = std::make_shared<sockaddr_in>();
    socklen_t size = sizeof(sockaddr_in);
    const ssize_t count = ::recvfrom(udp_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                     reinterpret_cast<sockaddr*>(from.get()), &size);
    if (count < 0 && errno == EAGAIN) {
      if (!co_await shared_->loop.readable(udp_.get(), stop)) break;
      continue;
    }
    // An error is that of an earlier answer: who asked is gone. An empty packet is ignored.
    const std::string_view query(buffer.data(), size_t(std::max<ssize_t>(count, 0)));
    const auto outcome = answer(query, DnsTransport::Udp);
    if (const auto* given = std::get_if<DnsAnswer>(&outcome)) {
      send(given->packet, *from);
    } else if (!std::holds_alternative<DnsIgnore>(outcome)) {
      os::spawn(forward_datagram(std::string(query), std::move(from)));
    }
    if (!co_await pause()) break;
  }
}

os::Co<> DnsSession::forward_datagram(std::string query, std::shared_ptr<sockaddr_in> from) {
  const auto self = shared_from_this();
  const auto reply = co_await forward(std::move(query), DnsTransport::Udp);
  if (!stop_.token().stopped()) send(reply, *from);
}

// What the container does not take is lost, as on any network.
void DnsSession::send(std::string_view packet, const sockaddr_in& to) const {
  ::sendto(udp_.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

// ---- Connections.

os::Co<> DnsSession::accept_connections() {
  const auto self = shared_from_this();
  const auto stop = stop_.token();
  while (co_await shared_->loop.readable(tcp_.get(), stop)) {
    auto accepted = os::accept_from(tcp_.get());
    if (!accepted) {  // No descriptor is left; the connection waits.
      if (!co_await shared_->loop.sleep(kPauseWithoutDescriptors, stop)) break;
      continue;
    }
    if (*accepted && connections_ < kDnsConnectionsPerContainer) {
      os::spawn(serve_connection(std::move(*accepted)));
    }
    if (!co_await pause()) break;
  }
}

os::Co<> DnsSession::serve_connection(os::Fd fd) {
  const auto self = shared_from_this();
  const Counted counted(connections_);
  for (bool goes_on = true; goes_on;) {
    std::string query;
    {
      const Deadline deadline(shared_->loop, shared_->options.connection_timeout, stop_.token());
      const auto stop = deadline.token();
      goes_on = co_await read_dns_message(shared_->loop, fd.get(), query, kDnsQueryBytesMax, stop);
    }
    if (!goes_on) break;
    goes_on = co_await answer_on(fd.get(), std::move(query));
    if (goes_on) goes_on = co_await pause();
  }
}

// One after the other, so a connection has never more than one question out.
os::Co<bool> DnsSession::answer_on(int fd, std::string query) {
  const auto outcome = answer(query, DnsTransport::Tcp);
  if (std::holds_alternative<DnsIgnore>(outcome)) co_return false;
  std::string reply;
  if (const auto* given = std::get_if<DnsAnswer>(&outcome)) {
    reply = given->packet;
  } else {
    reply = co_await forward(std::move(query), DnsTransport::Tcp);
    if (stop_.token().stopped()) co_return false;
  }
  const Deadline deadline(shared_->loop, shared_->options.connection_timeout, stop_.token());
  const auto stop = deadline.token();
  co_return co_await write_dns_message(shared_->loop, fd, reply, stop);
}

// ---- Both.

DnsOutcome DnsSession::answer(std::string_view query, DnsTransport transport) {
  return network::answer_dns(query, transport, asker_, shared_->table, shared_->rng);
}

// A failure when nobody has an answer.
os::Co<std::string> DnsSession::forward(std::string query, DnsTransport transport) {
  const bool room = forwards_ < kDnsForwardsPerContainer && shared_->forwards < kDnsForwardsMax;
  if (!room) {
    if (!std::exchange(told_, true)) {
      shared_->log.warn("too many questions wait for name servers outside: more fail",
                        {{"container", client_.container_id}});
    }
    co_return network::dns_failure(query);
  }
  const Counted own(forwards_);
  const Counted all(shared_->forwards);
  DnsForwarder::Question question{query,           transport, upstreams_,
                                  first_upstream_, space_,    stop_.token()};
  auto answer = co_await shared_->forwarder.ask(std::move(question));
  if (answer.reply.empty()) co_return network::dns_failure(query);
  // Whoever is dead is not waited for again.
  if (answer.server < upstreams_.size()) first_upstream_ = answer.server;
  co_return std::move(answer.reply);
}

// After each question: lets the others have their turn, and rests when many were asked at once.
os::Co<bool> DnsSession::pause() {
  auto& shared = *shared_;
  const auto stop = stop_.token();
  co_await shared.loop.turn();
  if (++queries_in_turn_ < kDnsQueriesPerTurn) co_return !stop.stopped();
  queries_in_turn_ = 0;
  const Time now = shared.loop.now();
  const bool many = now - turn_began_ < kDnsPause;
  turn_began_ = now;
  if (!many) co_return !stop.stopped();
  const Counted resting(shared.resting);
  const Duration rest = kDnsPause * int64_t(shared.resting);
  co_return co_await shared.loop.sleep(rest, stop);
}

}  // namespace shoal::netdriver

// The DNS responder of one container: answers on its two sockets until it is stopped. Control
// thread only; what runs holds the session.
#pragma once

#include <memory>

#include "base/log.h"
#include "netdriver/dns_forwarder.h"
#include "netdriver/dns_server.h"
#include "netdriver/dns_sockets.h"
#include "network/dns.h"

struct sockaddr_in;

namespace shoal::netdriver {

// What all sessions of the node share.
struct DnsShared {
  DnsShared(os::Loop& l, Log& g, Rng& r, const network::NameTable& t, DnsOptions o)
      : loop(l),
        log(g),
        rng(r),
        table(t),
        options(o),
        worker(l),
        forwarder(l, worker, o.upstream_timeout) {}

  os::Loop& loop;
  Log& log;
  Rng& rng;
  const network::NameTable& table;
  const DnsOptions options;
  Worker worker;
  DnsForwarder forwarder;
  size_t forwards = 0;  // questions that are out
  size_t resting = 0;   // sessions that rest
};

class DnsSession : public std::enable_shared_from_this<DnsSession> {
 public:
  DnsSession(std::shared_ptr<DnsShared> shared, DnsClient client, DnsSockets sockets);

  void start();
  // Nothing of the table or the client is looked at any more.
  void stop() { stop_.stop(); }
  void replace(DnsClient client);
  const NamespaceIdentity& identity() const { return identity_; }

 private:
  os::Co<> serve_datagrams();
  os::Co<> forward_datagram(std::string query, std::shared_ptr<sockaddr_in> from);
  void send(std::string_view packet, const sockaddr_in& to) const;
  os::Co<> accept_connections();
  os::Co<> serve_connection(os::Fd fd);
  os::Co<bool> answer_on(int fd, std::string query);

  network::DnsOutcome answer(std::string_view query, network::DnsTransport transport);
  os::Co<std::string> forward(std::string query, network::DnsTransport transport);
  os::Co<bool> pause();

  std::shared_ptr<DnsShared> shared_;
  DnsClient client_;
  network::DnsAsker asker_;
  std::vector<network::DnsUpstream> upstreams_;  // those that may be asked
  size_t first_upstream_ = 0;                    // the one that answered last

  const NamespaceIdentity identity_;
  std::shared_ptr<const os::Fd> space_;
  os::Fd udp_;
  os::Fd tcp_;
  os::StopSource stop_;
  size_t forwards_ = 0;
  bool told_ = false;  // that it asks too much; once is enough
  size_t connections_ = 0;
  size_t queries_in_turn_ = 0;
  Time turn_began_;
};

}  // namespace shoal::netdriver

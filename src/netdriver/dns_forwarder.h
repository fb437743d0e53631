// Asks the servers outside what a container's DNS responder does not know itself. Control thread
// only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "netdriver/worker.h"
#include "network/container_files.h"
#include "network/dns.h"
#include "os/co.h"
#include "os/fd.h"
#include "os/loop.h"

namespace shoal::netdriver {

class DnsForwarder {
 public:
  DnsForwarder(os::Loop& loop, Worker& worker, Duration timeout);

  struct Question {
    std::string query;  // a whole one
    network::DnsTransport transport;
    std::vector<network::DnsUpstream> servers;
    size_t first = 0;                     // the one that is asked first, then those behind it
    std::shared_ptr<const os::Fd> space;  // for servers inside
    os::StopToken stop;
  };
  struct Answer {
    std::string reply;  // empty: nobody gave one, or stopped
    size_t server = 0;  // who did
  };
  // Each server has the timeout; one that fails or refuses is passed over, and its answer counts
  // only when no other comes. Over the transport that the container used: a cut answer makes it ask
  // again over TCP. Datagrams come from a port and with an id that were not used before.
  os::Co<Answer> ask(Question question);

 private:
  os::Co<std::string> ask_one(const Question& question, const network::DnsUpstream& server);
  os::Co<os::Fd> open(const Question& question, const network::DnsUpstream& server);
  os::Co<std::string> exchange_datagrams(int fd, std::string query, os::StopToken stop);
  os::Co<std::string> exchange_stream(int fd, std::string query, os::StopToken stop);

  os::Loop& loop_;
  Worker& worker_;
  const Duration timeout_;
  std::vector<char> buffer_;  // Nobody waits while something is in it.
};

}  // namespace shoal::netdriver

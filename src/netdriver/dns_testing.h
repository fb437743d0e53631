// For tests of DNS: a name server as the world outside has them, and a client. Needs root.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "network/dns_packet.h"
#include "os/fd.h"

namespace shoal::netdriver::testing {

// A query of a name that nobody has in tests, or of the given one; `type` as in dns_packet.h.
std::string dns_query(const std::string& name, uint16_t type, uint16_t id = 0x1234);

// A name server in a namespace, on a thread of its own, UDP and TCP, until destroyed.
class NameServer {
 public:
  // What is sent back for a query, one packet after the other; nothing: it is silent.
  using Answer = std::function<std::vector<std::string>(const std::string& query)>;
  // Everything has this address.
  static Answer address(const network::IpAddress& ip);
  static Answer rcode(network::DnsRcode rcode);
  static Answer silence();

  NameServer(const os::Fd& space, uint16_t port, Answer answer);
  NameServer(const std::string& netns_path, uint16_t port, Answer answer);
  ~NameServer();

  struct Seen {
    uint16_t id;
    std::string client;  // its address
    bool tcp;
  };
  std::vector<Seen> seen() const;  // so far
  void await_seen(size_t count) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A socket in a namespace, connected to a DNS server.
class DnsPeer {
 public:
  DnsPeer(const std::string& netns_path, bool tcp, const std::string& address = "127.0.0.11",
          uint16_t port = 53);

  void send(const std::string& bytes) const;        // as they are
  void send_query(const std::string& query) const;  // over TCP with its length
  // The next answer, without its length; empty when the connection ended or was refused.
  std::string receive() const;
  std::string ask(const std::string& query) const {
    send_query(query);
    return receive();
  }
  int fd() const { return fd_.get(); }

 private:
  os::Fd fd_;
  bool tcp_;
};

// The addresses of A and AAAA records in an answer, as text.
std::vector<std::string> addresses_in(const std::string& answer);

// Runs a shell command in the namespace, with this text as /etc/resolv.conf; what it printed. The
// calling thread has a mount namespace of its own (Host).
std::string run_with_resolv_conf(const std::string& netns_path, const std::string& folder,
                                 const std::string& resolv_conf, const std::string& command);

}  // namespace shoal::netdriver::testing

// Listeners: who waits for connections or datagrams in a network namespace, as the kernel's
// sock_diag tells it.
//
// It has no event for a new one, so who waits for it asks again and again. One question costs a
// walk over the machine's listening sockets (of datagrams: the bound ones), and stays off the
// control thread.
#pragma once

#include <compare>
#include <functional>
#include <set>
#include <string>

#include "base/result.h"
#include "netdriver/netlink.h"
#include "network/ports.h"

struct inet_diag_msg;

namespace shoal::netdriver {

struct ListeningPort {
  network::PortProtocol protocol = network::PortProtocol::Tcp;
  uint16_t port = 0;
  auto operator<=>(const ListeningPort&) const = default;
};

class Listeners {
 public:
  // In the namespace that the file holds; NotFound when it is not there. Any thread but the control
  // thread.
  static Result<Listeners> open(const std::string& netns_path);

  // The TCP and UDP ports at which others are answered: those that are open on a loopback address
  // alone are not among them.
  Result<std::set<ListeningPort>> find();
  // Whether a TCP connection to one of these waits to be accepted: its client believes that it is
  // served, and is reset when the server stops listening now.
  Result<bool> anybody_waits();

 private:
  // Also those on a loopback address.
  Result<void> visit(network::PortProtocol protocol,
                     const std::function<void(const inet_diag_msg&)>& take);

  explicit Listeners(NetlinkSocket socket) : socket_(std::move(socket)) {}
  NetlinkSocket socket_;
};

}  // namespace shoal::netdriver

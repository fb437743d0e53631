// Flows: the kernel's connection tracking, over ctnetlink.
//
// A flow keeps the translation it began with, whatever the rules say later. So when a container
// goes, or a datagram port changes hands, its flows must be ended or they stay pinned to what was.
// Blocking; for the driver's threads.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "netdriver/netlink.h"
#include "network/ports.h"

namespace shoal::netdriver {

// Which flows; every set field must match.
struct FlowFilter {
  std::optional<network::IpAddress> server;  // who answers: the container behind a translation
  std::optional<network::IpAddress> client;  // who began it
  std::optional<network::PortProtocol> protocol;
  std::optional<uint16_t> server_port;  // where the server answers
  std::optional<uint16_t> asked_port;   // what the client asked for, before any translation
};

class Flows {
 public:
  // In the calling thread's network namespace.
  static Result<Flows> open();

  // Ends the flows that match and returns how many. TCP connections get a reset with their next
  // packet, datagrams are balanced anew.
  Result<size_t> end(const FlowFilter& filter);

 private:
  explicit Flows(NetlinkSocket socket) : socket_(std::move(socket)) {}
  NetlinkSocket socket_;
};

}  // namespace shoal::netdriver

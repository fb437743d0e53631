// What a node publishes: a container's own ports (host mode, `docker run -p`) and the ports of
// services that it balances over its local tasks (ingress).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/service.h"
#include "network/address.h"

namespace shoal::network {

using model::PortProtocol;

std::string_view to_text(PortProtocol protocol);  // "tcp", "udp", "sctp"

// A host port that leads to one container.
struct PublishedPort {
  PortProtocol protocol = PortProtocol::Tcp;
  IpAddress host_ip;       // 0.0.0.0: every address of the host, of both families
  uint16_t host_port = 0;  // in a request 0: a free one is chosen; never 0 in an answer
  uint16_t container_port = 0;

  auto operator<=>(const PublishedPort&) const = default;
};

struct Backend {
  IpAddress address;
  uint16_t port = 0;

  auto operator<=>(const Backend&) const = default;
};

// A service's published port and who answers behind it; each new connection takes the next backend.
struct IngressPort {
  PortProtocol protocol = PortProtocol::Tcp;
  uint16_t port = 0;
  std::vector<Backend> backends;  // in the order of turns; empty: the port refuses connections
  IpAddress address = {};         // at which it answers; 0.0.0.0: every address of the host

  auto operator<=>(const IngressPort&) const = default;
};

}  // namespace shoal::network

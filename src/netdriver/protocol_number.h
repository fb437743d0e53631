// A port's protocol as the kernel numbers it.
#pragma once

#include <netinet/in.h>

#include <cstdint>

#include "base/check.h"
#include "network/ports.h"

namespace shoal::netdriver {

inline uint8_t number_of(network::PortProtocol protocol) {
  switch (protocol) {
    case network::PortProtocol::Tcp:
      return IPPROTO_TCP;
    case network::PortProtocol::Udp:
      return IPPROTO_UDP;
    case network::PortProtocol::Sctp:
      return IPPROTO_SCTP;
  }
  CHECK(false, "protocol {}", int(protocol));
}

}  // namespace shoal::netdriver

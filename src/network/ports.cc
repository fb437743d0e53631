#include "network/ports.h"

#include "base/check.h"

namespace shoal::network {

std::string_view to_text(PortProtocol protocol) {
  switch (protocol) {
    case PortProtocol::Tcp:
      return "tcp";
    case PortProtocol::Udp:
      return "udp";
    case PortProtocol::Sctp:
      return "sctp";
  }
  CHECK(false, "protocol {}", int(protocol));
}

}  // namespace shoal::network

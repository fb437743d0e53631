#include "netdriver/listeners.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>

#include <cstring>

#include "netdriver/namespaces.h"

namespace shoal::netdriver {
namespace {

using network::PortProtocol;

// The kernel's numbers (include/net/tcp_states.h). A bound socket for datagrams without a peer is
// "closed".
constexpr uint32_t kClosed = 7;
constexpr uint32_t kListen = 10;

bool is_loopback(const inet_diag_msg& socket) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(socket.id.idiag_src);
  if (socket.idiag_family == AF_INET) return bytes[0] == 127;
  in6_addr address;
  std::memcpy(&address, bytes, sizeof address);
  return IN6_IS_ADDR_LOOPBACK(&address);
}

}  // namespace

Result<Listeners> Listeners::open(const std::string& netns_path) {
  ASSIGN_OR_RETURN(const auto home, current_namespace());
  ASSIGN_OR_RETURN(const auto space, open_namespace(netns_path));
  ASSIGN_OR_RETURN(const auto visit, NamespaceVisit::begin(space, home));
  ASSIGN_OR_RETURN(auto socket, NetlinkSocket::open(NETLINK_SOCK_DIAG));
  return Listeners(std::move(socket));
}

Result<void> Listeners::visit(PortProtocol protocol,
                              const std::function<void(const inet_diag_msg&)>& take) {
  const bool tcp = protocol == PortProtocol::Tcp;
  for (const uint8_t family : {AF_INET, AF_INET6}) {
    Messages messages;
    messages.add(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP,
                 inet_diag_req_v2{.sdiag_family = family,
                                  .sdiag_protocol = uint8_t(tcp ? IPPROTO_TCP : IPPROTO_UDP),
                                  .idiag_ext = 0,
                                  .pad = 0,
                                  .idiag_states = uint32_t{1} << (tcp ? kListen : kClosed),
                                  .id = {}});
    const auto one = [&](const nlmsghdr& message) {
      if (mnl_nlmsg_get_payload_len(&message) < sizeof(inet_diag_msg)) return;
      take(*static_cast<const inet_diag_msg*>(mnl_nlmsg_get_payload(&message)));
    };
    RETURN_IF_ERROR(with_context(socket_.query(std::move(messages), one), "list sockets"));
  }
  return {};
}

Result<std::set<ListeningPort>> Listeners::find() {
  std::set<ListeningPort> found;
  for (const auto protocol : {PortProtocol::Tcp, PortProtocol::Udp}) {
    const auto take = [&](const inet_diag_msg& socket) {
      const uint16_t port = ntohs(socket.id.idiag_sport);
      if (port != 0 && !is_loopback(socket)) found.insert({protocol, port});
    };
    RETURN_IF_ERROR(visit(protocol, take));
  }
  return found;
}

Result<bool> Listeners::anybody_waits() {
  bool waits = false;
  const auto take = [&](const inet_diag_msg& socket) {
    waits |= socket.idiag_rqueue > 0 && !is_loopback(socket);
  };
  RETURN_IF_ERROR(visit(PortProtocol::Tcp, take));
  return waits;
}

}  // namespace shoal::netdriver

#include "netdriver/flow_testing.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include "base/check.h"
#include "netdriver/flow_messages.h"

namespace shoal::netdriver::testing {
namespace {

using network::IpAddress;
using network::PortProtocol;

constexpr size_t kFlowsPerBatch = 500;
constexpr uint32_t kTimeoutSeconds = 600;

void put_address(nlmsghdr* message, bool source, const IpAddress& ip) {
  const auto v4 = source ? CTA_IP_V4_SRC : CTA_IP_V4_DST;
  const auto v6 = source ? CTA_IP_V6_SRC : CTA_IP_V6_DST;
  mnl_attr_put(message, ip.is_v4() ? v4 : v6, ip.size(), ip.bytes().data());
}

void put_tuple(nlmsghdr* message, const NewFlow& one, bool reply) {
  const auto& flow = one.flow;
  const Nested tuple(message, reply ? CTA_TUPLE_REPLY : CTA_TUPLE_ORIG);
  {
    const Nested addresses(message, CTA_TUPLE_IP);
    put_address(message, true, reply ? flow.server : flow.client);
    put_address(message, false, reply ? flow.client : flow.asked);
  }
  const Nested protocol(message, CTA_TUPLE_PROTO);
  const bool tcp = flow.protocol == PortProtocol::Tcp;
  mnl_attr_put_u8(message, CTA_PROTO_NUM, tcp ? IPPROTO_TCP : IPPROTO_UDP);
  const uint16_t source = reply ? flow.server_port : one.client_port;
  const uint16_t destination = reply ? one.client_port : flow.asked_port;
  mnl_attr_put_u16(message, CTA_PROTO_SRC_PORT, htons(source));
  mnl_attr_put_u16(message, CTA_PROTO_DST_PORT, htons(destination));
}

void add(Messages& messages, const NewFlow& one) {
  const uint8_t family = one.flow.client.is_v4() ? AF_INET : AF_INET6;
  auto* message = add_flow_message(messages, IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_ACK, family);
  put_tuple(message, one, false);
  put_tuple(message, one, true);
  mnl_attr_put_u32(message, CTA_STATUS, htonl(IPS_CONFIRMED | IPS_SEEN_REPLY | IPS_ASSURED));
  mnl_attr_put_u32(message, CTA_TIMEOUT, htonl(kTimeoutSeconds));
  if (one.flow.protocol != PortProtocol::Tcp) return;
  const Nested protocol(message, CTA_PROTOINFO);
  const Nested tcp(message, CTA_PROTOINFO_TCP);
  mnl_attr_put_u8(message, CTA_PROTOINFO_TCP_STATE, TCP_CONNTRACK_ESTABLISHED);
}

}  // namespace

void begin_flows(const std::vector<NewFlow>& flows) {
  auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
  CHECK(socket, "{}", socket.error().message);
  for (size_t i = 0; i < flows.size();) {
    Messages messages;
    for (; i < flows.size() && messages.count() < kFlowsPerBatch; ++i) add(messages, flows[i]);
    const auto begun = socket->send(std::move(messages));
    CHECK(begun, "{}", begun.error().message);
  }
}

}  // namespace shoal::netdriver::testing

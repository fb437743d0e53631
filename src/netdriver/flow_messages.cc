#include "netdriver/flow_messages.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>

#include "netdriver/protocol_number.h"

namespace shoal::netdriver {
namespace {

using network::FlowFilter;
using network::IpAddress;
using network::PortProtocol;

// What of a tuple counts in CTA_FILTER; the kernel's headers do not say it.
constexpr uint32_t kFilterSourceIp = 1 << 0;
constexpr uint32_t kFilterDestinationIp = 1 << 1;
constexpr uint32_t kFilterProtocol = 1 << 3;
constexpr uint32_t kFilterSourcePort = 1 << 4;
constexpr uint32_t kFilterDestinationPort = 1 << 5;

uint8_t family_of(const FlowFilter& filter) {
  for (const auto& ip : {filter.server, filter.client, filter.asked}) {
    if (ip) return ip->is_v4() ? AF_INET : AF_INET6;
  }
  return AF_UNSPEC;
}

// What must be so of a flow's packets in one direction.
struct TupleFilter {
  std::optional<IpAddress> source;
  std::optional<IpAddress> destination;
  std::optional<PortProtocol> protocol;
  std::optional<uint16_t> source_port;
  std::optional<uint16_t> destination_port;

  uint32_t flags() const {
    return (source ? kFilterSourceIp : 0) | (destination ? kFilterDestinationIp : 0) |
           (protocol ? kFilterProtocol : 0) | (source_port ? kFilterSourcePort : 0) |
           (destination_port ? kFilterDestinationPort : 0);
  }
};

void put_address(nlmsghdr* message, uint16_t type, const std::optional<IpAddress>& ip) {
  if (ip) mnl_attr_put(message, type, ip->size(), ip->bytes().data());
}

void put_tuple(nlmsghdr* message, uint16_t type, const TupleFilter& filter) {
  if (filter.flags() == 0) return;
  const Nested tuple(message, type);
  if (filter.source || filter.destination) {
    const Nested addresses(message, CTA_TUPLE_IP);
    put_address(message, CTA_IP_V4_SRC, filter.source);
    put_address(message, CTA_IP_V4_DST, filter.destination);
  }
  if (!filter.protocol) return;
  const Nested protocol(message, CTA_TUPLE_PROTO);
  mnl_attr_put_u8(message, CTA_PROTO_NUM, number_of(*filter.protocol));
  if (filter.source_port) {
    mnl_attr_put_u16(message, CTA_PROTO_SRC_PORT, htons(*filter.source_port));
  }
  if (filter.destination_port) {
    mnl_attr_put_u16(message, CTA_PROTO_DST_PORT, htons(*filter.destination_port));
  }
}

void put_filter(nlmsghdr* message, const FlowFilter& filter) {
  TupleFilter original{
      .source = filter.client, .destination = filter.asked, .protocol = filter.protocol};
  TupleFilter reply{.source = filter.server};
  if (filter.protocol) {
    original.destination_port = filter.asked_port;
    reply.source_port = filter.server_port;
    if (reply.source_port) reply.protocol = filter.protocol;
  }
  if (original.flags() == 0 && reply.flags() == 0) return;
  put_tuple(message, CTA_TUPLE_ORIG, original);
  put_tuple(message, CTA_TUPLE_REPLY, reply);
  const Nested flags(message, CTA_FILTER);
  mnl_attr_put_u32(message, CTA_FILTER_ORIG_FLAGS, original.flags());
  mnl_attr_put_u32(message, CTA_FILTER_REPLY_FLAGS, reply.flags());
}

}  // namespace

nlmsghdr* add_flow_message(Messages& messages, uint16_t type, uint16_t flags, uint8_t family) {
  return messages.add(uint16_t(NFNL_SUBSYS_CTNETLINK << 8 | type), flags,
                      nfgenmsg{family, NFNETLINK_V0, 0});
}

Messages flow_dump(const FlowFilter& filter) {
  Messages messages;
  const auto family = family_of(filter);
  auto* message = add_flow_message(messages, IPCTNL_MSG_CT_GET, NLM_F_DUMP, family);
  if (family == AF_INET) put_filter(message, filter);
  return messages;
}

bool can_end_in_kernel(const FlowFilter& filter) {
  const bool ports = filter.server_port || filter.asked_port;
  return family_of(filter) == AF_INET && (!ports || filter.protocol);
}

void add_flow_deletion(Messages& messages, const FlowFilter& filter) {
  put_filter(add_flow_message(messages, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, family_of(filter)),
             filter);
}

}  // namespace shoal::netdriver

#include "netdriver/flows.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "netdriver/flow_messages.h"

namespace shoal::netdriver {
namespace {

using network::Family;
using network::IpAddress;
using network::PortProtocol;

// The kernel looks through its table once for each filter; with more than these, reading the whole
// table and sorting it out here is faster (measured from no flow to 100,000).
constexpr size_t kFiltersOfKernelMax = 8;

struct Tuple {
  IpAddress source;
  IpAddress destination;
  uint8_t protocol = 0;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
};

struct Entry {
  uint8_t family = AF_INET;
  Tuple original;
  Tuple reply;
  std::vector<char> original_bytes;  // the attribute as it came, to name the flow by
  std::vector<char> zone_bytes;
  uint32_t id = 0;
};

std::vector<char> whole(const nlattr& attribute) {
  const auto* begin = reinterpret_cast<const char*>(&attribute);
  return {begin, begin + attribute.nla_len};
}

IpAddress ip_of(const nlattr& attribute) {
  const size_t size = mnl_attr_get_payload_len(&attribute) == 16 ? 16 : 4;
  return IpAddress::of({static_cast<const uint8_t*>(mnl_attr_get_payload(&attribute)), size});
}

void parse_addresses(const nlattr& outer, Tuple& tuple) {
  for_each_nested(outer, [&](const nlattr& field) {
    const auto type = mnl_attr_get_type(&field);
    if (type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC) tuple.source = ip_of(field);
    if (type == CTA_IP_V4_DST || type == CTA_IP_V6_DST) tuple.destination = ip_of(field);
  });
}

void parse_ports(const nlattr& outer, Tuple& tuple) {
  for_each_nested(outer, [&](const nlattr& field) {
    const auto type = mnl_attr_get_type(&field);
    if (type == CTA_PROTO_NUM) tuple.protocol = mnl_attr_get_u8(&field);
    if (type == CTA_PROTO_SRC_PORT) tuple.source_port = ntohs(mnl_attr_get_u16(&field));
    if (type == CTA_PROTO_DST_PORT) tuple.destination_port = ntohs(mnl_attr_get_u16(&field));
  });
}

Tuple parse_tuple(const nlattr& outer) {
  Tuple tuple;
  for_each_nested(outer, [&](const nlattr& field) {
    const auto type = mnl_attr_get_type(&field);
    if (type == CTA_TUPLE_IP) parse_addresses(field, tuple);
    if (type == CTA_TUPLE_PROTO) parse_ports(field, tuple);
  });
  return tuple;
}

Entry parse_entry(const nlmsghdr& message) {
  Entry flow;
  flow.family = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(&message))->nfgen_family;
  for_each_attribute(message, sizeof(nfgenmsg), [&](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case CTA_TUPLE_ORIG:
        flow.original = parse_tuple(attribute);
        flow.original_bytes = whole(attribute);
        break;
      case CTA_TUPLE_REPLY:
        flow.reply = parse_tuple(attribute);
        break;
      case CTA_ZONE:
        flow.zone_bytes = whole(attribute);
        break;
      case CTA_ID:
        flow.id = mnl_attr_get_u32(&attribute);  // Opaque, so its byte order stays.
        break;
    }
  });
  return flow;
}

std::optional<PortProtocol> protocol_of(uint8_t number) {
  if (number == IPPROTO_TCP) return PortProtocol::Tcp;
  if (number == IPPROTO_UDP) return PortProtocol::Udp;
  if (number == IPPROTO_SCTP) return PortProtocol::Sctp;
  return std::nullopt;
}

network::Flow flow_of(const Entry& entry) {
  const auto& original = entry.original;
  const auto& reply = entry.reply;
  return {.client = original.source,
          .asked = original.destination,
          .asked_port = original.destination_port,
          .server = reply.source,
          .server_port = reply.source_port,
          .protocol = protocol_of(original.protocol)};
}

void put_whole(nlmsghdr* message, const std::vector<char>& bytes) {
  if (bytes.empty()) return;
  const auto* attribute = reinterpret_cast<const nlattr*>(bytes.data());
  mnl_attr_put(message, attribute->nla_type, mnl_attr_get_payload_len(attribute),
               mnl_attr_get_payload(attribute));
}

}  // namespace

Result<Flows> Flows::open() {
  ASSIGN_OR_RETURN(auto socket, NetlinkSocket::open(NETLINK_NETFILTER));
  return Flows(std::move(socket));
}

Result<void> Flows::end(std::span<const FlowFilter> filters) {
  if (filters.empty() || end_in_kernel(filters)) return {};
  const network::FlowFilters all(filters);
  return end_found(flow_dump(filters.size() == 1 ? filters[0] : FlowFilter{}),
                   [&](const network::Flow& flow) { return all.match(flow); });
}

// False when it cannot. Where nothing is tracked the kernel does not even look; else it passes over
// what is empty in a thirtieth of the time of a dump, which locks each place of the table.
bool Flows::end_in_kernel(std::span<const FlowFilter> filters) {
  if (filters.size() > kFiltersOfKernelMax || !std::ranges::all_of(filters, can_end_in_kernel))
    return false;
  Messages messages;
  for (const auto& filter : filters) add_flow_deletion(messages, filter);
  return socket_.send(std::move(messages)).has_value();
}

Result<void> Flows::end_if(const Predicate& is_over) {
  return end_found(flow_dump({}), is_over);
}

// Of this namespace. The kernel has one table for all of them, and walks through all of it.
Result<bool> Flows::any() {
  Messages messages;
  // The answer says that more follows, and nothing does but what is asked for here.
  add_flow_message(messages, IPCTNL_MSG_CT_GET_STATS, NLM_F_ACK, AF_UNSPEC);
  uint32_t count = 0;
  const auto asked = socket_.query(std::move(messages), [&](const nlmsghdr& message) {
    for_each_attribute(message, sizeof(nfgenmsg), [&](const nlattr& attribute) {
      if (mnl_attr_get_type(&attribute) != CTA_STATS_GLOBAL_ENTRIES) return;
      count = ntohl(mnl_attr_get_u32(&attribute));
    });
  });
  RETURN_IF_ERROR(with_context(asked, "count flows"));
  return count != 0;
}

Result<void> Flows::end_found(Messages dump, const Predicate& matches) {
  ASSIGN_OR_RETURN(const bool some, any());
  if (!some) return {};
  std::vector<Entry> found;
  const auto take = [&](const nlmsghdr& message) {
    auto entry = parse_entry(message);
    if (matches(flow_of(entry))) found.push_back(std::move(entry));
  };
  RETURN_IF_ERROR(with_context(socket_.query(std::move(dump), take), "list flows"));
  for (const auto& entry : found) {
    Messages messages;
    auto* message = add_flow_message(messages, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, entry.family);
    put_whole(message, entry.original_bytes);
    put_whole(message, entry.zone_bytes);
    if (entry.id != 0) mnl_attr_put_u32(message, CTA_ID, entry.id);
    const auto gone = socket_.send(std::move(messages));
    const bool ended_by_itself = !gone && gone.error().code == ErrorCode::NotFound;
    if (!ended_by_itself) RETURN_IF_ERROR(with_context(gone, "end a flow"));
  }
  return {};
}

}  // namespace shoal::netdriver

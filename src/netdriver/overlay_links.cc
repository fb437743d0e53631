#include "netdriver/overlay_links.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstring>
#include <utility>

#include "netdriver/route_messages.h"

namespace shoal::netdriver {
namespace {

using network::IpAddress;
using network::kOverlayBridge;
using network::kOverlayTunnel;
using network::MacAddress;
using network::OverlayFrame;

constexpr uint16_t kCreate = NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
constexpr uint16_t kPut = NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK;
constexpr ifinfomsg kUp{.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
constexpr size_t kMessagesPerBatch = 500;  // Their answers fit the socket's buffer with ease.

nlmsghdr* neighbour_message(Messages& messages, bool add, const ndmsg& header) {
  return messages.add(add ? RTM_NEWNEIGH : RTM_DELNEIGH, add ? kPut : uint16_t{NLM_F_ACK}, header);
}

// One row of the tables of neighbours, which hold forwarding entries too.
struct Row {
  ndmsg header{};
  std::optional<MacAddress> mac;
  std::optional<IpAddress> address;  // the neighbour's, or the other host's
  bool of_bridge = false;
};

Row parse_row(const nlmsghdr& message) {
  Row row{.header = *static_cast<const ndmsg*>(mnl_nlmsg_get_payload(&message))};
  for_each_attribute(message, sizeof(ndmsg), [&](const nlattr& attribute) {
    const auto type = mnl_attr_get_type(&attribute);
    if (type == NDA_DST) row.address = parse_ip(attribute);
    if (type == NDA_MASTER) row.of_bridge = true;
    if (type != NDA_LLADDR || mnl_attr_get_payload_len(&attribute) != sizeof(MacAddress)) return;
    std::memcpy(row.mac.emplace().bytes.data(), mnl_attr_get_payload(&attribute),
                sizeof(MacAddress));
  });
  return row;
}

template <class F>
Result<void> read_rows(NetlinkSocket& route, uint8_t family, F take) {
  Messages messages;
  messages.add(RTM_GETNEIGH, NLM_F_DUMP, ndmsg{.ndm_family = family});
  return route.query(std::move(messages), [&](const nlmsghdr& message) {
    const auto row = parse_row(message);
    if (row.mac) take(row);
  });
}

}  // namespace

Messages& RouteBatch::next() {
  if (pending_.count() >= kMessagesPerBatch) flush();
  return pending_;
}

Result<void> RouteBatch::finish() {
  flush();
  return std::exchange(outcome_, {});
}

void RouteBatch::flush() {
  if (pending_.empty()) return;
  auto sent = route_.send(std::exchange(pending_, Messages()), absence_);
  if (!sent && outcome_) outcome_ = std::move(sent);
}

Result<void> add_tunnel(NetlinkSocket& host, const OverlayFrame& frame, int into) {
  Messages messages;
  auto* message = messages.add(RTM_NEWLINK, kCreate, ifinfomsg{});
  mnl_attr_put_strz(message, IFLA_IFNAME, kOverlayTunnel);
  mnl_attr_put_u32(message, IFLA_MTU, uint32_t(frame.mtu));
  mnl_attr_put_u32(message, IFLA_NET_NS_FD, uint32_t(into));
  {
    const Nested info(message, IFLA_LINKINFO);
    mnl_attr_put_str(message, IFLA_INFO_KIND, "vxlan");
    const Nested data(message, IFLA_INFO_DATA);
    mnl_attr_put_u32(message, IFLA_VXLAN_ID, frame.vni);
    mnl_attr_put_u16(message, IFLA_VXLAN_PORT, htons(frame.port));
    put_ip(message, frame.host.is_v4() ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, frame.host);
    mnl_attr_put_u8(message, IFLA_VXLAN_LEARNING, 0);
    mnl_attr_put_u8(message, IFLA_VXLAN_PROXY, 1);  // Answers ARP and ND from the neighbours.
  }
  auto made = host.send(std::move(messages));
  if (!made && made.error().code == ErrorCode::AlreadyExists) {
    return conflict(
        "VXLAN network identifier {} at UDP port {} is in use by another program on this host",
        frame.vni, frame.port);
  }
  return with_context(std::move(made), "add VXLAN link");
}

Result<void> add_overlay_bridge(NetlinkSocket& route, const OverlayFrame& frame) {
  Messages messages;
  auto* message = messages.add(RTM_NEWLINK, kCreate, kUp);
  mnl_attr_put_strz(message, IFLA_IFNAME, kOverlayBridge);
  mnl_attr_put_u32(message, IFLA_MTU, uint32_t(frame.mtu));
  put_mac(message, IFLA_ADDRESS, frame.bridge_mac);
  {
    const Nested info(message, IFLA_LINKINFO);
    mnl_attr_put_str(message, IFLA_INFO_KIND, "bridge");
    const Nested data(message, IFLA_INFO_DATA);
    mnl_attr_put_u8(message, IFLA_BR_MCAST_SNOOPING, 0);  // Neighbour discovery is multicast.
  }
  return with_context(route.send(std::move(messages)), "add bridge");
}

void set_bridge(Messages& messages, const OverlayFrame& frame) {
  auto* message = messages.add(RTM_NEWLINK, NLM_F_ACK, kUp);
  mnl_attr_put_strz(message, IFLA_IFNAME, kOverlayBridge);
  mnl_attr_put_u32(message, IFLA_MTU, uint32_t(frame.mtu));
  put_mac(message, IFLA_ADDRESS, frame.bridge_mac);
}

// In two messages: the second finds the link as a port.
void set_port(Messages& messages, const std::string& name, int bridge_index,
              const network::OverlayPort& port) {
  auto* attach = messages.add(RTM_NEWLINK, NLM_F_ACK, kUp);
  mnl_attr_put_strz(attach, IFLA_IFNAME, name.c_str());
  mnl_attr_put_u32(attach, IFLA_MTU, uint32_t(port.mtu));
  mnl_attr_put_u32(attach, IFLA_MASTER, uint32_t(bridge_index));
  auto* message = messages.add(RTM_NEWLINK, NLM_F_ACK, ifinfomsg{});
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  const Nested info(message, IFLA_LINKINFO);
  mnl_attr_put_str(message, IFLA_INFO_SLAVE_KIND, "bridge");
  const Nested data(message, IFLA_INFO_SLAVE_DATA);
  mnl_attr_put_u8(message, IFLA_BRPORT_LEARNING, 0);
  mnl_attr_put_u8(message, IFLA_BRPORT_UNICAST_FLOOD, 0);
  mnl_attr_put_u8(message, IFLA_BRPORT_MODE, port.hairpin ? 1 : 0);
}

void set_alias(Messages& messages, const std::string& name, const std::string& alias) {
  auto* message = messages.add(RTM_NEWLINK, NLM_F_ACK, ifinfomsg{});
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  mnl_attr_put_strz(message, IFLA_IFALIAS, alias.c_str());
}

void change_address(Messages& messages, bool add, int index, const network::Subnet& address) {
  if (add) return add_address(messages, index, address);
  const auto& ip = address.address;
  auto* message = messages.add(RTM_DELADDR, NLM_F_ACK,
                               ifaddrmsg{.ifa_family = family_of(ip),
                                         .ifa_prefixlen = address.length,
                                         .ifa_index = unsigned(index)});
  put_ip(message, IFA_LOCAL, ip);
}

void change_forwarding(Messages& messages, bool add, const MacAddress& mac, int port_index) {
  auto* message = neighbour_message(messages, add,
                                    {.ndm_family = AF_BRIDGE,
                                     .ndm_ifindex = port_index,
                                     .ndm_state = NUD_NOARP,  // Static.
                                     .ndm_flags = NTF_MASTER});
  put_mac(message, NDA_LLADDR, mac);
}

void change_tunnel(Messages& messages, bool add, const MacAddress& mac, const IpAddress& host,
                   int tunnel_index) {
  auto* message = neighbour_message(messages, add,
                                    {.ndm_family = AF_BRIDGE,
                                     .ndm_ifindex = tunnel_index,
                                     .ndm_state = NUD_PERMANENT,
                                     .ndm_flags = NTF_SELF});
  put_mac(message, NDA_LLADDR, mac);
  put_ip(message, NDA_DST, host);
}

void change_neighbour(Messages& messages, bool add, const IpAddress& address, const MacAddress& mac,
                      int index) {
  auto* message = neighbour_message(
      messages, add,
      {.ndm_family = family_of(address), .ndm_ifindex = index, .ndm_state = NUD_PERMANENT});
  put_ip(message, NDA_DST, address);
  if (add) put_mac(message, NDA_LLADDR, mac);
}

Result<void> read_forwarding(NetlinkSocket& route, const std::map<int, std::string>& names,
                             network::OverlayPlan& found) {
  return read_rows(route, AF_BRIDGE, [&](const Row& row) {
    const auto name = names.find(row.header.ndm_ifindex);
    if (name == names.end()) return;
    if (row.of_bridge && (row.header.ndm_state & NUD_NOARP)) {
      found.forwarding[*row.mac] = name->second;
    }
    const bool tunnel = name->second == kOverlayTunnel && (row.header.ndm_flags & NTF_SELF);
    if (tunnel && row.address) found.tunnels[*row.mac] = *row.address;
  });
}

Result<void> read_neighbours(NetlinkSocket& route, const std::map<int, std::string>& names,
                             network::OverlayPlan& found) {
  for (const uint8_t family : {AF_INET, AF_INET6}) {
    RETURN_IF_ERROR(read_rows(route, family, [&](const Row& row) {
      const auto name = names.find(row.header.ndm_ifindex);
      if (name == names.end() || !row.address || !(row.header.ndm_state & NUD_PERMANENT)) return;
      found.neighbours[{name->second, *row.address}] = *row.mac;
    }));
  }
  return {};
}

}  // namespace shoal::netdriver

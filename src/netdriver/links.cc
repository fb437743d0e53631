#include "netdriver/links.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstring>

#include "netdriver/route_messages.h"

namespace shoal::netdriver {
namespace {

using network::IpAddress;
using network::LinkPlan;
using network::Subnet;

constexpr uint16_t kCreate = NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;

void parse_bridge_port(const nlattr& data, LinkInfo& link) {
  for_each_nested(data, [&](const nlattr& field) {
    const auto type = mnl_attr_get_type(&field);
    if (type == IFLA_BRPORT_MODE) link.hairpin = mnl_attr_get_u8(&field) != 0;
    if (type == IFLA_BRPORT_LEARNING) link.learning = mnl_attr_get_u8(&field) != 0;
  });
}

void parse_tunnel(const nlattr& data, LinkInfo& link) {
  for_each_nested(data, [&](const nlattr& field) {
    const auto type = mnl_attr_get_type(&field);
    if (type == IFLA_VXLAN_ID) link.vni = mnl_attr_get_u32(&field);
    if (type == IFLA_VXLAN_PORT) link.tunnel_port = ntohs(mnl_attr_get_u16(&field));
    if (type != IFLA_VXLAN_LOCAL && type != IFLA_VXLAN_LOCAL6) return;
    if (const auto ip = parse_ip(field)) link.tunnel_address = *ip;
  });
}

void parse_link_info(const nlattr& info, LinkInfo& link) {
  const nlattr* data = nullptr;
  const nlattr* port_data = nullptr;
  std::string_view master_kind;
  for_each_nested(info, [&](const nlattr& field) {
    const auto type = mnl_attr_get_type(&field);
    if (type == IFLA_INFO_KIND) link.kind = mnl_attr_get_str(&field);
    if (type == IFLA_INFO_DATA) data = &field;
    if (type == IFLA_INFO_SLAVE_KIND) master_kind = mnl_attr_get_str(&field);
    if (type == IFLA_INFO_SLAVE_DATA) port_data = &field;
  });
  if (data && link.kind == "vxlan") parse_tunnel(*data, link);
  if (port_data && master_kind == "bridge") parse_bridge_port(*port_data, link);
}

void parse_mac(const nlattr& attribute, network::MacAddress& mac) {
  if (mnl_attr_get_payload_len(&attribute) != mac.bytes.size()) return;
  std::memcpy(mac.bytes.data(), mnl_attr_get_payload(&attribute), mac.bytes.size());
}

LinkInfo parse_link(const nlmsghdr& message) {
  const auto* header = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
  LinkInfo link{.index = header->ifi_index, .up = (header->ifi_flags & IFF_UP) != 0};
  for_each_attribute(message, sizeof *header, [&](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case IFLA_IFNAME:
        link.name = mnl_attr_get_str(&attribute);
        break;
      case IFLA_MASTER:
        link.master = int(mnl_attr_get_u32(&attribute));
        break;
      case IFLA_MTU:
        link.mtu = int(mnl_attr_get_u32(&attribute));
        break;
      case IFLA_ADDRESS:
        parse_mac(attribute, link.mac);
        break;
      case IFLA_IFALIAS:
        link.alias = mnl_attr_get_str(&attribute);
        break;
      case IFLA_LINKINFO:
        parse_link_info(attribute, link);
        break;
    }
  });
  return link;
}

// Gives each address with its link's index to `take`.
template <class F>
Result<void> read_addresses(NetlinkSocket& route, F take) {
  Messages messages;
  messages.add(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
  return route.query(std::move(messages), [&](const nlmsghdr& m) {
    const auto* header = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(&m));
    std::optional<IpAddress> found;
    for_each_attribute(m, sizeof *header, [&](const nlattr& attribute) {
      // IPv4 has the link's own in LOCAL, IPv6 in ADDRESS.
      const auto type = mnl_attr_get_type(&attribute);
      if (type == IFA_LOCAL || (type == IFA_ADDRESS && !found)) found = parse_ip(attribute);
    });
    if (found) take(int(header->ifa_index), Subnet{*found, header->ifa_prefixlen});
  });
}

void bring_up(Messages& messages, int index) {
  messages.add(RTM_NEWLINK, NLM_F_ACK,
               ifinfomsg{.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP});
}

// In the place of one that is there.
void add_default_route(Messages& messages, int index, const IpAddress& gateway) {
  auto* message = messages.add(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK,
                               rtmsg{.rtm_family = family_of(gateway),
                                     .rtm_table = RT_TABLE_MAIN,
                                     .rtm_protocol = RTPROT_BOOT,
                                     .rtm_scope = RT_SCOPE_UNIVERSE,
                                     .rtm_type = RTN_UNICAST});
  put_ip(message, RTA_GATEWAY, gateway);
  mnl_attr_put_u32(message, RTA_OIF, uint32_t(index));
}

void turn_hairpin_on(Messages& messages, const std::string& name) {
  auto* message = messages.add(RTM_NEWLINK, NLM_F_ACK, ifinfomsg{});
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  const Nested info(message, IFLA_LINKINFO);
  mnl_attr_put_str(message, IFLA_INFO_SLAVE_KIND, "bridge");
  const Nested data(message, IFLA_INFO_SLAVE_DATA);
  mnl_attr_put_u8(message, IFLA_BRPORT_MODE, 1);
}

}  // namespace

Result<LinkInfo> find_link(NetlinkSocket& route, const std::string& name) {
  Messages messages;
  auto* message = messages.add(RTM_GETLINK, 0, ifinfomsg{});
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  LinkInfo link;
  RETURN_IF_ERROR(with_context(
      route.query(std::move(messages), [&](const nlmsghdr& m) { link = parse_link(m); }),
      "find link {}", name));
  return link;
}

Result<std::vector<LinkInfo>> list_links(NetlinkSocket& route) {
  Messages messages;
  messages.add(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
  std::vector<LinkInfo> links;
  RETURN_IF_ERROR(
      route.query(std::move(messages), [&](const nlmsghdr& m) { links.push_back(parse_link(m)); }));
  return links;
}

Result<LinkInfo> find_link_of(NetlinkSocket& route, const IpAddress& address) {
  int index = 0;
  RETURN_IF_ERROR(read_addresses(route, [&](int link, const Subnet& found) {
    if (found.address == address) index = link;
  }));
  ASSIGN_OR_RETURN(const auto links, list_links(route));
  for (const auto& link : links) {
    if (link.index == index) return link;
  }
  return not_found("no link of this host has the address {}", address.str());
}

Result<std::vector<Subnet>> list_addresses(NetlinkSocket& route, int index) {
  std::vector<Subnet> addresses;
  RETURN_IF_ERROR(read_addresses(route, [&](int link, const Subnet& found) {
    if (index == 0 || link == index) addresses.push_back(found);
  }));
  return addresses;
}

Result<std::vector<Subnet>> list_routes(NetlinkSocket& route) {
  Messages messages;
  messages.add(RTM_GETROUTE, NLM_F_DUMP, rtmsg{});
  std::vector<Subnet> routes;
  RETURN_IF_ERROR(route.query(std::move(messages), [&](const nlmsghdr& m) {
    const auto* header = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&m));
    if (header->rtm_type != RTN_UNICAST || header->rtm_dst_len == 0) return;
    for_each_attribute(m, sizeof *header, [&](const nlattr& attribute) {
      if (mnl_attr_get_type(&attribute) != RTA_DST) return;
      if (const auto ip = parse_ip(attribute)) routes.push_back({*ip, header->rtm_dst_len});
    });
  }));
  return routes;
}

Result<void> add_bridge(NetlinkSocket& route, const std::string& name, const LinkPlan& plan) {
  Messages messages;
  auto* message = messages.add(RTM_NEWLINK, kCreate, ifinfomsg{});
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  mnl_attr_put_u32(message, IFLA_MTU, uint32_t(plan.mtu));
  put_mac(message, IFLA_ADDRESS, network::MacAddress::of(plan.address->address));
  {
    const Nested info(message, IFLA_LINKINFO);
    mnl_attr_put_str(message, IFLA_INFO_KIND, "bridge");
  }
  RETURN_IF_ERROR(with_context(route.send(std::move(messages)), "add bridge {}", name));
  ASSIGN_OR_RETURN(const auto link, find_link(route, name));
  return repair_bridge(route, link, plan);
}

Result<void> repair_bridge(NetlinkSocket& route, const LinkInfo& bridge, const LinkPlan& plan) {
  Messages messages;
  if (!plan.alias.empty()) {  // The kernel takes it only of a link that is there.
    auto* message = messages.add(RTM_NEWLINK, NLM_F_ACK, ifinfomsg{.ifi_index = bridge.index});
    mnl_attr_put_strz(message, IFLA_IFALIAS, plan.alias.c_str());
  }
  add_address(messages, bridge.index, *plan.address);
  bring_up(messages, bridge.index);
  return with_context(route.send(std::move(messages)), "configure bridge {}", bridge.name);
}

Result<void> add_veth(NetlinkSocket& route, const std::string& name, const LinkPlan& plan,
                      int bridge_index, int peer_namespace) {
  constexpr ifinfomsg kUp{.ifi_flags = IFF_UP, .ifi_change = IFF_UP};
  Messages messages;
  auto* message = messages.add(RTM_NEWLINK, kCreate, kUp);
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  mnl_attr_put_u32(message, IFLA_MTU, uint32_t(plan.mtu));
  mnl_attr_put_u32(message, IFLA_MASTER, uint32_t(bridge_index));
  {
    const Nested info(message, IFLA_LINKINFO);
    mnl_attr_put_str(message, IFLA_INFO_KIND, "veth");
    const Nested data(message, IFLA_INFO_DATA);
    const Nested peer(message, VETH_INFO_PEER);
    // The peer is a link message of its own, without the netlink header. It cannot be brought up
    // yet: the kernel refuses as long as it has no other end.
    mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg));
    mnl_attr_put_strz(message, IFLA_IFNAME, plan.peer->name.c_str());
    mnl_attr_put_u32(message, IFLA_MTU, uint32_t(plan.mtu));
    put_mac(message, IFLA_ADDRESS, plan.peer->mac);
    mnl_attr_put_u32(message, IFLA_NET_NS_FD, uint32_t(peer_namespace));
  }
  if (bridge_index != 0) turn_hairpin_on(messages, name);
  return with_context(route.send(std::move(messages)), "add veth {}", name);
}

Result<void> enslave(NetlinkSocket& route, const std::string& name, int bridge_index) {
  Messages messages;
  auto* message =
      messages.add(RTM_NEWLINK, NLM_F_ACK, ifinfomsg{.ifi_flags = IFF_UP, .ifi_change = IFF_UP});
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  mnl_attr_put_u32(message, IFLA_MASTER, uint32_t(bridge_index));
  turn_hairpin_on(messages, name);
  return with_context(route.send(std::move(messages)), "attach {} to its bridge", name);
}

Result<void> configure_link(NetlinkSocket& route, const std::string& name,
                            const std::vector<Subnet>& addresses) {
  ASSIGN_OR_RETURN(const auto link, find_link(route, name));
  Messages messages;
  for (const auto& address : addresses) add_address(messages, link.index, address);
  bring_up(messages, link.index);
  return with_context(route.send(std::move(messages)), "configure {}", name);
}

Result<void> configure_peer(NetlinkSocket& route, const network::PeerPlan& peer) {
  ASSIGN_OR_RETURN(const auto link, find_link(route, peer.name));
  Messages messages;
  add_address(messages, link.index, peer.address);
  bring_up(messages, link.index);  // Before the route, which needs it.
  if (peer.gateway) add_default_route(messages, link.index, *peer.gateway);
  return with_context(route.send(std::move(messages)), "configure {}", peer.name);
}

Result<void> set_default_route(NetlinkSocket& route, const std::string& name,
                               const IpAddress& gateway) {
  ASSIGN_OR_RETURN(const auto link, find_link(route, name));
  Messages messages;
  add_default_route(messages, link.index, gateway);
  return with_context(route.send(std::move(messages)), "lead out through {}", name);
}

Result<void> set_up(NetlinkSocket& route, int index) {
  Messages messages;
  bring_up(messages, index);
  return with_context(route.send(std::move(messages)), "bring link {} up", index);
}

Result<void> remove_link(NetlinkSocket& route, const std::string& name) {
  Messages messages;
  auto* message = messages.add(RTM_DELLINK, NLM_F_ACK, ifinfomsg{});
  mnl_attr_put_strz(message, IFLA_IFNAME, name.c_str());
  return with_context(route.send(std::move(messages)), "remove link {}", name);
}

}  // namespace shoal::netdriver

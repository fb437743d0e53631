#include "netdriver/links.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

namespace shoal::netdriver {
namespace {

using network::IpAddress;
using network::LinkPlan;
using network::Subnet;

constexpr uint16_t kCreate = NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;

uint8_t family_of(const IpAddress& ip) {
  return ip.is_v4() ? AF_INET : AF_INET6;
}

void put_ip(nlmsghdr* message, uint16_t type, const IpAddress& ip) {
  mnl_attr_put(message, type, ip.size(), ip.bytes().data());
}

void put_mac(nlmsghdr* message, const network::MacAddress& mac) {
  mnl_attr_put(message, IFLA_ADDRESS, mac.bytes.size(), mac.bytes.data());
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
      case IFLA_LINKINFO:
        for_each_nested(attribute, [&](const nlattr& info) {
          if (mnl_attr_get_type(&info) == IFLA_INFO_KIND) link.kind = mnl_attr_get_str(&info);
        });
        break;
    }
  });
  return link;
}

// An address attribute, when it has the length of its family.
std::optional<IpAddress> parse_ip(const nlattr& attribute) {
  const size_t size = mnl_attr_get_payload_len(&attribute);
  if (size != 4 && size != 16) return std::nullopt;
  return IpAddress::of({static_cast<const uint8_t*>(mnl_attr_get_payload(&attribute)), size});
}

void add_address(Messages& messages, int index, const Subnet& subnet) {
  const auto& ip = subnet.address;
  auto* message = messages.add(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK,
                               ifaddrmsg{.ifa_family = family_of(ip),
                                         .ifa_prefixlen = subnet.length,
                                         .ifa_index = unsigned(index)});
  put_ip(message, IFA_LOCAL, ip);
  put_ip(message, IFA_ADDRESS, ip);
  if (ip.is_v4()) put_ip(message, IFA_BROADCAST, subnet.last());
}

void bring_up(Messages& messages, int index) {
  messages.add(RTM_NEWLINK, NLM_F_ACK,
               ifinfomsg{.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP});
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

Result<std::vector<Subnet>> list_addresses(NetlinkSocket& route, int index) {
  Messages messages;
  messages.add(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
  std::vector<Subnet> addresses;
  RETURN_IF_ERROR(route.query(std::move(messages), [&](const nlmsghdr& m) {
    const auto* header = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(&m));
    if (index != 0 && int(header->ifa_index) != index) return;
    std::optional<IpAddress> found;
    for_each_attribute(m, sizeof *header, [&](const nlattr& attribute) {
      // IPv4 has the link's own in LOCAL, IPv6 in ADDRESS.
      const auto type = mnl_attr_get_type(&attribute);
      if (type == IFA_LOCAL || (type == IFA_ADDRESS && !found)) found = parse_ip(attribute);
    });
    if (found) addresses.push_back({*found, header->ifa_prefixlen});
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
  put_mac(message, network::MacAddress::of(plan.address->address));
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
    put_mac(message, plan.peer->mac);
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

Result<void> configure_peer(NetlinkSocket& route, const network::PeerPlan& peer) {
  ASSIGN_OR_RETURN(const auto link, find_link(route, peer.name));
  Messages messages;
  add_address(messages, link.index, peer.address);
  bring_up(messages, link.index);  // Before the route, which needs it.
  auto* message = messages.add(RTM_NEWROUTE, kCreate,
                               rtmsg{.rtm_family = family_of(peer.gateway),
                                     .rtm_table = RT_TABLE_MAIN,
                                     .rtm_protocol = RTPROT_BOOT,
                                     .rtm_scope = RT_SCOPE_UNIVERSE,
                                     .rtm_type = RTN_UNICAST});
  put_ip(message, RTA_GATEWAY, peer.gateway);
  mnl_attr_put_u32(message, RTA_OIF, uint32_t(link.index));
  return with_context(route.send(std::move(messages)), "configure {}", peer.name);
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

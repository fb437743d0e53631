// Links, addresses and routes over rtnetlink. Stateless: each call says on which socket, and so in
// which network namespace. All of it blocks; for the driver's threads.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "netdriver/netlink.h"
#include "network/plan.h"

namespace shoal::netdriver {

struct LinkInfo {
  int index = 0;
  std::string name;
  std::string kind;  // "bridge", "veth", …; empty for hardware and lo
  int master = 0;    // 0: none
  bool up = false;
  int mtu = 0;
  network::MacAddress mac;
  std::string alias;
  // As a port of a bridge:
  bool hairpin = false;
  bool learning = false;
  // Of a VXLAN link:
  uint32_t vni = 0;
  network::IpAddress tunnel_address;  // this host's
  uint16_t tunnel_port = 0;
};

// NotFound when there is none.
Result<LinkInfo> find_link(NetlinkSocket& route, const std::string& name);
Result<std::vector<LinkInfo>> list_links(NetlinkSocket& route);
// The one that has the address. NotFound when none has.
Result<LinkInfo> find_link_of(NetlinkSocket& route, const network::IpAddress& address);

// The IPv4 and IPv6 addresses of one link (or of all, index 0), with their prefix lengths.
Result<std::vector<network::Subnet>> list_addresses(NetlinkSocket& route, int index);
// The destinations of all unicast routes except the default ones.
Result<std::vector<network::Subnet>> list_routes(NetlinkSocket& route);

// Creates the bridge, gives it its address and brings it up. Its MAC is made from the address:
// otherwise it would be the lowest of its ports' and change as containers come and go.
Result<void> add_bridge(NetlinkSocket& route, const std::string& name,
                        const network::LinkPlan& plan);
// Brings an existing bridge to the plan: up, with the address. Others it has stay.
Result<void> repair_bridge(NetlinkSocket& route, const LinkInfo& bridge,
                           const network::LinkPlan& plan);

// Creates the pair with the peer straight in `peer_namespace`, ours up and a port of the bridge
// with hairpin on (bridge_index 0: of none).
Result<void> add_veth(NetlinkSocket& route, const std::string& name, const network::LinkPlan& plan,
                      int bridge_index, int peer_namespace);
// Makes an existing link a port of the bridge again, up and with hairpin on.
Result<void> enslave(NetlinkSocket& route, const std::string& name, int bridge_index);

// Brings a link up, with these addresses. An IPv6 one is used at once: nobody else can have it.
Result<void> configure_link(NetlinkSocket& route, const std::string& name,
                            const std::vector<network::Subnet>& addresses);
// In the container's namespace: brings the peer up, with its address and, when it has a gateway,
// the default route.
Result<void> configure_peer(NetlinkSocket& route, const network::PeerPlan& peer);
// Leads what goes outside to the gateway, through this link, from now on.
Result<void> set_default_route(NetlinkSocket& route, const std::string& link,
                               const network::IpAddress& gateway);

Result<void> set_up(NetlinkSocket& route, int index);
// Also takes the other end of a pair. NotFound when there is none.
Result<void> remove_link(NetlinkSocket& route, const std::string& name);

}  // namespace shoal::netdriver

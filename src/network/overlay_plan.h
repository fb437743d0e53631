// The plan of one overlay network on this host, as a value: what its namespace shall hold.
//
// A network is a namespace with the bridge br0. Its ports are vx0, the VXLAN link to the other
// hosts, and the containers' links. Nothing floods and nothing is learned: everybody is a static
// entry, and nobody can take another's place by sending in its name. A service's virtual address is
// the bridge's own on every host; rules give each new flow to it another destination and leave its
// source alone.
//
// As in plan.h a plan is the sum of independent parts: the frame, one part a station (all that has
// one MAC address), one part a service. A change is the difference of the parts it touches.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "network/overlay.h"
#include "network/plan.h"
#include "network/ruleset.h"

namespace shoal::network {

inline constexpr auto kOverlayBridge = "br0";
inline constexpr auto kOverlayTunnel = "vx0";
inline constexpr auto kOverlayTable = "shoal_overlay";
inline constexpr auto kTunnelTable = "shoal_tunnel";

// This host among the others.
struct OverlayHost {
  IpAddress address;
  uint16_t port = 4789;  // UDP, of VXLAN
  int mtu = 1500;        // of the link that has the address

  auto operator<=>(const OverlayHost&) const = default;
};

// The links that are made before anything else. Another vni, host or port means another link.
struct OverlayFrame {
  uint32_t vni = 0;
  IpAddress host;
  uint16_t port = 0;
  int mtu = 0;
  MacAddress bridge_mac;

  auto operator<=>(const OverlayFrame&) const = default;
};

// How a link of the bridge is set: it is up and learns nothing.
struct OverlayPort {
  bool hairpin = false;  // what it sends may come back: a container that is its own backend
  int mtu = 0;
  auto operator<=>(const OverlayPort&) const = default;
};

struct OverlayNeighbour {
  std::string link;
  IpAddress address;
  auto operator<=>(const OverlayNeighbour&) const = default;
};

struct OverlayPlan {
  std::map<std::string, std::string> sysctls;    // path below /proc/sys -> value
  std::set<Subnet> addresses;                    // of the bridge
  std::map<std::string, OverlayPort> ports;      // by the link's name
  std::map<MacAddress, std::string> forwarding;  // the bridge's: behind which port
  std::map<MacAddress, IpAddress> tunnels;       // the VXLAN link's: on which host
  std::map<OverlayNeighbour, MacAddress> neighbours;
  Ruleset rules;

  auto operator<=>(const OverlayPlan&) const = default;
};

// Who has a MAC address: behind a link of this host, or on another host, or nobody knows yet.
struct OverlayStation {
  MacAddress mac;
  std::string port;               // empty: not on this host
  std::optional<IpAddress> host;  // when it is not on this host
  std::vector<IpAddress> addresses;
};

// `shards`: those with services. With any, bridged packets meet the rules, unless it is the ingress
// network.
OverlayPlan plan_overlay_frame(const OverlayNetwork& network, int mtu,
                               const std::set<size_t>& shards);
OverlayPlan plan_overlay_station(const OverlayStation& station, int mtu);
// What the host does with VXLAN's own packets, which come to `port` on every host (kTunnelTable):
// its connection tracking has nothing to know of them, and costs each packet of a container more
// than the overlay does.
Ruleset plan_tunnel_rules(uint16_t port);
// Its addresses; and a chain a family with backends. Without backends nobody listens at the
// address, which the kernel refuses by itself, at once.
OverlayPlan plan_overlay_service(const OverlayService& service);

// The set of the virtual addresses that ever gave a datagram to a backend: to look for such flows
// takes long.
std::string overlay_datagrams(Family family);

// In which shard the rules of a virtual address are.
size_t overlay_shard(const IpAddress& virtual_ip);

// Of the frame's rules, in every shard.
const MapShapes& overlay_maps();

// Adds a part. Two parts never plan the same thing.
void add_part(OverlayPlan& plan, const OverlayPlan& part);

// The link of a container with this MAC address, in the network's namespace.
std::string overlay_port_name(const MacAddress& mac);

// What leads from one plan to another, in the order in which it is done: what is new is there
// before the rules lead to it, what is old goes when they no longer do.
struct OverlayDiff {
  std::map<std::string, std::string> sysctls;
  std::map<std::string, OverlayPort> ports;
  std::set<Subnet> add_addresses;
  std::map<MacAddress, std::string> forwarding;
  std::map<MacAddress, IpAddress> tunnels;
  std::map<OverlayNeighbour, MacAddress> neighbours;
  std::vector<RuleChange> rules;
  std::set<Subnet> remove_addresses;
  std::map<MacAddress, std::string> remove_forwarding;
  std::map<MacAddress, IpAddress> remove_tunnels;
  std::map<OverlayNeighbour, MacAddress> remove_neighbours;

  bool empty() const;
  auto operator<=>(const OverlayDiff&) const = default;
};

// Sysctls and links are never taken back: they are the frame's, or go with a container.
OverlayDiff diff(const OverlayPlan& from, const OverlayPlan& to);

std::string to_text(const OverlayPlan& plan);
// One line a difference, and the rules' below theirs.
std::vector<std::string> describe(const OverlayDiff& diff);

}  // namespace shoal::network

// Overlay networks as values: what the data plane of a node is to look like, network by network.
//
// Everybody's MAC address in an overlay follows from the IP address (MacAddress::of), so a peer is
// its address and the host that carries it. Who has several addresses on one link has the MAC
// address of the first IPv4 one, or of the first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "network/address.h"

namespace shoal::network {

// The outer headers of VXLAN: what an overlay's MTU is smaller than that of the network between the
// hosts.
inline constexpr int kVxlanBytesV4 = 50;
inline constexpr int kVxlanBytesV6 = 70;

struct OverlayNetwork {
  std::string id;  // the model's, as text
  uint32_t vni = 0;
  std::vector<Subnet> subnets;  // each with the gateway's address
  int mtu = 0;                  // 0: what the way to the other hosts leaves
  bool internal = false;
  bool ingress = false;

  auto operator<=>(const OverlayNetwork&) const = default;
};

// Who has an address in a network, and the host that carries them. A peer on this very host is
// known by its connection and needs no host.
struct OverlayPeer {
  IpAddress address;
  IpAddress host;                 // 0.0.0.0: none
  std::optional<MacAddress> mac;  // when it follows from another of the link's addresses

  auto operator<=>(const OverlayPeer&) const = default;
};

// A service's virtual addresses, one a family, and who answers behind them: each new flow takes the
// next backend of the address's family. Without backends a flow is refused at once.
struct OverlayService {
  std::string id;
  std::vector<IpAddress> virtual_ips;
  std::vector<IpAddress> backends;  // in the order of turns

  auto operator<=>(const OverlayService&) const = default;
};

// One change; `network` is the network's id. Put replaces what has the same key (id, address), Drop
// of what is not there is fine.
struct PutOverlay {
  OverlayNetwork network;
  auto operator<=>(const PutOverlay&) const = default;
};
struct DropOverlay {  // with everything in it
  std::string network;
  auto operator<=>(const DropOverlay&) const = default;
};
struct PutPeer {
  std::string network;
  OverlayPeer peer;
  auto operator<=>(const PutPeer&) const = default;
};
struct DropPeer {
  std::string network;
  IpAddress address;
  auto operator<=>(const DropPeer&) const = default;
};
struct PutOverlayService {
  std::string network;
  OverlayService service;
  auto operator<=>(const PutOverlayService&) const = default;
};
struct DropOverlayService {
  std::string network;
  std::string service;
  auto operator<=>(const DropOverlayService&) const = default;
};
using OverlayChange =
    std::variant<PutOverlay, DropOverlay, PutPeer, DropPeer, PutOverlayService, DropOverlayService>;

// What a container gets in an overlay.
struct OverlayAttachment {
  std::string network;            // the network's id
  std::vector<Subnet> addresses;  // each with the subnet's prefix length
  std::string link;               // its name in the container, "eth0"

  bool operator==(const OverlayAttachment&) const = default;
};

}  // namespace shoal::network

// Overlays: the overlay networks of this node, kept right in the kernel over netlink.
//
// Each network that this node takes part in is a network namespace of its own with a bridge, a
// VXLAN link to the other hosts, the containers' links, and rules that spread what is sent to a
// service's virtual address over its backends without hiding the sender (docs/data-plane.md).
// Nothing floods and nothing is learned: who is where is said with apply().
//
//   Overlays overlays(loop, log, {.run_dir = "/run/shoal"});
//   co_await overlays.start();
//   co_await overlays.set_host(address, 4789);
//   co_await overlays.replace({PutOverlay{…}, PutPeer{…}, …});   // everything, once
//   co_await overlays.apply({PutPeer{…}, DropOverlayService{…}});  // then what changes
//
// Everything survives the daemon: destroying an Overlays leaves the data plane as it is; the next
// start() finds it again, and replace() then changes only what differs. Control thread only; the
// kernel work runs on threads of its own. Work is proportional to the changes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "netdriver/network_check.h"
#include "network/overlay.h"
#include "os/co.h"
#include "os/loop.h"

namespace shoal::netdriver {

inline constexpr size_t kOverlaysMax = 4096;  // networks of one node

struct OverlaysOptions {
  std::string run_dir;       // the networks' namespaces are held as files in run_dir/overlay
  std::string veth = "shg";  // how the host's end of the ingress gateway's link is called, a prefix
};

// What a container was given in a network.
struct OverlayEndpoint {
  network::OverlayAttachment attachment;
  network::MacAddress mac;

  bool operator==(const OverlayEndpoint&) const = default;
};

class Overlays {
 public:
  Overlays(os::Loop& loop, Log& log, OverlaysOptions options);
  ~Overlays();
  Overlays(const Overlays&) = delete;
  Overlays& operator=(const Overlays&) = delete;

  // Finds what the last daemon left. Call once, before anything else. What it left and the kernel
  // still takes away (it was killed, and no container held its mount namespace) is waited for, for
  // at most three seconds from here on.
  os::Co<Result<void>> start();

  // This host's address for the others, and the UDP port of VXLAN. Links made for another address
  // are made again. Before the first network is put.
  os::Co<Result<void>> set_host(network::IpAddress address, uint16_t port);

  // When they return, the kernel is as they say. One network that cannot be made (the error names
  // it) does not keep the others from being made; what failed is tried again with the next call.
  // replace(): everything; what is not named goes, unless a container is still connected to it.
  os::Co<Result<void>> replace(std::vector<network::OverlayChange> everything);
  os::Co<Result<void>> apply(std::vector<network::OverlayChange> changes);

  // The host's own link into the ingress network, with this address: what the routing mesh sends
  // through. Empty: none.
  os::Co<Result<void>> set_gateway(std::string network, std::vector<network::Subnet> addresses);
  // The name of that link; empty while there is none.
  std::string gateway_link() const;

  // Links the container's namespace to the network. NotFound when the network is not here.
  // Comes back when packets flow; on an error nothing is left.
  os::Co<Result<OverlayEndpoint>> connect(std::string container_id, std::string netns_path,
                                          network::OverlayAttachment attachment);
  // All of the container's; flows to it end. The links go with their namespace anyway.
  os::Co<Result<void>> disconnect(std::string container_id);
  // The same, from one of them. Fine when it is not in it.
  os::Co<Result<void>> leave(std::string container_id, std::string network);

  // Compares every network in the kernel with what it shall be, and mends it; one after the other,
  // so that other calls come in between.
  os::Co<NetworkCheck> check();

  // Takes every network of ours away. Nothing may be called afterwards.
  os::Co<Result<void>> remove_all();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::netdriver

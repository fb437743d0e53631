// The links and tables of an overlay network over rtnetlink: the VXLAN link, the bridge with its
// ports, forwarding entries, neighbours. Stateless and blocking, as links.h.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "netdriver/links.h"
#include "netdriver/netlink.h"
#include "network/overlay_plan.h"

namespace shoal::netdriver {

// Sends what is added in messages of a bounded number, and keeps the first error; the rest is done
// all the same.
class RouteBatch {
 public:
  explicit RouteBatch(NetlinkSocket& route,
                      NetlinkSocket::Absence absence = NetlinkSocket::Absence::IsError)
      : route_(route), absence_(absence) {}

  // The messages to append the next change to.
  Messages& next();
  Result<void> finish();

 private:
  void flush();

  NetlinkSocket& route_;
  const NetlinkSocket::Absence absence_;
  Messages pending_;
  Result<void> outcome_;
};

// Makes vx0 straight in the namespace `into`. Its UDP socket is, and stays, in the namespace of
// `host`. Conflict when the identifier is in use on this host.
Result<void> add_tunnel(NetlinkSocket& host, const network::OverlayFrame& frame, int into);
// Makes br0, up.
Result<void> add_overlay_bridge(NetlinkSocket& route, const network::OverlayFrame& frame);

// Changes, appended to `messages`; each is fine when it is so already.
void set_bridge(Messages& messages, const network::OverlayFrame& frame);
void set_port(Messages& messages, const std::string& name, int bridge_index,
              const network::OverlayPort& port);
void set_alias(Messages& messages, const std::string& name, const std::string& alias);
// `add` or take away.
void change_address(Messages& messages, bool add, int index, const network::Subnet& address);
void change_forwarding(Messages& messages, bool add, const network::MacAddress& mac,
                       int port_index);
void change_tunnel(Messages& messages, bool add, const network::MacAddress& mac,
                   const network::IpAddress& host, int tunnel_index);
void change_neighbour(Messages& messages, bool add, const network::IpAddress& address,
                      const network::MacAddress& mac, int index);

// What is there, of the static kind. `names`: of the links, by index; entries of others are left
// out.
Result<void> read_forwarding(NetlinkSocket& route, const std::map<int, std::string>& names,
                             network::OverlayPlan& found);
Result<void> read_neighbours(NetlinkSocket& route, const std::map<int, std::string>& names,
                             network::OverlayPlan& found);

}  // namespace shoal::netdriver

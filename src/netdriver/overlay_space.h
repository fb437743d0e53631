// OverlaySpace: the network namespace of one overlay network, made to match its plan.
//
// It is held as a file, so it outlives the daemon; four netlink sockets stay open into it (closing
// one that nftables could use waits for what it still has to clear away). Blocking; used by one
// driver thread, which visits the namespace for what goes by thread (sysctls).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "netdriver/flows.h"
#include "netdriver/links.h"
#include "netdriver/namespaces.h"
#include "netdriver/nft_table.h"
#include "netdriver/port_guards.h"
#include "network/overlay_plan.h"
#include "network/overlay_state.h"

namespace shoal::netdriver {

// The driver thread's own namespace: the host's.
struct OverlayHome {
  os::Fd space;
  NetlinkSocket route;

  static Result<OverlayHome> open();
};

// The far end of a local's link, in a container or on the host itself.
struct OverlayFarEnd {
  os::Fd space;
  std::string link;
};

class OverlaySpace {
 public:
  // Opens the namespace that the file holds, or makes one. `home` outlives it.
  static Result<OverlaySpace> open(const OverlayHome& home, std::string path);
  // Takes links and file away; fine when there is none.
  static Result<void> remove(const OverlayHome& home, const std::string& path);

  // Who is linked to the network, and still has the link.
  Result<std::vector<network::OverlayLocal>> read_locals();

  // Makes everything as planned, starting from what is there, and says what was not so. Links of
  // nobody go.
  Result<std::vector<std::string>> sync(OverlayHome& host, const network::OverlayFrame& frame,
                                        const network::OverlayPlan& plan);
  // After a sync(): what leads from one plan to the next. An error leaves it to a sync().
  Result<void> apply(const network::OverlayDiff& diff);

  // Makes the pair, ours guarded and not yet a port. AlreadyExists when the container has such a
  // link.
  Result<void> add_link(const network::OverlayLocal& local, int mtu, const OverlayFarEnd& far);
  // Brings the far end up with its addresses; when it returns, packets flow.
  Result<void> open_link(const network::OverlayLocal& local, const OverlayFarEnd& far);
  // Fine when there is none.
  Result<void> remove_link(const std::string& port);

  // Ends the flows that match a filter, or the predicate. Those of datagrams through a virtual
  // address are not looked for when there never was one; what that rests on is mended by the
  // second.
  Result<void> end_flows(const std::vector<FlowFilter>& filters);
  Result<void> end_flows_if(const Flows::Predicate& is_over);

 private:
  OverlaySpace(const OverlayHome& home, std::string path, NetlinkSocket route, NftTable table,
               PortGuards guards, Flows flows)
      : home_(&home),
        path_(std::move(path)),
        route_(std::move(route)),
        table_(std::move(table)),
        guards_(std::move(guards)),
        flows_(std::move(flows)) {}

  Result<NamespaceVisit> visit() const;
  Result<void> make_links(OverlayHome& host, const network::OverlayFrame& frame,
                          std::vector<std::string>& differences);
  Result<void> make_tunnel(OverlayHome& host, const network::OverlayFrame& frame);
  Result<void> remove_strangers(const network::OverlayPlan& plan,
                                std::vector<std::string>& differences);
  Result<void> guard_ports(const network::OverlayPlan& plan, std::vector<std::string>& differences);
  Result<network::OverlayPlan> read(const network::OverlayPlan& wanted);
  Result<void> change_links(const network::OverlayDiff& diff);
  Result<void> take_away(const network::OverlayDiff& diff);
  Result<void> write_sysctls(const std::map<std::string, std::string>& sysctls);
  int index_of(const std::string& link) const;

  const OverlayHome* home_;
  std::string path_;
  NetlinkSocket route_;
  NftTable table_;
  PortGuards guards_;
  Flows flows_;
  std::map<std::string, int> indexes_;  // of the bridge and its ports
};

}  // namespace shoal::netdriver

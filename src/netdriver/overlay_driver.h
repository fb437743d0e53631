// OverlayDriver: all overlay networks of this host, on the driver's thread. It keeps what it was
// told of each (network/overlay_state.h) beside the namespace that shows it (overlay_space.h).
// Blocking. A call concerns one network wherever it can, so that others may come in between.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "netdriver/overlay_space.h"
#include "netdriver/overlays.h"
#include "network/overlay_state.h"

namespace shoal::netdriver {

class OverlayDriver {
 public:
  // Namespaces are held in `folder`; the host's own link into a network is called `gateway_link`.
  OverlayDriver(std::string folder, std::string gateway_link)
      : folder_(std::move(folder)), gateway_link_(std::move(gateway_link)) {}

  // On the driver's thread, in the host's namespace: finds what is held.
  Result<void> start();
  // Networks made for another address, port or MTU are unsettled afterwards.
  Result<void> set_host(const network::IpAddress& address, uint16_t port);
  // The MTU of the link may have changed.
  Result<void> look_at_host();
  // Makes the host's rules for VXLAN as they shall be, and says what was not so.
  Result<std::vector<std::string>> check_tunnel();

  // Every network that is held.
  std::vector<std::string> networks() const;
  // Those of them that are to be here.
  std::vector<std::string> planned() const;
  // Those that are not yet as they shall be, because something failed.
  std::vector<std::string> unsettled() const;

  // `changes` are all of this network, in their order. What makes no sense is left out and
  // reported; the rest is done.
  using Changes = std::vector<network::OverlayChange>;
  Result<void> apply(const std::string& network, const Changes& changes);
  // The same, and forgets what is not named: the network itself stays as it is.
  Result<void> replace(const std::string& network, const Changes& changes);
  // Takes the network away, unless a container of this host is connected: then it stays as it is,
  // until the last one goes.
  Result<void> leave(const std::string& network);
  // Makes the network as it shall be, whatever it is.
  Result<void> settle(const std::string& network);
  // The same; says what was not so.
  Result<std::vector<std::string>> check(const std::string& network);

  Result<OverlayEndpoint> connect(const std::string& container_id, const std::string& netns_path,
                                  const network::OverlayAttachment& attachment);
  Result<void> disconnect(const std::string& container_id);
  Result<void> disconnect_from(const std::string& container_id, const std::string& network);

  // The network's id is empty: none.
  struct Gateway {
    std::string network;
    std::vector<network::Subnet> addresses;
  };
  Result<void> set_gateway(Gateway gateway);
  // Mends the link, and says what was not so.
  Result<std::vector<std::string>> check_gateway();

  Result<void> remove_all();

 private:
  struct Net {
    OverlaySpace space;
    std::optional<network::OverlayState> state;  // unset: found, and not named since
    std::vector<network::OverlayLocal> found;    // while there is no state
    bool settled = false;
  };

  std::string path_of(const std::string& network) const { return folder_ + "/" + network; }
  Net* find(const std::string& network);
  Result<Net*> require(const std::string& network);

  Result<void> change(const std::string& network, const network::OverlayChange& change);
  Result<void> put(const network::OverlayNetwork& network);
  Result<void> drop(const std::string& network);
  Result<void> carry_out(Net& net);
  Result<void> step(Net& net);
  Result<std::vector<std::string>> sync(Net& net);

  Result<void> link(Net& net, const network::OverlayLocal& local, const OverlayFarEnd& far);
  Result<void> unlink(const std::string& network, Net& net, const std::string& id);
  Result<bool> has_gateway();
  Result<void> remove_gateway_link();
  std::string gateway_sysctl() const {
    return "net/ipv4/conf/" + gateway_link_ + "/route_localnet";
  }

  const std::string folder_;
  const std::string gateway_link_;
  std::optional<OverlayHome> home_;  // set by start()
  std::optional<NftTable> tunnel_;   // so is this
  std::optional<network::OverlayHost> host_;
  Gateway gateway_;
  std::map<std::string, Net> nets_;
  std::map<std::string, std::set<std::string>> places_;  // container -> its networks
};

}  // namespace shoal::netdriver

// OverlayState: who and what is in one overlay network, as far as this host has been told; and what
// follows for its plan and its flows.
//
// Changes are collected until take_step(), which says what leads from the plan of the last step to
// the present one: as much work as parts were touched. Pure, and used by one thread at a time.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "network/flows.h"
#include "network/overlay_plan.h"

namespace shoal::network {

// Of one network.
inline constexpr size_t kOverlayPeersMax = 70'000;  // a /16 is 65,534
inline constexpr size_t kOverlayServicesMax = 20'000;
inline constexpr size_t kOverlayBackendsMax = 4'096;  // of one service
// IPv6 asks for 1280. With less than 576 nobody has tried IPv4 for decades.
inline constexpr int kOverlayMtuMin = 576;
inline constexpr int kOverlayMtuMinV6 = 1280;
inline constexpr int kOverlayMtuMax = 65'535;

// A container of this host, or this host's own link into the network.
struct OverlayLocal {
  std::string id;  // the container's; empty: the host's own
  std::vector<Subnet> addresses;

  MacAddress mac() const;
  std::string port() const { return overlay_port_name(mac()); }
  bool operator==(const OverlayLocal&) const = default;
};

class OverlayState {
 public:
  // InvalidArgument when the network makes no sense.
  static Result<OverlayState> make(OverlayNetwork network, const OverlayHost& host);
  // The same with everybody in it, for another network or host. Steps say nothing of it: the plan
  // is compared with the kernel as a whole.
  Result<OverlayState> remade(OverlayNetwork network, const OverlayHost& host) const;

  const OverlayNetwork& network() const { return network_; }
  // FailedPrecondition when the way to the other hosts is too narrow.
  Result<OverlayFrame> frame() const;
  int mtu() const { return mtu_; }

  // InvalidArgument when it does not fit into the network; then nothing has changed.
  Result<void> put(const OverlayPeer& peer);
  Result<void> put(const OverlayService& service);
  void drop_peer(const IpAddress& address);
  void drop_service(const std::string& id);

  // AlreadyExists when the container is in the network; Conflict when an address is taken by
  // another container of this host.
  Result<void> add_local(const OverlayLocal& local);
  void remove_local(const std::string& id);
  const std::map<std::string, OverlayLocal>& locals() const { return locals_; }

  OverlayPlan plan() const;

  struct Step {
    OverlayDiff diff;
    std::vector<FlowFilter> end_flows;  // after the diff was carried out
  };
  Step take_step();

  // Whether the flow leads to, or comes from, somebody who is not there any more. For when it is
  // not known what has changed; take_step() says it of single changes.
  bool is_over(const Flow& flow) const;

 private:
  OverlayState(OverlayNetwork network, const OverlayHost& host);

  bool contains(const IpAddress& ip) const;
  const OverlayLocal* local_at(const MacAddress& mac) const;
  bool is_stranger(const IpAddress& ip) const;

  OverlayPlan frame_part() const;
  OverlayPlan station_part(const MacAddress& mac) const;
  OverlayPlan service_part(const std::string& id) const;
  void touch_station(const MacAddress& mac);
  void touch_service(const std::string& id);
  void forget_peer(std::map<IpAddress, OverlayPeer>::iterator at);
  void end_flows_of(const IpAddress& ip);
  void end_withdrawn(const OverlayService* before, const OverlayService& after);
  Result<void> check(const OverlayService& service) const;

  OverlayNetwork network_;
  OverlayHost host_;
  int mtu_ = 0;
  // With virtual addresses. They stay so: flows to a service that is gone go on to their end.
  std::set<size_t> shards_;
  std::map<IpAddress, OverlayPeer> peers_;
  std::map<MacAddress, std::set<IpAddress>> stations_;  // the peers' addresses
  std::map<std::string, OverlayService> services_;
  std::map<IpAddress, std::string> virtual_ips_;  // whose they are
  std::map<std::string, OverlayLocal> locals_;
  std::map<MacAddress, std::string> local_macs_;
  std::map<IpAddress, std::string> local_addresses_;

  // The parts as they were in the last step.
  std::optional<OverlayPlan> old_frame_;
  std::map<MacAddress, OverlayPlan> old_stations_;
  std::map<std::string, OverlayPlan> old_services_;
  std::vector<FlowFilter> ended_;
};

}  // namespace shoal::network

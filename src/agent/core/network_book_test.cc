#include "agent/core/network_book.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace shoal::agent {
namespace {

using model::EndpointView;
using model::NetworkChange;
using model::NetworkId;
using model::NodeId;
using model::ServiceId;
using model::TaskId;
using network::DropOverlay;
using network::DropOverlayService;
using network::DropPeer;
using network::IngressPort;
using network::IpAddress;
using network::OverlayChange;
using network::PutOverlay;
using network::PutOverlayService;
using network::PutPeer;
using network::Subnet;

const NetworkId kNet = NetworkId::of("net");
const NetworkId kMesh = NetworkId::of("mesh");
const NodeId kSelf = NodeId::of("self");
const NodeId kOther = NodeId::of("other");

IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}

model::NetworkView network_view(const NetworkId& id, std::string subnet, std::string gateway) {
  model::NetworkView view{.id = id, .name = id.str(), .vni = 4097};
  view.ipam = {{.subnet = std::move(subnet), .range = "", .gateway = std::move(gateway)}};
  view.ingress = id == kMesh;
  return view;
}

EndpointView endpoint(const NetworkId& network, std::string_view task, std::string address,
                      const NodeId& node, bool serving) {
  return {.network = network,
          .task = TaskId::of(task),
          .service = ServiceId::of("web"),
          .names = {},
          .addresses = {std::move(address)},
          .node = node,
          .host = node == kSelf ? "192.168.0.1" : "192.168.0.2",
          .serving = serving};
}

model::ServiceView vip_service(std::string vip) {
  return {.network = kNet,
          .service = ServiceId::of("web"),
          .name = "web",
          .aliases = {},
          .virtual_ips = {std::move(vip)}};
}

model::ServiceView mesh_service(std::string_view id, uint32_t published) {
  model::ServiceView view{.network = kMesh, .service = ServiceId::of(id), .name = std::string(id)};
  view.ports = {{.target_port = 80, .published_port = published}};
  return view;
}

IngressPort port(uint16_t published, std::vector<network::Backend> backends = {}) {
  return {model::PortProtocol::Tcp, published, std::move(backends)};
}

class NetworkBookTest : public ::testing::Test {
 protected:
  NetworkSteps apply(std::vector<NetworkChange> changes, bool complete = false) {
    NetworkSteps steps = book.apply(message(std::move(changes), complete), kSelf);
    EXPECT_EQ(steps.faults, std::vector<std::string>());
    return steps;
  }

  model::NetworksMessage message(std::vector<NetworkChange> changes, bool complete) {
    model::NetworksMessage out{.version = ++version, .complete = complete};
    for (NetworkChange& change : changes) out.changes.push_back(model::share(std::move(change)));
    return out;
  }

  NetworkBook book;
  uint64_t version = 0;
};

TEST_F(NetworkBookTest, ANetworkWithItsPeersAndAService) {
  const auto steps = apply({network_view(kNet, "10.0.1.0/24", "10.0.1.1"), vip_service("10.0.1.2"),
                            endpoint(kNet, "t1", "10.0.1.3", kSelf, true),
                            endpoint(kNet, "t2", "10.0.1.4", kOther, true),
                            endpoint(kNet, "t3", "10.0.1.5", kOther, false)},
                           true);
  const network::OverlayNetwork overlay{
      .id = "net", .vni = 4097, .subnets = {*Subnet::parse("10.0.1.1/24")}};
  EXPECT_EQ(
      steps.overlays,
      (std::vector<OverlayChange>{
          PutOverlay{overlay}, PutPeer{"net", {ip("10.0.1.4"), ip("192.168.0.2")}},
          PutPeer{"net", {ip("10.0.1.5"), ip("192.168.0.2")}},
          PutOverlayService{"net", {"web", {ip("10.0.1.2")}, {ip("10.0.1.3"), ip("10.0.1.4")}}}}));
  EXPECT_TRUE(steps.complete);
  EXPECT_EQ(steps.gateway, Gateway{});
  EXPECT_EQ(book.find(kNet)->name, "net");
  EXPECT_EQ(book.networks(), std::vector{kNet});
  EXPECT_EQ(book.ingress(), nullptr);
}

TEST_F(NetworkBookTest, AWithdrawnTaskLeavesTheServiceAndStaysReachable) {
  const PutOverlayService empty{"net", {"web", {ip("10.0.1.2")}, {}}};
  apply({network_view(kNet, "10.0.1.0/24", "10.0.1.1"), vip_service("10.0.1.2"),
         endpoint(kNet, "t1", "10.0.1.3", kOther, true)},
        true);
  EXPECT_EQ(apply({endpoint(kNet, "t1", "10.0.1.3", kOther, false)}).overlays,
            (std::vector<OverlayChange>{empty}));
  EXPECT_EQ(apply({model::EndpointGone{kNet, TaskId::of("t1")}}).overlays,
            (std::vector<OverlayChange>{DropPeer{"net", ip("10.0.1.3")}, empty}));
  EXPECT_EQ(apply({model::ServiceGone{kNet, ServiceId::of("web")}}).overlays,
            (std::vector<OverlayChange>{DropOverlayService{"net", "web"}}));
}

TEST_F(NetworkBookTest, AnAddressThatWentToTheNextTaskStaysItsOwn) {
  apply({network_view(kNet, "10.0.1.0/24", "10.0.1.1"),
         endpoint(kNet, "t1", "10.0.1.3", kOther, true)},
        true);
  auto next = endpoint(kNet, "t2", "10.0.1.3", kOther, false);
  next.host = "192.168.0.3";
  EXPECT_EQ(apply({next, model::EndpointGone{kNet, TaskId::of("t1")}}).overlays,
            (std::vector<OverlayChange>{PutPeer{"net", {ip("10.0.1.3"), ip("192.168.0.3")}}}));
}

TEST_F(NetworkBookTest, ANodeThatMovedIsReachedAtItsNewAddress) {
  auto one = endpoint(kNet, "t1", "10.0.1.3", kOther, false);
  apply({network_view(kNet, "10.0.1.0/24", "10.0.1.1"), one}, true);
  one.host = "192.168.0.9";
  EXPECT_EQ(apply({one}).overlays,
            (std::vector<OverlayChange>{PutPeer{"net", {ip("10.0.1.3"), ip("192.168.0.9")}}}));
}

TEST_F(NetworkBookTest, PublishedPortsFollowTheIngressNetwork) {
  const model::GatewayView own{kMesh, kSelf, {"10.0.0.2/24"}, "192.168.0.1"};
  const model::GatewayView other{kMesh, kOther, {"10.0.0.3/24"}, "192.168.0.2"};
  auto steps = apply({network_view(kMesh, "10.0.0.0/24", "10.0.0.1"), own, other,
                      mesh_service("web", 8081), endpoint(kMesh, "t1", "10.0.0.7", kOther, true)},
                     true);
  EXPECT_EQ(steps.gateway, (Gateway{"mesh", {*Subnet::parse("10.0.0.2/24")}}));
  EXPECT_EQ(steps.put_ports, (std::vector{port(8081, {{ip("10.0.0.7"), 80}})}));
  EXPECT_EQ(steps.overlays[1], OverlayChange(PutPeer{"mesh", {ip("10.0.0.3"), ip("192.168.0.2")}}));
  EXPECT_EQ(book.ingress()->id, kMesh);

  steps = apply({mesh_service("web", 8082)});
  EXPECT_EQ(steps.put_ports, (std::vector{port(8082, {{ip("10.0.0.7"), 80}})}));
  EXPECT_EQ(steps.gone_ports, (std::vector{port(8081)}));

  // A port that another service takes over at once is not gone.
  steps = apply({model::ServiceGone{kMesh, ServiceId::of("web")}, mesh_service("api", 8082)});
  EXPECT_EQ(steps.put_ports, (std::vector{port(8082)}));
  EXPECT_TRUE(steps.gone_ports.empty());

  steps = apply({model::NetworkGone{kMesh}});
  EXPECT_EQ(steps.gone_ports, (std::vector{port(8082)}));
  EXPECT_EQ(steps.gateway, Gateway{});
  EXPECT_EQ(steps.overlays, (std::vector<OverlayChange>{DropOverlay{"mesh"}}));
}

TEST_F(NetworkBookTest, WhatWasOpenToATaskOfTheMeshEndsWithIt) {
  const std::vector<NetworkChange> all{network_view(kMesh, "10.0.0.0/24", "10.0.0.1"),
                                       mesh_service("web", 8081),
                                       endpoint(kMesh, "t1", "10.0.0.7", kOther, true),
                                       endpoint(kMesh, "t2", "10.0.0.8", kSelf, true)};
  EXPECT_TRUE(apply(all, true).ended.empty());
  EXPECT_TRUE(apply({endpoint(kMesh, "t1", "10.0.0.7", kOther, false)}).ended.empty());
  EXPECT_EQ(apply({model::EndpointGone{kMesh, TaskId::of("t1")}}).ended,
            (std::vector{ip("10.0.0.7")}));
  EXPECT_TRUE(apply({model::EndpointGone{kMesh, TaskId::of("t1")}}).ended.empty());
  // The next one with its address has nothing to do with it.
  EXPECT_TRUE(apply({endpoint(kMesh, "t3", "10.0.0.8", kOther, true),
                     model::EndpointGone{kMesh, TaskId::of("t2")}})
                  .ended.empty());
  // All that a complete message does not name.
  EXPECT_EQ(apply(all, true).ended, std::vector<IpAddress>{});
  EXPECT_EQ(apply({}, true).ended, (std::vector{ip("10.0.0.7"), ip("10.0.0.8")}));
  // In other networks the overlay itself sees to it.
  apply({network_view(kNet, "10.0.1.0/24", "10.0.1.1"),
         endpoint(kNet, "t1", "10.0.1.3", kOther, true)});
  EXPECT_TRUE(apply({model::EndpointGone{kNet, TaskId::of("t1")}}).ended.empty());
}

TEST_F(NetworkBookTest, APublishedPortMayBeBoundToAnAddress) {
  auto service = mesh_service("web", 8081);
  service.bound = {{8081, model::PortProtocol::Udp, "192.168.0.8"},
                   {8081, model::PortProtocol::Tcp, "192.168.0.7"}};
  const model::NetworkView mesh = network_view(kMesh, "10.0.0.0/24", "10.0.0.1");
  auto steps = apply({mesh, service}, true);
  ASSERT_EQ(steps.put_ports.size(), 1u);
  EXPECT_EQ(steps.put_ports[0].address, ip("192.168.0.7"));
  EXPECT_TRUE(steps.faults.empty());
  service.bound.back().address = "eth0";
  steps = book.apply(message({service}, false), kSelf);
  EXPECT_EQ(steps.faults, std::vector<std::string>{"\"eth0\" is no address"});
  EXPECT_TRUE(steps.put_ports.empty());
  EXPECT_EQ(steps.gone_ports, (std::vector{port(8081)}));
}

TEST_F(NetworkBookTest, ACompleteMessageForgetsWhatItDoesNotName) {
  apply({network_view(kNet, "10.0.1.0/24", "10.0.1.1"), vip_service("10.0.1.2")}, true);
  const auto steps = apply({}, true);
  EXPECT_TRUE(steps.complete);
  EXPECT_TRUE(steps.overlays.empty());
  EXPECT_EQ(book.find(kNet), nullptr);
}

TEST_F(NetworkBookTest, BothAddressesOfAPeerAreBehindOneLink) {
  EndpointView both = endpoint(kNet, "t1", "fd00:1::4", kOther, true);
  both.addresses.push_back("10.0.1.4");
  const auto steps = apply({network_view(kNet, "10.0.1.0/24", "10.0.1.1"), both});
  const auto mac = network::MacAddress::of(ip("10.0.1.4"));
  const std::vector<OverlayChange> expected{
      PutPeer{"net", {ip("fd00:1::4"), ip("192.168.0.2"), mac}},
      PutPeer{"net", {ip("10.0.1.4"), ip("192.168.0.2"), std::nullopt}}};
  EXPECT_EQ(std::vector(steps.overlays.begin() + 1, steps.overlays.begin() + 3), expected);
}

TEST_F(NetworkBookTest, EverythingToldAgainToAnotherBookIsTheSame) {
  apply({network_view(kMesh, "10.0.0.0/24", "10.0.0.1"), mesh_service("web", 8081),
         endpoint(kMesh, "t0", "10.0.0.3", kOther, true),
         model::GatewayView{kMesh, kSelf, {"10.0.0.2/24"}, "192.168.0.1"}},
        true);
  apply({network_view(kNet, "10.0.1.0/24", "10.0.1.1"), vip_service("10.0.1.2"),
         endpoint(kNet, "t1", "10.0.1.3", kSelf, true),
         endpoint(kNet, "t2", "10.0.1.4", kOther, true)});
  apply({model::EndpointGone{kNet, TaskId::of("t1")}});
  const auto everything = book.everything();
  EXPECT_TRUE(everything.complete);
  EXPECT_EQ(everything.changes.size(), 7u);

  NetworkBook next;
  const auto steps = next.apply(everything, kSelf);
  EXPECT_TRUE(steps.faults.empty());
  EXPECT_EQ(next.everything(), everything);
  EXPECT_EQ(steps.gateway, (Gateway{"mesh", {*Subnet::parse("10.0.0.2/24")}}));
  EXPECT_EQ(steps.put_ports, (std::vector{port(8081, {{ip("10.0.0.3"), 80}})}));
  const OverlayChange service =
      PutOverlayService{"net", {"web", {ip("10.0.1.2")}, {ip("10.0.1.4")}}};
  EXPECT_EQ(std::ranges::count(steps.overlays, service), 1);
}

TEST_F(NetworkBookTest, WhatMakesNoSenseIsNamedAndTheRestDone) {
  const auto steps =
      book.apply(message({endpoint(kMesh, "t0", "10.0.0.3", kOther, true),
                          network_view(kNet, "10.0.1.0/24", "10.0.1.1"),
                          endpoint(kNet, "t1", "nonsense", kOther, true), vip_service("10.0.1.2")},
                         true),
                 kSelf);
  EXPECT_EQ(steps.faults.size(), 3u);  // The unknown network, and the address wherever it is used.
  EXPECT_EQ(steps.overlays.back(),
            OverlayChange(PutOverlayService{"net", {"web", {ip("10.0.1.2")}, {}}}));
}

}  // namespace
}  // namespace shoal::agent

// For tests: a machine of its own with its NodeNetworks, and what a manager tells it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "agent/node_networks.h"
#include "netdriver/links.h"
#include "netdriver/overlay_testing.h"

namespace shoal::agent {
using netdriver::testing::Container;

inline const model::NetworkId kNet = model::NetworkId::of("net1");

class NoPorts final : public netdriver::Ingress {
 public:
  os::Co<Result<void>> set_ports(std::vector<network::IngressPort>) override {
    co_return Result<void>{};
  }
  os::Co<Result<void>> change_ports(std::vector<network::IngressPort>,
                                    std::vector<network::IngressPort>) override {
    co_return Result<void>{};
  }
  os::Co<Result<std::vector<network::IngressPort>>> retry_ports() override {
    co_return std::vector<network::IngressPort>{};
  }
  os::Co<Result<void>> end_flows_to(std::vector<network::IpAddress>) override {
    co_return Result<void>{};
  }
};

class NodeNetworksTest : public testing::Test {
 protected:
  NodeNetworksTest() {
    machine_ = &fabric_.add_machine();
    begin();
  }
  ~NodeNetworksTest() override {
    fabric_.control.call([this] { networks_.reset(); });
  }

  void begin() {
    networks_ = std::make_unique<NodeNetworks>(fabric_.control.loop, fabric_.control.log,
                                               *machine_->overlays, ports_, names_,
                                               NetworkJournal(host_.folder() + "/journal", "boot"));
  }
  // The daemon is killed, and the next one starts.
  void restart() {
    fabric_.control.call([this] { networks_.reset(); });
    fabric_.end_daemon(*machine_);
    fabric_.begin_daemon(*machine_);
    names_ = {};
    begin();
    fabric_.control.run(done(networks_->recall()));
    fabric_.control.run(done(networks_->restore()));
  }
  static os::Co<bool> done(os::Co<> work) {
    co_await work;
    co_return true;
  }

  Result<void> tell(std::vector<model::NetworkChange> changes, bool complete = false) {
    return fabric_.control.run(applied(message_of(std::move(changes), complete)));
  }
  static model::NetworksMessage message_of(std::vector<model::NetworkChange> changes,
                                           bool complete) {
    model::NetworksMessage message{.complete = complete, .changes = {}};
    for (auto& change : changes) message.changes.push_back(model::share(std::move(change)));
    return message;
  }
  os::Co<Result<void>> applied(model::NetworksMessage message) {
    model::Node self{.id = model::NodeId::of("self")};
    self.description.data_path_address = address_;
    co_return co_await networks_->apply(message, self);
  }
  os::Co<> apply(std::promise<Result<void>>& done) {
    auto message = message_of({net()}, true);
    done.set_value(co_await applied(std::move(message)));
  }
  // A task on the network that starts now: connects its container.
  os::Co<Result<netdriver::OverlayEndpoint>> start(Container container) {
    model::Task task;
    task.networks.push_back({.network = kNet, .addresses = {"10.0.1.7/24"}, .aliases = {}});
    const os::StopToken stop;
    CO_ASSIGN_OR_RETURN(const auto connections, co_await networks_->connections_of(task, stop));
    EXPECT_EQ(connections.size(), 1u);
    network::OverlayAttachment attachment{.network = kNet.str(), .addresses = {}, .link = "eth0"};
    attachment.addresses.push_back(*network::Subnet::parse("10.0.1.7/24"));
    co_return co_await machine_->overlays->connect(container.id, container.netns_path,
                                                   std::move(attachment));
  }
  static model::NetworkView net() {
    model::NetworkView view{.id = kNet, .name = "blue", .vni = 4097, .ipam = {}};
    view.ipam.push_back(
        {.subnet = "10.0.1.0/24", .range = "", .gateway = "10.0.1.1", .auxiliary = {}});
    return view;
  }
  bool is_linked(const Container& container) {
    bool linked = false;
    netdriver::testing::in_namespace(container.netns_path, [&] {
      auto route = netdriver::NetlinkSocket::open(NETLINK_ROUTE);
      linked = netdriver::find_link(*route, "eth0").has_value();
    });
    return linked;
  }

  netdriver::testing::Host host_;
  netdriver::testing::Fabric fabric_{host_};
  netdriver::testing::Machine* machine_ = nullptr;
  NoPorts ports_;
  network::NameTable names_;
  std::unique_ptr<NodeNetworks> networks_;
  std::string address_ = "10.98.0.1";
};

}  // namespace shoal::agent

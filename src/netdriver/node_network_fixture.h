// For the tests of NodeNetwork: a host with the network started.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "netdriver/links.h"
#include "netdriver/testing.h"

namespace shoal::netdriver {

// The loop runs on a thread of its own, as the daemon's does.
class NodeNetworkTest : public ::testing::Test {
 protected:
  NodeNetworkTest() { begin(); }
  ~NodeNetworkTest() override { end(); }

  void begin(KnownNetworks known = {}) {
    control_.emplace(host_);
    network_ = &control_->network;
    const auto started = control_->run(network_->start(std::move(known)));
    ASSERT_TRUE(started) << started.error().message;
  }
  void end() { control_.reset(); }

  Endpoint connect(const std::string& id, std::vector<network::PublishedPort> ports = {}) {
    auto endpoint = try_connect(id, std::move(ports));
    EXPECT_TRUE(endpoint) << endpoint.error().message;
    return endpoint ? *endpoint : Endpoint{};
  }
  Result<Endpoint> try_connect(const std::string& id, std::vector<network::PublishedPort> ports) {
    return control_->run(
        network_->connect({.container_id = id, .container_name = id, .ports = std::move(ports)}));
  }
  void disconnect(const std::string& id) {
    const auto gone = control_->run(network_->disconnect(id));
    EXPECT_TRUE(gone) << gone.error().message;
  }
  void serve(std::vector<network::IngressPort> ports) {
    const auto served = control_->run(network_->set_ports(std::move(ports)));
    EXPECT_TRUE(served) << served.error().message;
  }

  testing::Host host_;
  std::optional<testing::Control> control_;
  NodeNetwork* network_ = nullptr;
};

}  // namespace shoal::netdriver

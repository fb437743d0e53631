#include "agent/task_ports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::agent {
namespace {

using enum model::PortProtocol;
using netdriver::ListeningPort;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct TaskPorts : testing::Test {
  TaskPorts() {
    container.config.exposed_ports = {"443/tcp", "53/udp", "80/tcp", "9/sctp", "90-95/tcp"};
  }
  void publish(std::vector<model::PortConfig> ports) {
    model::Endpoint endpoint;
    endpoint.ports = std::move(ports);
    task.endpoint = std::make_shared<const model::Endpoint>(std::move(endpoint));
  }
  AwaitedServers awaited() const { return awaited_servers(task, container); }

  model::Task task;
  containers::Container container;
};

TEST_F(TaskPorts, OfAPublishedServiceEachTargetListens) {
  publish({{.protocol = Tcp, .target_port = 80, .published_port = 8081},
           {.protocol = Udp, .target_port = 53, .mode = model::PublishMode::Host},
           {.protocol = Sctp, .target_port = 7}});
  EXPECT_THAT(awaited().ports.ports, ElementsAre(ListeningPort{Tcp, 80}, ListeningPort{Udp, 53}));
  EXPECT_FALSE(awaited().ports.any);
  EXPECT_EQ(awaited().within, kPublishedWithin);
}

TEST_F(TaskPorts, OnANetworkOneOfTheImagesPortsIsEnough) {
  container.config.networks = {{.driver = model::NetworkDriver::Overlay, .network = "front"}};
  EXPECT_THAT(awaited().ports.ports,
              ElementsAre(ListeningPort{Tcp, 80}, ListeningPort{Tcp, 443}, ListeningPort{Udp, 53}));
  EXPECT_TRUE(awaited().ports.any);
  EXPECT_EQ(awaited().within, kExposedWithin);
}

TEST_F(TaskPorts, WhomNobodyCanAskIsNotWaitedFor) {
  EXPECT_THAT(awaited().ports.ports, IsEmpty());
}

TEST_F(TaskPorts, AHealthCheckSaysItBetter) {
  publish({{.protocol = Tcp, .target_port = 80}});
  container.config.spec.healthcheck = {.test = {"CMD", "true"}};
  EXPECT_THAT(awaited().ports.ports, IsEmpty());
}

TEST(AwaitedPorts, AllOrAnyOfThem) {
  const std::set<ListeningPort> listening{{Tcp, 80}, {Udp, 53}};
  const auto are_in = [&](std::set<ListeningPort> ports, bool any) {
    return containers::AwaitedPorts{std::move(ports), any}.are_in(listening);
  };
  EXPECT_TRUE(are_in({{Tcp, 80}, {Udp, 53}}, false));
  EXPECT_FALSE(are_in({{Tcp, 80}, {Udp, 80}}, false));
  EXPECT_TRUE(are_in({{Tcp, 80}, {Udp, 80}}, true));
  EXPECT_FALSE(are_in({{Tcp, 53}}, true));
  EXPECT_TRUE(are_in({}, true));
}

}  // namespace
}  // namespace shoal::agent

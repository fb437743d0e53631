#include "allocator/allocator.h"

#include "allocator/testing.h"

namespace shoal::allocator {
namespace {

using model::PortConfig;
using model::PortProtocol;
using model::PublishMode;
using model::ServiceId;
using model::TaskState;
using testing::ElementsAre;
using testing::HasSubstr;

PortConfig ingress(uint32_t published, uint32_t target = 80,
                   PortProtocol protocol = PortProtocol::Tcp) {
  return {.protocol = protocol, .target_port = target, .published_port = published};
}

PortConfig host(uint32_t published) {
  return {.target_port = 80, .published_port = published, .mode = PublishMode::Host};
}

model::EndpointSpec publish(std::vector<PortConfig> ports) {
  return {.ports = std::move(ports)};
}

class AllocatorTest : public AllocatorFixture {
 protected:
  void service(std::string_view name, std::vector<PortConfig> ports) {
    swarm.service(name).spec([&](auto& spec) { spec.endpoint = publish(ports); });
  }
  void set_ports(std::string_view name, std::vector<PortConfig> ports) {
    swarm.edit_service(name, [&](auto& one) { one.spec.endpoint = publish(ports); });
  }

  std::vector<uint32_t> published(std::string_view name) {
    std::vector<uint32_t> ports;
    const auto endpoint = swarm.service_ref(name)->endpoint;
    if (!endpoint) return ports;
    for (const auto& port : endpoint->ports) ports.push_back(port.published_port);
    return ports;
  }
};

TEST_F(AllocatorTest, ATaskWithoutPortsGoesOnAtOnce) {
  swarm.service("web");
  swarm.task("web", 1, TaskState::New);
  settle();
  const auto task = swarm.task_ref("web.1.a");
  EXPECT_EQ(task->status.state, TaskState::Pending);
  EXPECT_EQ(task->status.message, "pending task scheduling");
  EXPECT_EQ(task->endpoint, nullptr);
  EXPECT_EQ(swarm.service_ref("web")->endpoint, nullptr);
}

TEST_F(AllocatorTest, AllTasksShareTheEndpointOfTheirService) {
  service("web", {ingress(8081)});
  swarm.task("web", 1, TaskState::New);
  swarm.task("web", 2, TaskState::New);
  settle();
  EXPECT_THAT(published("web"), ElementsAre(8081));
  const auto endpoint = swarm.service_ref("web")->endpoint;
  EXPECT_EQ(swarm.task_ref("web.1.a")->endpoint, endpoint);
  EXPECT_EQ(swarm.task_ref("web.2.b")->endpoint, endpoint);
}

TEST_F(AllocatorTest, AutomaticPortsAreTheLowestFreeOnesPerProtocol) {
  service("a", {ingress(0), ingress(0, 443), ingress(0, 53, PortProtocol::Udp)});
  service("b", {ingress(30003), ingress(0)});
  settle();
  EXPECT_THAT(published("a"), ElementsAre(30000, 30001, 30000));
  EXPECT_THAT(published("b"), ElementsAre(30003, 30002));
}

TEST_F(AllocatorTest, AutomaticPortsStayOverUpdates) {
  service("a", {ingress(0)});
  service("b", {ingress(0)});
  settle();
  ASSERT_THAT(published("b"), ElementsAre(30001));
  set_ports("b", {ingress(9000, 443), ingress(0)});
  settle();
  EXPECT_THAT(published("b"), ElementsAre(9000, 30001));
}

TEST_F(AllocatorTest, PortsComeBackWhenAServiceGoesOrStopsPublishing) {
  service("a", {ingress(8081)});
  service("b", {ingress(8082)});
  settle();
  swarm.remove(ServiceId::of("a"));
  set_ports("b", {});
  settle();
  service("c", {ingress(8081), ingress(8082, 443)});
  swarm.task("c", 1, TaskState::New);
  settle();
  EXPECT_EQ(swarm.task_ref("c.1.a")->status.state, TaskState::Pending);
  EXPECT_EQ(swarm.service_ref("b")->endpoint, nullptr);
}

TEST_F(AllocatorTest, ATaskWithoutItsPortSaysWhyAndGoesOnOnceItIsFree) {
  service("web", {ingress(8081)});
  settle();
  service("late", {ingress(8081)});
  swarm.task("late", 1, TaskState::New);
  settle();
  auto task = swarm.task_ref("late.1.a");
  EXPECT_EQ(task->status.state, TaskState::New);
  EXPECT_EQ(task->status.error,
            "port '8081' is already in use by service 'web' (web) as an ingress port");

  swarm.remove(ServiceId::of("web"));
  settle();
  task = swarm.task_ref("late.1.a");
  EXPECT_EQ(task->status.state, TaskState::Pending);
  EXPECT_EQ(task->status.error, "");
  EXPECT_THAT(published("late"), ElementsAre(8081));
}

TEST_F(AllocatorTest, AnUpdateToAnotherPortLetsTheTasksGoOn) {
  service("web", {ingress(8081)});
  settle();
  service("late", {ingress(8081)});
  swarm.task("late", 1, TaskState::New);
  settle();
  set_ports("late", {ingress(8082)});
  settle();
  EXPECT_EQ(swarm.task_ref("late.1.a")->status.state, TaskState::Pending);
}

TEST_F(AllocatorTest, TheSamePortOfAnotherProtocolIsFree) {
  service("a", {ingress(53)});
  service("b", {ingress(53, 53, PortProtocol::Udp)});
  swarm.task("b", 1, TaskState::New);
  settle();
  EXPECT_EQ(swarm.task_ref("b.1.a")->status.state, TaskState::Pending);
}

TEST_F(AllocatorTest, AFullRangeIsSaid) {
  std::vector<PortConfig> all;
  for (uint32_t i = kDynamicPortFirst; i <= kDynamicPortLast; ++i) all.push_back(ingress(0, i));
  service("a", all);
  service("b", {ingress(0)});
  swarm.task("b", 1, TaskState::New);
  settle();
  EXPECT_THAT(swarm.task_ref("b.1.a")->status.error, HasSubstr("no port is left"));
}

TEST_F(AllocatorTest, ANewTaskToldToStopEndsHere) {
  swarm.service("web");
  swarm.task("web", 1, TaskState::New);
  swarm.edit_task("web.1.a", [](auto& task) { task.desired_state = TaskState::Shutdown; });
  settle();
  EXPECT_EQ(swarm.task_ref("web.1.a")->status.state, TaskState::Shutdown);
}

TEST_F(AllocatorTest, AnotherLeaderKnowsThePortsThatAreHeld) {
  service("web", {ingress(0)});
  settle();
  service("late", {ingress(0)});
  swarm.task("late", 1, TaskState::New);
  allocator.reset(swarm.read());
  settle();
  EXPECT_THAT(published("web"), ElementsAre(30000));
  EXPECT_THAT(published("late"), ElementsAre(30001));
  EXPECT_EQ(swarm.task_ref("late.1.a")->status.state, TaskState::Pending);
}

struct PortCheck {
  std::string name;
  std::vector<PortConfig> theirs, ours;
  std::string error;
};

class CheckPorts : public testing::TestWithParam<PortCheck> {};

TEST_P(CheckPorts, AnswersAsDocker) {
  store::Swarm swarm;
  swarm.service("web").spec([&](auto& spec) { spec.endpoint = publish(GetParam().theirs); });
  model::ServiceSpec spec;
  spec.endpoint = publish(GetParam().ours);
  const auto result = check_ports_free(swarm.read(), spec, {});
  EXPECT_EQ(result ? "" : result.error().message, GetParam().error);
  EXPECT_TRUE(check_ports_free(swarm.read(), spec, ServiceId::of("web"))) << "an update of its own";
}

INSTANTIATE_TEST_SUITE_P(
    , CheckPorts,
    testing::Values(
        PortCheck{"IngressAgainstIngress",
                  {ingress(8081)},
                  {ingress(8081)},
                  "port '8081' is already in use by service 'web' (web) as an ingress port"},
        PortCheck{"HostAgainstIngress",
                  {ingress(8081)},
                  {host(8081)},
                  "port '8081' is already in use by service 'web' (web) as an ingress port"},
        PortCheck{"IngressAgainstHost",
                  {host(8081)},
                  {ingress(8081)},
                  "port '8081' is already in use by service 'web' (web) as a host-published port"},
        PortCheck{"HostAgainstHost", {host(8081)}, {host(8081)}, ""},
        PortCheck{"AnotherPort", {ingress(8081)}, {ingress(8082)}, ""},
        PortCheck{"AutomaticPorts", {ingress(0)}, {ingress(0)}, ""}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace shoal::allocator

// What must be found wanting, one thing at a time. No container runs here, which is found as well.
#include "sim/convergence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/testing.h"

namespace shoal::sim {
namespace {

using model::Availability;
using model::TaskState;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Convergence : public testing::Test {
 protected:
  Convergence() {
    for (const char* id : {"n1", "n2"}) swarm_.node(id);
  }

  std::vector<std::string> problems() { return unconverged(swarm_.read(), {}); }
  void drain(std::string_view id) {
    swarm_.edit_node(id, [](model::Node& node) { node.spec.availability = Availability::Drain; });
  }
  void run(std::string_view service, uint64_t slot, std::string_view node) {
    swarm_.task(service, slot, TaskState::Running, node);
  }

  store::Swarm swarm_;
};

TEST_F(Convergence, ASwarmWithoutServicesIsDone) {
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(Convergence, AGlobalServiceNeedsATaskOnEachPlace) {
  swarm_.service("agent").global();
  run("agent", 0, "n1");
  EXPECT_THAT(problems(), Contains("agent.0n2 has 0 tasks that are meant to run, not 1"));
  run("agent", 0, "n2");
  EXPECT_THAT(problems(), Not(Contains(HasSubstr("meant to run"))));
  run("agent", 0, "n2");
  EXPECT_THAT(problems(), Contains("agent.0n2 has 2 tasks that are meant to run, not 1"));
}

TEST_F(Convergence, AGlobalServiceHasNoneOnOtherNodes) {
  swarm_.service("agent").global();
  run("agent", 0, "n1");
  run("agent", 0, "n2");
  drain("n2");
  EXPECT_THAT(problems(), Contains("agent.0n2 has 1 tasks that are meant to run, not 0"));
  swarm_.remove(model::NodeId::of("n2"));
  EXPECT_THAT(problems(), Contains("agent has tasks on n2, which is gone"));
}

TEST_F(Convergence, ATaskOnANodeThatIsNoPlaceForItIsFound) {
  swarm_.service("web").task_spec([](model::TaskSpec& spec) {
    spec.placement = model::Placement{.constraints = {"node.labels.zone != b"}};
  });
  run("web", 1, "n1");
  EXPECT_THAT(problems(), Not(Contains(HasSubstr("no place"))));
  swarm_.edit_node("n1", [](auto& node) { node.spec.annotations.labels.emplace("zone", "b"); });
  EXPECT_THAT(problems(), Contains(HasSubstr("is on n1, which is no place for it")));
}

TEST_F(Convergence, ASlotHasOneTask) {
  swarm_.service("web");
  EXPECT_THAT(problems(), Contains("web has 0 slots of 1"));
  run("web", 1, "n1");
  run("web", 1, "n2");
  EXPECT_THAT(problems(), Contains("web.1 has 2 tasks that are meant to run, not 1"));
}

TEST_F(Convergence, OnlyAPolicyThatGivesUpLeavesADeadSlot) {
  for (const char* name : {"web", "agent"}) {
    auto service = swarm_.service(name);
    if (name == std::string_view("agent")) service.global();
    for (const char* node : {"n1", "n2"}) {
      const uint64_t slot = name == std::string_view("web") ? 1 : 0;
      const auto id = swarm_.task(name, slot, TaskState::Failed, node)->id.str();
      swarm_.edit_task(id, [](auto& task) { task.desired_state = TaskState::Shutdown; });
    }
    EXPECT_THAT(problems(), Contains(HasSubstr("has 0 tasks that are meant to run, not 1")));
    service.task_spec([](auto& spec) { spec.restart = model::RestartPolicy{.max_attempts = 1}; });
    EXPECT_THAT(problems(), IsEmpty());
  }
}

TEST_F(Convergence, ARebalanceThatGoesOnIsFound) {
  swarm_.service("web").replicas(0);
  EXPECT_THAT(problems(), IsEmpty());
  swarm_.edit_service("web", [](auto& service) { service.rebalance.emplace(); });
  EXPECT_THAT(problems(), Contains("the rebalance of web goes on"));
}

TEST_F(Convergence, AnUnevenSpreadIsFound) {
  swarm_.service("web").replicas(3).running_on({"n1", "n1", "n2"});
  EXPECT_THAT(uneven(swarm_.read()), IsEmpty());
  run("web", 4, "n1");
  EXPECT_THAT(uneven(swarm_.read()), Contains("web has 3 tasks on n1 and 1 on n2"));
  swarm_.service("other").replicas(2).running_on({"n1", "n1"});
  drain("n2");
  EXPECT_THAT(uneven(swarm_.read()), Not(Contains(HasSubstr("other"))));
}

TEST_F(Convergence, ANodeThatIsNotBackIsFound) {
  swarm_.edit_node("n1", [](auto& node) { node.status.state = model::NodeState::Down; });
  EXPECT_THAT(problems(), Contains("n1 is not ready"));
}

TEST_F(Convergence, ANodeThatKnowsItsNetworksOtherwiseIsFound) {
  const model::NodeId node = model::NodeId::of("n1");
  model::Network network;
  network.id = model::NetworkId::of("net1");
  network.spec.annotations.name = "front";
  network.allocation = model::NetworkAllocation{.ipam = {}, .vni = 4100};
  swarm_.create(network);
  swarm_.service("web").running_on({"n1"});
  swarm_.edit_task("web.1.a", [&](model::Task& task) {
    task.networks = {{.network = network.id, .addresses = {"10.0.1.2/24"}, .aliases = {}}};
  });
  NodeNetworks networks;
  const auto problems = [&] { return unlike_networks(swarm_.read(), node, networks); };
  EXPECT_THAT(problems(),
              ElementsAre("n1 was not told of net1", "n1 was not told of net1 task web.1.a"));

  model::EndpointView endpoint{
      .network = network.id, .task = model::TaskId::of("web.1.a"), .node = node};
  networks.apply({.version = 1, .complete = true, .changes = {model::share(endpoint)}});
  EXPECT_THAT(problems(), Contains("n1 was told of net1 task web.1.a before its network"));
  EXPECT_THAT(problems(), Contains("n1 has an old word on net1 task web.1.a"));

  networks = {};
  for (const auto& [key, record] : expected_networks(swarm_.read(), node)) {
    networks.apply({.version = 2, .complete = false, .changes = {record}});
  }
  EXPECT_THAT(problems(), IsEmpty());
  swarm_.edit_task("web.1.a", [](model::Task& task) { task.status.state = TaskState::Failed; });
  EXPECT_THAT(problems(), Contains("n1 still knows net1"));
}

}  // namespace
}  // namespace shoal::sim

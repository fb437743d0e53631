// Networks, virtual addresses, addresses of tasks and nodes.
#include "allocator/testing.h"
#include "store/testing_attachments.h"

namespace shoal::allocator {
namespace {

using model::NetworkId;
using model::ServiceId;
using model::TaskId;
using model::TaskState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class NetworksTest : public AllocatorFixture {
 protected:
  void publish(std::string_view name) {
    swarm.edit_service(name, [](model::Service& service) {
      service.spec.endpoint.emplace().ports = {{.target_port = 80, .published_port = 8081}};
    });
  }
  void set_mode(std::string_view name, model::ResolutionMode mode) {
    swarm.edit_service(
        name, [&](model::Service& service) { service.spec.endpoint.emplace().mode = mode; });
  }
  void shoal_node(std::string_view id) {
    swarm.node(id,
               [](model::Node& node) { node.description.shoal_version = model::kShoalVersion; });
  }
  std::vector<std::string> attachments(std::string_view node) {
    return texts_of(swarm.node_ref(node)->attachments);
  }
  std::string new_task(std::string_view service, uint64_t slot) {
    return swarm.task(service, slot, TaskState::New)->id.str();
  }
};

TEST_F(NetworksTest, IngressHasTheFirstSubnetAndTheOthersFollow) {
  network("a");
  settle();
  EXPECT_EQ(subnet_of("ingress"), "10.0.0.0/24");
  EXPECT_EQ(network_ref("ingress")->allocation->vni, 4096u);
  EXPECT_EQ(network_ref("ingress")->allocation->ipam.front().gateway, "10.0.0.1");
  EXPECT_EQ(subnet_of("a"), "10.0.1.0/24");
  EXPECT_EQ(network_ref("a")->allocation->vni, 4097u);
}

TEST_F(NetworksTest, AnOverlapIsTheNetworksErrorUntilTheOtherIsGone) {
  network("a", "10.7.0.0/16");
  network("b", "10.7.1.0/24");
  attached("web", {"b"});
  const auto task = new_task("web", 1);
  settle();
  EXPECT_THAT(network_ref("b")->error, StartsWith("invalid pool request: Pool overlaps"));
  EXPECT_FALSE(network_ref("b")->allocation);
  EXPECT_EQ(swarm.task_ref(task)->status.message, "waiting for a network");
  EXPECT_THAT(error_of(task), StartsWith("network b (b): invalid pool request"));

  swarm.remove(NetworkId::of("a"));
  settle();
  EXPECT_EQ(network_ref("b")->error, "");
  EXPECT_EQ(subnet_of("b"), "10.7.1.0/24");
  EXPECT_EQ(state_of(task), TaskState::Pending);
}

TEST_F(NetworksTest, PoolsThatRanOutAreTheReasonUntilASubnetIsFreed) {
  model::Cluster cluster = *swarm.read().clusters().all().begin()->second;
  cluster.default_address_pools = {"10.0.0.0/23"};
  swarm.update(cluster);
  network("a");
  network("b");
  attached("web", {"b"});
  const auto task = new_task("web", 1);
  settle();
  EXPECT_EQ(subnet_of("a"), "10.0.1.0/24");
  EXPECT_EQ(error_of(task),
            "network b (b): could not find an available, non-overlapping IPv4 address pool among "
            "the defaults to assign to the network");
  swarm.remove(NetworkId::of("a"));
  settle();
  EXPECT_EQ(subnet_of("b"), "10.0.1.0/24");
  EXPECT_EQ(network_ref("b")->allocation->vni, 4098u) << "what was freed comes last";
  EXPECT_EQ(state_of(task), TaskState::Pending);
}

TEST_F(NetworksTest, AServiceHasAVirtualAddressAndItsTasksHaveTheirs) {
  network("a");
  network("b");
  attached("web", {"a", "b"});
  const auto one = new_task("web", 1), two = new_task("web", 2);
  settle();
  EXPECT_THAT(vips("web"), ElementsAre("a 10.0.1.2/24", "b 10.0.2.2/24"));
  EXPECT_THAT(addresses(one), ElementsAre("a 10.0.1.3/24", "b 10.0.2.3/24"));
  EXPECT_THAT(addresses(two), ElementsAre("a 10.0.1.4/24", "b 10.0.2.4/24"));
  EXPECT_EQ(swarm.task_ref(one)->endpoint, swarm.service_ref("web")->endpoint);
  EXPECT_EQ(swarm.task_ref(two)->endpoint, swarm.service_ref("web")->endpoint);
  EXPECT_EQ(state_of(two), TaskState::Pending);
}

TEST_F(NetworksTest, ANetworkIsFoundByNameWhateverItsCaseAndNamedTwiceItCountsOnce) {
  network("a");
  swarm.service("web").task_spec([](model::TaskSpec& spec) {
    spec.networks = {{.target = "A", .aliases = {"db", "store"}},
                     {.target = "a", .aliases = {"db", "x"}}};
  });
  const auto task = new_task("web", 1);
  settle();
  ASSERT_THAT(addresses(task), ElementsAre("a 10.0.1.3/24"));
  EXPECT_THAT(swarm.task_ref(task)->networks.front().aliases, ElementsAre("db", "store", "x"));
}

TEST_F(NetworksTest, TheDeprecatedPlaceOfNetworksCounts) {
  network("a");
  swarm.service("web").spec([](model::ServiceSpec& spec) { spec.networks = {{.target = "a"}}; });
  const auto task = new_task("web", 1);
  settle();
  EXPECT_THAT(vips("web"), ElementsAre("a 10.0.1.2/24"));
  EXPECT_THAT(addresses(task), ElementsAre("a 10.0.1.3/24"));
}

TEST_F(NetworksTest, NetworksOfTheNodeItselfNeedNothing) {
  attached("web", {"host"});
  attached("idle", {"none", "bridge"});
  const auto task = new_task("web", 1), other = new_task("idle", 1);
  settle();
  for (const auto& id : {task, other}) {
    EXPECT_EQ(state_of(id), TaskState::Pending);
    EXPECT_THAT(addresses(id), IsEmpty());
  }
  EXPECT_EQ(swarm.service_ref("web")->endpoint, nullptr);
}

TEST_F(NetworksTest, IPv6GivesOneAddressOfEachFamily) {
  network("a", [](model::NetworkSpec& spec) {
    spec.ipv6 = true;
    spec.ipam.emplace_back().subnet = "fd00:7::/64";
  });
  attached("web", {"a"});
  const auto task = new_task("web", 1);
  settle();
  EXPECT_THAT(vips("web"), ElementsAre("a 10.0.1.2/24", "a fd00:7::2/64"));
  EXPECT_THAT(addresses(task), ElementsAre("a 10.0.1.3/24", "a fd00:7::3/64"));
}

TEST_F(NetworksTest, PublishedPortsLeadThroughTheIngressNetwork) {
  network("a");
  attached("web", {"a"});
  publish("web");
  const auto task = new_task("web", 1);
  settle();
  EXPECT_THAT(addresses(task), ElementsAre("ingress 10.0.0.2/24", "a 10.0.1.3/24"));
  EXPECT_THAT(vips("web"), ElementsAre("a 10.0.1.2/24")) << "none in the ingress network";
}

TEST_F(NetworksTest, HostPortsDoNot) {
  swarm.service("web").spec([](model::ServiceSpec& spec) {
    spec.endpoint.emplace().ports = {
        {.target_port = 80, .published_port = 8081, .mode = model::PublishMode::Host}};
  });
  const auto task = new_task("web", 1);
  settle();
  EXPECT_EQ(state_of(task), TaskState::Pending);
  EXPECT_THAT(addresses(task), IsEmpty());
}

TEST_F(NetworksTest, WithoutAnIngressNetworkPublishedPortsWaitForOne) {
  settle();
  swarm.remove(NetworkId::of("ingress"));
  swarm.service("web");
  publish("web");
  const auto task = new_task("web", 1);
  settle();
  EXPECT_EQ(error_of(task), "the swarm has no ingress network to publish ports in");
  network("mine", [](model::NetworkSpec& spec) {
    spec.ingress = true;
    spec.ipam.emplace_back().subnet = "10.11.0.0/16";
  });
  settle();
  EXPECT_THAT(addresses(task), ElementsAre("mine 10.11.0.2/16"));
  EXPECT_EQ(network_ref("mine")->allocation->vni, 4096u);
}

TEST_F(NetworksTest, ATaskWaitsForANetworkThatIsNotThereYet) {
  attached("web", {"Late"});
  const auto task = new_task("web", 1);
  settle();
  EXPECT_EQ(state_of(task), TaskState::New);
  EXPECT_EQ(swarm.task_ref(task)->status.message, "waiting for a network");
  EXPECT_EQ(error_of(task), "network Late not found");
  network("other");
  settle();
  EXPECT_EQ(state_of(task), TaskState::New);
  network("late");
  settle();
  EXPECT_EQ(state_of(task), TaskState::Pending);
  EXPECT_EQ(error_of(task), "");
}

TEST_F(NetworksTest, ATaskThatWaitsAndIsToldToStopEnds) {
  attached("web", {"late"});
  const auto task = new_task("web", 1);
  settle();
  swarm.edit_task(task, [](model::Task& one) { one.desired_state = TaskState::Remove; });
  settle();
  EXPECT_EQ(state_of(task), TaskState::Shutdown);
}

TEST_F(NetworksTest, AnAddressIsFreeWhenTheTaskHasEnded) {
  network("a", "10.7.0.0/29");  // .2 to .6; .2 is the service's.
  attached("web", {"a"});
  std::vector<std::string> tasks;
  for (uint64_t slot = 1; slot <= 6; ++slot) tasks.push_back(new_task("web", slot));
  settle();
  EXPECT_THAT(addresses(tasks[3]), ElementsAre("a 10.7.0.6/29"));
  for (const auto& late : {tasks[4], tasks[5]}) {
    EXPECT_EQ(swarm.task_ref(late)->status.message, "waiting for an address");
    EXPECT_EQ(error_of(late), "no available IPv4 addresses on this network's address pools: a (a)");
  }
  set_state(tasks[1], TaskState::Running);
  settle();
  EXPECT_EQ(state_of(tasks[4]), TaskState::New);
  set_state(tasks[1], TaskState::Failed);
  settle();
  EXPECT_THAT(addresses(tasks[4]), ElementsAre("a 10.7.0.4/29"));
  EXPECT_EQ(state_of(tasks[5]), TaskState::New);
  swarm.remove(TaskId::of(tasks[1]));  // Its address is another's by now.
  settle();
  EXPECT_EQ(state_of(tasks[5]), TaskState::New);
  swarm.remove(TaskId::of(tasks[0]));
  settle();
  EXPECT_THAT(addresses(tasks[5]), ElementsAre("a 10.7.0.3/29"));
}

TEST_F(NetworksTest, AServiceWaitsForItsVirtualAddressAndItsTasksWithIt) {
  network("a", "10.7.0.0/30");
  attached("first", {"a"});  // Its virtual address is the last one.
  settle();
  attached("web", {"a"});
  const auto task = new_task("web", 1);
  settle();
  EXPECT_THAT(error_of(task), HasSubstr("no available IPv4 addresses"));
  EXPECT_THAT(vips("web"), IsEmpty());
  swarm.remove(ServiceId::of("first"));
  settle();
  EXPECT_THAT(vips("web"), ElementsAre("a 10.7.0.2/30"));
  EXPECT_THAT(error_of(task), HasSubstr("no available IPv4 addresses")) << "one for itself";
}

TEST_F(NetworksTest, WhoWaitedForAnAddressAndStopsLeavesItToTheNext) {
  network("a", "10.7.0.0/29");
  attached("web", {"a"});
  std::vector<std::string> tasks;
  for (uint64_t slot = 1; slot <= 6; ++slot) tasks.push_back(new_task("web", slot));
  settle();
  ASSERT_EQ(state_of(tasks[4]), TaskState::New);
  swarm.edit_task(tasks[4], [](model::Task& one) { one.desired_state = TaskState::Remove; });
  set_state(tasks[0], TaskState::Failed);
  settle();
  EXPECT_EQ(state_of(tasks[4]), TaskState::Shutdown);
  EXPECT_THAT(addresses(tasks[5]), ElementsAre("a 10.7.0.3/29"));
}

TEST_F(NetworksTest, WhatIsGivenBackHalfwayIsThere) {
  network("a", "10.7.0.0/29");
  network("full", "10.8.0.0/30");
  attached("holder", {"full"});
  settle();
  swarm.service("web").spec([](model::ServiceSpec& spec) {
    spec.endpoint.emplace().mode = model::ResolutionMode::Dnsrr;
    auto task = std::make_shared<model::TaskSpec>();
    task->networks = {{.target = "a"}, {.target = "full"}};
    spec.task = task;
  });
  for (uint64_t slot = 1; slot <= 8; ++slot) new_task("web", slot);
  settle();
  attached("other", {"a"});
  std::vector<std::string> tasks;
  for (uint64_t slot = 1; slot <= 4; ++slot) tasks.push_back(new_task("other", slot));
  settle();
  for (const auto& task : tasks) EXPECT_EQ(state_of(task), TaskState::Pending);
}

TEST_F(NetworksTest, AnUpdateGivesAndFreesVirtualAddressesAndKeepsTheOthers) {
  network("a");
  network("b");
  network("d");
  attached("web", {"a", "b"});
  settle();
  set_networks("web", {"d", "b"});
  settle();
  EXPECT_THAT(vips("web"), ElementsAre("d 10.0.3.2/24", "b 10.0.2.2/24"));
  set_networks("web", {});
  settle();
  EXPECT_EQ(swarm.service_ref("web")->endpoint, nullptr);
  attached("next", {"b"});
  settle();
  EXPECT_THAT(vips("next"), ElementsAre("b 10.0.2.3/24")) << "what was freed comes last";
}

TEST_F(NetworksTest, TheOrderOfNetworksAloneChangesNothing) {
  network("a");
  network("b");
  attached("web", {"a", "b"});
  settle();
  const auto before = swarm.service_ref("web")->endpoint;
  set_networks("web", {"b", "a"});
  settle();
  EXPECT_EQ(swarm.service_ref("web")->endpoint, before);
}

TEST_F(NetworksTest, DnsrrHasNoVirtualAddressAndVipHasOneAgain) {
  network("a");
  attached("web", {"a"});
  set_mode("web", model::ResolutionMode::Dnsrr);
  const auto one = new_task("web", 1);
  settle();
  EXPECT_EQ(swarm.service_ref("web")->endpoint, nullptr);
  EXPECT_THAT(addresses(one), ElementsAre("a 10.0.1.2/24"));
  set_mode("web", model::ResolutionMode::Vip);
  settle();
  EXPECT_THAT(vips("web"), ElementsAre("a 10.0.1.3/24"));
  set_mode("web", model::ResolutionMode::Dnsrr);
  settle();
  EXPECT_THAT(vips("web"), IsEmpty());
}

TEST_F(NetworksTest, APortThatIsTakenCostsNoVirtualAddress) {
  network("a", "10.7.0.0/30");
  swarm.service("first");
  publish("first");
  settle();
  attached("web", {"a"});
  publish("web");
  settle();
  EXPECT_EQ(swarm.service_ref("web")->endpoint, nullptr);
  attached("next", {"a"});
  settle();
  EXPECT_THAT(vips("next"), ElementsAre("a 10.7.0.2/30"));
}

TEST_F(NetworksTest, AnUpdateOfPortsKeepsTheVirtualAddress) {
  network("a");
  attached("web", {"a"});
  settle();
  publish("web");
  settle();
  EXPECT_THAT(vips("web"), ElementsAre("a 10.0.1.2/24"));
  EXPECT_EQ(swarm.service_ref("web")->endpoint->ports.front().published_port, 8081u);
}

TEST_F(NetworksTest, ShoalNodesHaveAnAddressInTheIngressNetwork) {
  shoal_node("n1");
  swarm.node("docker");
  settle();
  EXPECT_THAT(attachments("n1"), ElementsAre("ingress 10.0.0.2/24"));
  EXPECT_THAT(attachments("docker"), IsEmpty());
  swarm.edit_node("docker", [](model::Node& node) { node.description.shoal_version = 1; });
  settle();
  EXPECT_THAT(attachments("docker"), ElementsAre("ingress 10.0.0.3/24"));
  swarm.remove(model::NodeId::of("n1"));
  swarm.edit_node("docker", [](model::Node& node) { node.description.shoal_version = 0; });
  settle();
  EXPECT_THAT(attachments("docker"), IsEmpty());
}

TEST_F(NetworksTest, AnotherIngressNetworkGivesTheNodesOtherAddresses) {
  shoal_node("n1");
  settle();
  swarm.remove(NetworkId::of("ingress"));
  settle();
  EXPECT_THAT(attachments("n1"), IsEmpty());
  network("mine", [](model::NetworkSpec& spec) {
    spec.ingress = true;
    spec.ipam.emplace_back().subnet = "10.11.0.0/30";
  });
  settle();
  EXPECT_THAT(attachments("n1"), ElementsAre("mine 10.11.0.2/30"));
  shoal_node("n2");
  settle();
  EXPECT_THAT(attachments("n2"), IsEmpty());
  swarm.remove(model::NodeId::of("n1"));
  settle();
  EXPECT_THAT(attachments("n2"), ElementsAre("mine 10.11.0.2/30"));
}

TEST_F(NetworksTest, ANetworkThatIsGoneFreesItsSubnet) {
  network("a", "10.7.0.0/16");
  settle();
  swarm.remove(NetworkId::of("a"));
  network("b", "10.7.1.0/24");
  settle();
  EXPECT_EQ(subnet_of("b"), "10.7.1.0/24");
}

TEST_F(NetworksTest, ANetworkThatIsMadeAnewUnderItsNameGivesItsServiceANewAddress) {
  network("a", "10.7.0.0/24");
  attached("web", {"a"});
  settle();
  swarm.remove(NetworkId::of("a"));
  const auto task = new_task("web", 1);
  settle();
  EXPECT_EQ(error_of(task), "network a not found");
  model::Network again;
  again.id = NetworkId::of("a2");
  again.spec.annotations.name = "a";
  swarm.create(again);
  settle();
  EXPECT_THAT(vips("web"), ElementsAre("a2 10.0.1.2/24"));
  EXPECT_THAT(addresses(task), ElementsAre("a2 10.0.1.3/24"));
}

TEST_F(NetworksTest, AnotherLeaderTakesOverWhatIsStored) {
  shoal_node("n1");
  network("a");
  attached("web", {"a"});
  publish("web");
  const auto one = new_task("web", 1), two = new_task("web", 2), ended = new_task("web", 3);
  settle();
  set_state(ended, TaskState::Complete);
  settle();
  const auto version = swarm.store().newest_version();
  allocator.reset(swarm.read());
  settle();
  EXPECT_EQ(swarm.store().newest_version(), version) << "nothing was written";
  const auto next = new_task("web", 4), after = new_task("web", 5);
  network("b");
  settle();
  EXPECT_THAT(addresses(next), ElementsAre("ingress 10.0.0.5/24", "a 10.0.1.5/24"));
  EXPECT_THAT(addresses(after), ElementsAre("ingress 10.0.0.6/24", "a 10.0.1.6/24"));
  EXPECT_EQ(subnet_of("b"), "10.0.2.0/24");
  EXPECT_EQ(network_ref("b")->allocation->vni, 4098u);
}

TEST_F(NetworksTest, BatchesFromBeforeAResetGiveNothingBackTwice) {
  network("a", "10.7.0.0/30");
  swarm.service("web").spec([](model::ServiceSpec& spec) {
    spec.endpoint.emplace().mode = model::ResolutionMode::Dnsrr;
    spec.networks = {{.target = "a"}};
  });
  const auto first = new_task("web", 1);
  settle();
  const auto running = swarm.task_ref(first);
  ASSERT_THAT(addresses(first), ElementsAre("a 10.7.0.2/30"));
  set_state(first, TaskState::Failed);
  allocator.reset(swarm.read());
  const auto second = new_task("web", 2);
  settle();
  ASSERT_THAT(addresses(second), ElementsAre("a 10.7.0.2/30"));
  store::Batch late;
  late.changes = {{.before = running, .after = swarm.task_ref(first)}};
  allocator.on_batch(late);
  const auto third = new_task("web", 3);
  settle();
  EXPECT_EQ(state_of(third), TaskState::New);
}

TEST_F(NetworksTest, PlansAreBoundedHoweverMuchIsDue) {
  network("a", "10.64.0.0/16");
  attached("web", {"a"});
  for (uint64_t slot = 1; slot <= 1000; ++slot) new_task("web", slot);
  settle();  // Looks at the size of each plan.
  std::set<std::string> seen;
  for (const auto& task : swarm.read().tasks().by_service(ServiceId::of("web"))) {
    ASSERT_EQ(task->status.state, TaskState::Pending);
    EXPECT_TRUE(seen.insert(texts_of(task->networks).front()).second);
  }
}

TEST_F(NetworksTest, AnAttachedContainerHasAnAddressUntilItEndsOrIsDetached) {
  network("a", "10.7.0.0/16");
  settle();
  swarm.create(store::attachment("one", "n1", "a"));
  swarm.create(store::attachment("two", "n1", "a", TaskState::New, {"10.7.0.9"}));
  settle();
  EXPECT_THAT(addresses("one"), ElementsAre("a 10.7.0.2/16"));
  EXPECT_THAT(addresses("two"), ElementsAre("a 10.7.0.9/16"));
  EXPECT_THAT(swarm.task_ref("one")->networks.at(0).aliases, ElementsAre("db"));
  EXPECT_EQ(state_of("one"), TaskState::Pending);
  EXPECT_EQ(swarm.task_ref("one")->endpoint, nullptr);

  swarm.create(store::attachment("three", "n1", "a", TaskState::New, {"10.7.0.9"}));
  swarm.create(store::attachment("four", "n1", "a", TaskState::New, {"10.8.0.9"}));
  settle();
  EXPECT_EQ(state_of("three"), TaskState::New);
  EXPECT_EQ(swarm.task_ref("three")->status.message, "waiting for an address");
  EXPECT_EQ(error_of("three"), "Address already in use");
  EXPECT_THAT(error_of("four"), StartsWith("Invalid address 10.8.0.9"));
  set_state("two", TaskState::Failed);
  settle();
  EXPECT_THAT(addresses("three"), ElementsAre("a 10.7.0.9/16"));
  swarm.remove(TaskId::of("three"));
  swarm.create(store::attachment("five", "n1", "a", TaskState::New, {"10.7.0.9"}));
  settle();
  EXPECT_THAT(addresses("five"), ElementsAre("a 10.7.0.9/16"));
}

TEST_F(NetworksTest, ANewLeaderKnowsTheAddressesOfAttachments) {
  network("a", "10.7.0.0/16");
  settle();
  swarm.create(store::attachment("one", "n1", "a"));
  settle();
  set_state("one", TaskState::Running);
  allocator.reset(swarm.read());
  swarm.create(store::attachment("two", "n1", "a", TaskState::New, {"10.7.0.2"}));
  swarm.create(store::attachment("three", "n1", "nope"));
  settle();
  EXPECT_EQ(error_of("two"), "Address already in use");
  EXPECT_EQ(error_of("three"), "network nope not found");
  EXPECT_THAT(addresses("one"), ElementsAre("a 10.7.0.2/16"));
}

}  // namespace
}  // namespace shoal::allocator

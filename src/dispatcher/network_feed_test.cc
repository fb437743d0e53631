#include "dispatcher/network_feed.h"

#include "dispatcher/support_test.h"
#include "store/testing_attachments.h"

namespace shoal::dispatcher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using NetworkFeedTest = NetworksTest;

model::PortConfig published(uint32_t port, model::PublishMode mode) {
  return {.target_port = 80, .published_port = port, .mode = mode};
}

// A service attached to a network, with a virtual IP there.
void attach(store::Swarm& swarm, std::string_view service, std::string_view target) {
  swarm.edit_service(service, [&](model::Service& s) {
    model::TaskSpec spec = *s.spec.task;
    spec.networks = {{.target = std::string(target), .aliases = {"alias"}, .driver_options = {}}};
    s.spec.task = std::make_shared<const model::TaskSpec>(spec);
    model::Endpoint endpoint;
    endpoint.virtual_ips = {{NetworkId::of("net1"), "10.0.1.200/16"}};
    s.endpoint = std::make_shared<const model::Endpoint>(endpoint);
  });
}

TEST_F(NetworkFeedTest, TheFirstMessageIsCompleteAlsoWhenThereIsNothing) {
  shoal_node("n1");
  start();
  join("n1");
  ASSERT_EQ(count("n1"), 1u);
  EXPECT_TRUE(messages["n1"][0].complete);
  EXPECT_THAT(messages["n1"][0].changes, IsEmpty());
}

TEST_F(NetworkFeedTest, ANodeHearsOfItsNetworksAndOfEverybodyInThem) {
  for (const auto node : {"n1", "n2"}) shoal_node(node);
  network("net1");
  network("net2");
  swarm.service("web");
  attach(swarm, "web", "net1");
  const auto mine = task("web", TaskState::Assigned, "n1", {"net1"});
  const auto other = task("web", TaskState::Running, "n2", {"net1", "net2"});
  task("web", TaskState::Pending, "", {"net1"});
  task("web", TaskState::Failed, "n1", {"net2"});
  start();
  join("n1");
  EXPECT_THAT(told["n1"].keys(),
              ElementsAre("net1", "net1 service web", "net1 task " + mine, "net1 task " + other));
  const auto& view = told["n1"].get<model::NetworkView>("net1");
  EXPECT_EQ(view.name, "name-net1");
  EXPECT_EQ(view.vni, 4100u);
  EXPECT_EQ(view.ipam.at(0).gateway, "10.0.0.1");
  const auto& service = told["n1"].get<model::ServiceView>("net1 service web");
  EXPECT_EQ(service.name, "web");
  EXPECT_THAT(service.aliases, ElementsAre("alias"));
  EXPECT_THAT(service.virtual_ips, ElementsAre("10.0.1.200"));
  EXPECT_FALSE(told["n1"].serves("net1", mine));
  EXPECT_TRUE(told["n1"].serves("net1", other));
}

TEST_F(NetworkFeedTest, AnEndpointSaysWhereItsPacketsGoAndHowItIsCalled) {
  shoal_node("n1");
  network("net1");
  swarm.service("web");
  const auto id = task("web", TaskState::Running, "n1", {"net1"});
  start();
  join("n1");
  const std::string key = "net1 task " + id;
  const auto& first = told["n1"].get<model::EndpointView>(key);
  EXPECT_THAT(first.names, ElementsAre("web.1." + id));
  EXPECT_THAT(first.addresses, ElementsAre("10.0.1.1"));
  EXPECT_EQ(first.host, "host-n1");
  EXPECT_EQ(first.service, model::ServiceId::of("web"));

  swarm.edit_task(id, [](model::Task& t) {
    t.status.container = model::ContainerStatus{.container_id = "0123456789abcdef0123"};
  });
  swarm.edit_node("n1", [](model::Node& n) { n.description.data_path_address = "192.168.0.1"; });
  ASSERT_TRUE(acknowledge("n1"));
  const auto& second = told["n1"].get<model::EndpointView>(key);
  EXPECT_THAT(second.names, ElementsAre("web.1." + id, "0123456789ab"));
  EXPECT_EQ(second.host, "192.168.0.1");
}

TEST_F(NetworkFeedTest, AContainerWithoutAServiceIsFoundByItsAliases) {
  shoal_node("n1");
  network("net1");
  swarm.service("web");
  const auto id = task("web", TaskState::Running, "n1", {"net1"});
  swarm.edit_task(id, [](model::Task& t) {
    t.service_id = {};
    t.networks[0].aliases = {"db"};
  });
  start();
  join("n1");
  EXPECT_THAT(told["n1"].get<model::EndpointView>("net1 task " + id).names, ElementsAre("db"));
}

TEST_F(NetworkFeedTest, AnAttachmentIsToldOfByItsAliasesUntilItIsDetached) {
  shoal_node("n1"), shoal_node("n2");
  network("net1");
  swarm.service("web");
  task("web", TaskState::Running, "n2", {"net1"});
  start();
  join("n1"), join("n2");
  acknowledge_all();
  model::Task one = store::attachment("one", "n1", "net1", TaskState::Assigned);
  one.networks = {
      {.network = model::NetworkId::of("net1"), .addresses = {"10.0.1.77/16"}, .aliases = {"db"}}};
  swarm.create(one);
  settle();
  EXPECT_EQ(desired.at("one"), TaskState::Running);
  for (const char* node : {"n1", "n2"}) {
    const auto& view = told[node].get<model::EndpointView>("net1 task one");
    EXPECT_THAT(view.names, ElementsAre("cccccccccccc", "db"));
    EXPECT_THAT(view.addresses, ElementsAre("10.0.1.77"));
    EXPECT_EQ(view.host, "host-n1");
    EXPECT_TRUE(view.service.empty());
    EXPECT_FALSE(view.serving);
  }
  observe("one", TaskState::Running);
  acknowledge_all();
  EXPECT_TRUE(told["n2"].get<model::EndpointView>("net1 task one").serving);
  // Its container is gone already: nobody is waited for.
  swarm.remove(model::TaskId::of("one"));
  settle();
  EXPECT_EQ(desired.at("one"), TaskState::Remove);
  acknowledge_all();
  EXPECT_FALSE(told["n2"].records.contains("net1 task one"));
  EXPECT_FALSE(told["n1"].records.contains("net1")) << "n1 takes part no more";
}

TEST_F(NetworkFeedTest, ANetworkNamedByItsNameIsFoundAndDnsrrServicesHaveNoAddress) {
  shoal_node("n1");
  network("net1");
  swarm.service("web");
  attach(swarm, "web", "name-net1");
  swarm.edit_service("web", [](model::Service& s) {
    s.endpoint = nullptr;
    s.spec.endpoint = model::EndpointSpec{.mode = model::ResolutionMode::Dnsrr, .ports = {}};
  });
  task("web", TaskState::Running, "n1", {"net1"});
  start();
  join("n1");
  const auto& service = told["n1"].get<model::ServiceView>("net1 service web");
  EXPECT_EQ(service.mode, model::ResolutionMode::Dnsrr);
  EXPECT_THAT(service.virtual_ips, IsEmpty());
}

TEST_F(NetworkFeedTest, OneMessageIsOnItsWayAndTheNextHoldsAllThatChangedMeanwhile) {
  for (const auto node : {"n1", "n2"}) shoal_node(node);
  network("net1");
  swarm.service("web");
  task("web", TaskState::Running, "n1", {"net1"});
  const auto ends = task("web", TaskState::Running, "n2", {"net1"});
  start();
  join("n1");
  observe(ends, TaskState::Failed);
  const auto fresh = task("web", TaskState::Running, "n2", {"net1"});
  settle();
  EXPECT_EQ(count("n1"), 1u);
  ASSERT_TRUE(acknowledge("n1"));
  ASSERT_EQ(count("n1"), 2u);
  const auto& next = messages["n1"].back();
  EXPECT_FALSE(next.complete);
  EXPECT_GT(next.version, messages["n1"][0].version);
  EXPECT_EQ(next.changes.size(), 2u);
  EXPECT_FALSE(told["n1"].records.contains("net1 task " + ends));
  EXPECT_TRUE(told["n1"].serves("net1", fresh));
  ASSERT_TRUE(acknowledge("n1"));
  EXPECT_EQ(count("n1"), 2u);
}

TEST_F(NetworkFeedTest, WhatDoesNotShowIsNotSaid) {
  shoal_node("n1");
  network("net1");
  swarm.service("web");
  const auto id = task("web", TaskState::Accepted, "n1", {"net1"});
  start();
  join("n1");
  ASSERT_TRUE(acknowledge("n1"));
  observe(id, TaskState::Preparing);
  observe(id, TaskState::Starting);
  swarm.edit_node("n1", [](model::Node& n) { n.spec.annotations.labels["a"] = "b"; });
  settle();
  EXPECT_EQ(count("n1"), 1u);
  observe(id, TaskState::Running);
  settle();
  EXPECT_EQ(count("n1"), 2u);
}

TEST_F(NetworkFeedTest, ANodeThatJoinsANetworkGetsItWholeAndOneThatLeavesForgetsIt) {
  for (const auto node : {"n1", "n2"}) shoal_node(node);
  network("net1");
  swarm.service("web");
  const auto other = task("web", TaskState::Running, "n2", {"net1"});
  start();
  join("n1");
  ASSERT_TRUE(acknowledge("n1"));
  const auto mine = task("web", TaskState::Assigned, "n1", {"net1"});
  settle();
  EXPECT_THAT(told["n1"].keys(), ElementsAre("net1", "net1 task " + other, "net1 task " + mine));
  EXPECT_FALSE(messages["n1"].back().complete);
  ASSERT_TRUE(acknowledge("n1"));
  observe(mine, TaskState::Failed);
  settle();
  EXPECT_THAT(messages["n1"].back().changes, ElementsAre(testing::Pointee(model::NetworkChange(
                                                 model::NetworkGone{NetworkId::of("net1")}))));
  EXPECT_THAT(told["n1"].keys(), IsEmpty());
  // What happens there is nothing to the node any more.
  ASSERT_TRUE(acknowledge("n1"));
  observe(other, TaskState::Failed);
  settle();
  EXPECT_EQ(count("n1"), 3u);
}

TEST_F(NetworkFeedTest, ATaskThatIsDeletedWhileItRunsIsGone) {
  for (const auto node : {"n1", "n2"}) shoal_node(node);
  network("net1");
  swarm.service("web");
  task("web", TaskState::Running, "n1", {"net1"});
  const auto other = task("web", TaskState::Running, "n2", {"net1"});
  start();
  join("n1");
  ASSERT_TRUE(acknowledge("n1"));
  swarm.remove(TaskId::of(other));
  settle();
  EXPECT_FALSE(told["n1"].records.contains("net1 task " + other));
}

TEST_F(NetworkFeedTest, NobodySendsToANodeThatIsDownOrGone) {
  for (const auto node : {"n1", "n2"}) shoal_node(node);
  network("net1");
  swarm.service("web");
  task("web", TaskState::Running, "n1", {"net1"});
  const auto other = task("web", TaskState::Running, "n2", {"net1"});
  start();
  join("n1");
  node_state("n2", model::NodeState::Down);
  ASSERT_TRUE(acknowledge("n1"));
  EXPECT_FALSE(told["n1"].records.contains("net1 task " + other));
  node_state("n2", model::NodeState::Ready);
  ASSERT_TRUE(acknowledge("n1"));
  EXPECT_TRUE(told["n1"].serves("net1", other));
  swarm.remove(NodeId::of("n2"));
  ASSERT_TRUE(acknowledge("n1"));
  // Its tasks are orphaned at once.
  ASSERT_TRUE(acknowledge("n1"));
  EXPECT_FALSE(told["n1"].records.contains("net1 task " + other));
}

TEST_F(NetworkFeedTest, ANetworkIsToldOfWhenItIsAllocatedAndForgottenWhenItIsRemoved) {
  shoal_node("n1");
  network("net1");
  model::Network bare = *swarm.read().networks().get(NetworkId::of("net1"));
  const auto allocation = std::exchange(bare.allocation, std::nullopt);
  swarm.update(bare);
  swarm.service("web");
  task("web", TaskState::Assigned, "n1", {"net1"});
  start();
  join("n1");
  ASSERT_TRUE(acknowledge("n1"));
  EXPECT_THAT(told["n1"].keys(), IsEmpty());
  bare = *swarm.read().networks().get(NetworkId::of("net1"));
  bare.allocation = allocation;
  swarm.update(bare);
  settle();
  EXPECT_EQ(told["n1"].keys().size(), 2u);
  ASSERT_TRUE(acknowledge("n1"));
  swarm.remove(NetworkId::of("net1"));
  settle();
  EXPECT_THAT(told["n1"].keys(), IsEmpty());
}

TEST_F(NetworkFeedTest, AServiceThatIsRemovedOrDetachedIsGone) {
  shoal_node("n1");
  network("net1");
  swarm.service("web");
  swarm.service("db");
  for (const auto name : {"web", "db"}) attach(swarm, name, "net1");
  task("web", TaskState::Running, "n1", {"net1"});
  start();
  join("n1");
  swarm.remove(model::ServiceId::of("db"));
  swarm.edit_service("web", [](model::Service& s) {
    s.spec.task = std::make_shared<const model::TaskSpec>();
    s.endpoint = nullptr;
  });
  ASSERT_TRUE(acknowledge("n1"));
  EXPECT_FALSE(told["n1"].records.contains("net1 service db"));
  EXPECT_FALSE(told["n1"].records.contains("net1 service web"));
}

// --- the ingress network ---

struct IngressFeedTest : NetworksTest {
  void SetUp() override {
    network("ing", true);
    for (const auto node : {"n1", "n2"}) {
      shoal_node(node);
      swarm.edit_node(node, [&](model::Node& n) {
        n.attachments = {{.network = NetworkId::of("ing"),
                          .addresses = {fmt::format("10.0.0.{}/16", node[1])},
                          .aliases = {}}};
      });
    }
    swarm.service("web");
    swarm.edit_service("web", [](model::Service& s) {
      model::Endpoint endpoint;
      endpoint.ports = {published(8081, model::PublishMode::Ingress),
                        published(9000, model::PublishMode::Host)};
      s.endpoint = std::make_shared<const model::Endpoint>(endpoint);
    });
  }
};

TEST_F(IngressFeedTest, ALabelThatBindsAPortToAnAddressIsToldAndTakenBack) {
  const auto label = [this](const char* address) {
    swarm.edit_service("web", [&](model::Service& s) {
      s.spec.annotations.labels = {{"shoal.publish.8081/tcp.ip", address},
                                   {"shoal.publish.9000/tcp.ip", "10.0.0.8"}};
    });
  };
  label("10.0.0.7");
  start();
  join("n1");
  const auto bound = [this] { return told["n1"].get<model::ServiceView>("ing service web").bound; };
  EXPECT_THAT(bound(),
              ElementsAre(model::PublishAddress{8081, model::PortProtocol::Tcp, "10.0.0.7"}));
  ASSERT_TRUE(acknowledge("n1"));
  label("");
  settle();
  EXPECT_THAT(bound(), IsEmpty());
}

TEST_F(IngressFeedTest, EveryShoalNodeTakesPartAndKnowsThePublishedPorts) {
  docker_node("docker");
  const auto id = task("web", TaskState::Running, "n2", {"ing"});
  start();
  join("n1");
  EXPECT_THAT(told["n1"].keys(),
              ElementsAre("ing", "ing gateway n1", "ing service web", "ing task " + id));
  const auto& service = told["n1"].get<model::ServiceView>("ing service web");
  EXPECT_EQ(service.name, "");
  EXPECT_THAT(service.ports, ElementsAre(published(8081, model::PublishMode::Ingress)));
  EXPECT_THAT(told["n1"].get<model::EndpointView>("ing task " + id).names, IsEmpty());
  const auto& gateway = told["n1"].get<model::GatewayView>("ing gateway n1");
  EXPECT_THAT(gateway.addresses, ElementsAre("10.0.0.1/16"));
  EXPECT_EQ(gateway.host, "host-n1");
  join("docker");
  EXPECT_EQ(count("docker"), 0u);
}

TEST_F(IngressFeedTest, OnlyANodeThatRunsATaskThereKnowsTheOtherGateways) {
  start();
  join("n1");
  ASSERT_TRUE(acknowledge("n1"));
  // A node that joins is nothing to the others.
  shoal_node("n3");
  swarm.edit_node("n3", [](model::Node& n) {
    n.attachments = {
        {.network = NetworkId::of("ing"), .addresses = {"10.0.0.3/16"}, .aliases = {}}};
  });
  settle();
  EXPECT_EQ(count("n1"), 1u);
  const auto id = task("web", TaskState::Assigned, "n1", {"ing"});
  settle();
  EXPECT_THAT(told["n1"].keys(),
              ElementsAre("ing", "ing gateway n1", "ing gateway n2", "ing gateway n3",
                          "ing service web", "ing task " + id));
  ASSERT_TRUE(acknowledge("n1"));
  // Also when the task has gone, until the next session.
  observe(id, TaskState::Failed);
  swarm.remove(NodeId::of("n3"));
  settle();
  EXPECT_THAT(told["n1"].keys(),
              ElementsAre("ing", "ing gateway n1", "ing gateway n2", "ing service web"));
  join("n1");
  EXPECT_THAT(told["n1"].keys(), ElementsAre("ing", "ing gateway n1", "ing service web"));
}

TEST_F(IngressFeedTest, ANodeHearsOfItsOwnGatewayWhenItGetsAnAddress) {
  shoal_node("n3");
  start();
  join("n3");
  ASSERT_TRUE(acknowledge("n3"));
  swarm.edit_node("n3", [](model::Node& n) {
    n.attachments = {
        {.network = NetworkId::of("ing"), .addresses = {"10.0.0.3/16"}, .aliases = {}}};
  });
  settle();
  EXPECT_TRUE(told["n3"].records.contains("ing gateway n3"));
  ASSERT_TRUE(acknowledge("n3"));
  swarm.edit_node("n3", [](model::Node& n) { n.attachments.clear(); });
  settle();
  EXPECT_FALSE(told["n3"].records.contains("ing gateway n3"));
}

TEST_F(IngressFeedTest, ANodeTakesPartOnceItSaysThatItSpeaksShoal) {
  docker_node("old");
  start();
  join("old");
  swarm.edit_node("old", [](model::Node& n) { n.description.shoal_version = 1; });
  join("old");
  EXPECT_TRUE(told["old"].records.contains("ing"));
}

TEST_F(IngressFeedTest, AnIngressNetworkThatComesLaterTakesInThoseWhoPublish) {
  swarm.remove(NetworkId::of("ing"));
  start();
  join("n1");
  ASSERT_TRUE(acknowledge("n1"));
  EXPECT_THAT(told["n1"].keys(), IsEmpty());
  network("ing2", true);
  settle();
  EXPECT_THAT(told["n1"].keys(), ElementsAre("ing2", "ing2 service web"));
}

// --- sessions and versions ---

TEST_F(NetworkFeedTest, ANewSessionBeginsWithEverythingAndOldAnswersAreRefused) {
  shoal_node("n1");
  network("net1");
  swarm.service("web");
  task("web", TaskState::Running, "n1", {"net1"});
  start();
  join("n1");
  const auto old = sessions["n1"];
  const uint64_t version = messages["n1"][0].version;
  join("n1");
  ASSERT_EQ(count("n1"), 2u);
  EXPECT_TRUE(messages["n1"][1].complete);
  const auto stale = dispatcher.acknowledge_networks(NodeId::of("n1"), {old, version});
  EXPECT_EQ(stale.error(), (Error{ErrorCode::InvalidArgument, "session invalid"}));
  EXPECT_EQ(dispatcher.watch_networks(NodeId::of("n1"), old).error().message, "session invalid");
  // A late repetition within the session says nothing new.
  EXPECT_TRUE(acknowledge("n1", version));
  EXPECT_EQ(acknowledge("n1", 1'000'000).error(),
            (Error{ErrorCode::InvalidArgument,
                   fmt::format("version 1000000 was never sent, {} is the newest",
                               messages["n1"][1].version)}));
}

TEST_F(NetworkFeedTest, WhoWatchesNothingHasNothingToAcknowledge) {
  docker_node("n1");
  start();
  join("n1");
  EXPECT_EQ(acknowledge("n1", 0).error(),
            (Error{ErrorCode::FailedPrecondition, "the node watches no networks"}));
}

TEST_F(NetworkFeedTest, AfterTheSessionNothingIsSent) {
  shoal_node("n1");
  network("net1");
  swarm.service("web");
  start();
  join("n1");
  ASSERT_TRUE(acknowledge("n1"));
  dispatcher.end_session(NodeId::of("n1"), sessions["n1"]);
  task("web", TaskState::Running, "n1", {"net1"});
  settle();
  EXPECT_EQ(count("n1"), 1u);
}

TEST_F(NetworkFeedTest, ANodeThatIsTooFarBehindGetsEverything) {
  for (const auto node : {"n1", "n2"}) shoal_node(node);
  network("net1");
  swarm.service("web");
  const auto mine = task("web", TaskState::Running, "n1", {"net1"});
  start();
  join("n1");
  for (size_t i = 0; i < 2 * kMarksMin; ++i) {
    observe(task("web", TaskState::Running, "n2", {"net1"}), TaskState::Failed);
    settle();
  }
  EXPECT_EQ(count("n1"), 1u);
  ASSERT_TRUE(acknowledge("n1"));
  EXPECT_TRUE(messages["n1"].back().complete);
  EXPECT_THAT(told["n1"].keys(), ElementsAre("net1", "net1 task " + mine));
}

// Nodes that each carry the same network, and a feed of their own that they watch.
struct ManyNodes : NetworksTest {
  void make(size_t nodes, size_t tasks) {
    network("net1");
    swarm.service("web");
    for (size_t i = 0; i < nodes; ++i) {
      shoal_node(name(i));
      task("web", TaskState::Running, name(i), {"net1"});
    }
    for (size_t i = nodes; i < tasks; ++i) task("web", TaskState::Running, name(0), {"net1"});
    feed.reset(swarm.read());
    for (size_t i = 0; i < nodes; ++i) {
      feed.watch(NodeId::of(name(i)), model::SessionId::of("s"));
    }
  }
  static std::string name(size_t number) { return fmt::format("n{}", number); }
  std::vector<Outgoing> write() {
    std::vector<Outgoing> out;
    feed.write_messages(swarm.now(), out);
    return out;
  }
  // Until the feed wants no more for now.
  std::vector<Outgoing> write_all() {
    std::vector<Outgoing> all;
    while (feed.next_deadline() && *feed.next_deadline() <= swarm.now()) {
      for (auto& outgoing : write()) all.push_back(std::move(outgoing));
    }
    return all;
  }

  NetworkFeed feed;
};

TEST_F(ManyNodes, MessagesOfOneTurnAreBounded) {
  constexpr size_t kNodes = 60, kTasks = 1200;
  static_assert(kNodes * kTasks > kFeedRecordsMax && kNodes * kTasks < kFeedInFlightMax);
  make(kNodes, kTasks);
  const size_t first = write().size();
  EXPECT_LT(first, kNodes);
  EXPECT_EQ(feed.next_deadline(), Time{});
  EXPECT_EQ(first + write().size(), kNodes);
  EXPECT_EQ(feed.next_deadline(), std::nullopt);
}

TEST_F(ManyNodes, WhatIsOnItsWayIsBoundedAndNodesThatDoNotAnswerCountOnlyForAWhile) {
  constexpr size_t kNodes = 800, kTasks = 2000;
  static_assert(kNodes * kTasks > kFeedInFlightMax && kNodes * kTasks < 2 * kFeedInFlightMax);
  make(kNodes, kTasks);
  const auto first = write_all();
  EXPECT_LT(first.size(), kNodes);
  EXPECT_EQ(feed.next_deadline(), swarm.now() + kFeedPatience);
  // Each answer and each end makes room for one more.
  const auto version = std::get<model::NetworksMessage>(first[0].message).version;
  EXPECT_TRUE(feed.acknowledge(first[0].node, version));
  EXPECT_EQ(write_all().size(), 1u);
  feed.end_watch(first[1].node);
  EXPECT_EQ(write_all().size(), 1u);
  EXPECT_THAT(write(), IsEmpty());
  swarm.advance(kFeedPatience);
  EXPECT_EQ(first.size() + 2 + write_all().size(), kNodes);
  EXPECT_EQ(feed.next_deadline(), std::nullopt);
}

// What nodes end up knowing does not depend on the order of things, or on how they heard of it.
TEST_F(IngressFeedTest, ChangesLeadToWhatACompleteMessageSays) {
  network("net1");
  network("net2");
  shoal_node("n3");
  start();
  for (const auto node : {"n1", "n2", "n3"}) join(node);
  std::vector<std::string> tasks;
  for (int round = 0; round < 400; ++round) {
    const auto node = fmt::format("n{}", 1 + rng.below(3));
    switch (rng.below(6)) {
      case 0:
        tasks.push_back(task("web", TaskState::Running, node, {"net1", "ing"}));
        break;
      case 1:
        tasks.push_back(task("web", TaskState::Assigned, node, {"net2"}));
        break;
      case 2:
        if (!tasks.empty()) observe(tasks[rng.below(tasks.size())], TaskState::Failed);
        break;
      case 3:
        if (!tasks.empty()) stop(tasks[rng.below(tasks.size())]);
        break;
      case 4:
        node_state(node, rng.chance(0.3) ? model::NodeState::Down : model::NodeState::Ready);
        break;
      case 5:
        settle();
        ASSERT_TRUE(acknowledge(node));
        break;
    }
  }
  for (const auto node : {"n1", "n2", "n3"}) node_state(node, model::NodeState::Ready);
  for (int i = 0; i < 3; ++i) acknowledge_all();
  const auto by_changes = std::exchange(told, {});
  for (const auto node : {"n1", "n2", "n3"}) {
    join(node);
    for (const auto& [key, record] : told[node].records) {
      ASSERT_TRUE(by_changes.at(node).records.contains(key)) << node << " misses " << key;
      EXPECT_EQ(*by_changes.at(node).records.at(key), *record) << node << " has another " << key;
    }
    for (const auto& [key, record] : by_changes.at(node).records) {
      const bool more = !told[node].records.contains(key);
      EXPECT_TRUE(!more || key.starts_with("ing gateway")) << node << " has " << key << " too much";
    }
  }
}

}  // namespace
}  // namespace shoal::dispatcher

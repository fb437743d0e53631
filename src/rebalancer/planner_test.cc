// Where the planner moves tasks, and where it leaves them.
#include "rebalancer/planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rebalancer/picture.h"
#include "store/testing.h"

namespace shoal::rebalancer {
namespace {

using model::Availability;
using model::TaskState;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class Planning : public testing::Test, public store::Swarm {
 protected:
  // "3:n1>n3", in their order.
  std::vector<std::string> moves(std::string_view name) {
    Picture picture;
    while (!picture.build(read())) {
    }
    Planner planner(read(), service_ref(name));
    std::vector<std::string> found;
    while (const auto move = planner.next(picture.nodes(), now())) {
      found.push_back(fmt::format("{}:{}>{}", move->slot, move->from, move->to));
      planner.assume(*move, picture.nodes());
      CHECK(found.size() < kMovesMax, "it moves for ever");
    }
    return found;
  }
  void start_first(std::string_view name) {
    edit_service(name, [](model::Service& s) {
      s.spec.update = model::UpdateConfig{.order = model::UpdateOrder::StartFirst};
    });
  }
  void set_zone(std::string_view id, std::string_view zone) {
    edit_node(id, [&](model::Node& n) { n.spec.annotations.labels["zone"] = zone; });
  }
  static void prefer_zones(model::TaskSpec& spec) {
    spec.placement = model::Placement{.spread = {"node.labels.zone"}};
  }

  static constexpr size_t kMovesMax = 1000;
};

TEST_F(Planning, AnEmptyNodeGetsTheHighestSlotsOfTheFullestOnes) {
  service("web").replicas(6).running_on({"n1", "n2", "n1", "n2", "n1", "n2"});
  node("n3");
  EXPECT_THAT(moves("web"), ElementsAre("5:n1>n3", "6:n2>n3"));
  start_first("web");
  EXPECT_THAT(moves("web"), ElementsAre("5:n1>n3", "6:n2>n3"));
}

TEST_F(Planning, ADifferenceOfOneIsEven) {
  service("web").replicas(5).running_on({"n1", "n1", "n1", "n2", "n2"});
  EXPECT_THAT(moves("web"), IsEmpty());
}

TEST_F(Planning, NodesThatDoNotFitGetNothing) {
  service("web").replicas(4);
  node("n3", [](model::Node& n) { n.spec.availability = Availability::Pause; });
  node("n4", [](model::Node& n) { n.spec.availability = Availability::Drain; });
  node("n5", [](model::Node& n) { n.status.state = model::NodeState::Down; });
  node("n6", [](model::Node& n) { n.status.state = model::NodeState::Unknown; });
  for (uint64_t slot = 1; slot <= 4; ++slot) task("web", slot, TaskState::Running, "n7");
  node("n7");
  EXPECT_THAT(moves("web"), IsEmpty());
}

TEST_F(Planning, ConstraintsArePassedOnToTheScheduler) {
  node("n1");
  node("n2");
  node("n3");
  service("web")
      .replicas(4)
      .task_spec([](model::TaskSpec& spec) {
        spec.placement = model::Placement{.constraints = {"node.hostname != n3"}};
      })
      .running_on({"n1", "n1", "n1", "n1"});
  EXPECT_THAT(moves("web"), ElementsAre("4:n1>n2", "3:n1>n2"));
}

TEST_F(Planning, ReservationsBoundWhatANodeGets) {
  node("n1");
  node("n2", [](model::Node& n) { n.description.resources.nano_cpus = 1'000'000'000; });
  service("web")
      .replicas(4)
      .task_spec([](model::TaskSpec& spec) {
        spec.resources.emplace();
        spec.resources->reservations.nano_cpus = 1'000'000'000;
      })
      .running_on({"n1", "n1", "n1", "n1"});
  EXPECT_THAT(moves("web"), ElementsAre("4:n1>n2"));
}

TEST_F(Planning, APortOfTheNodeThatIsTakenIsNoPlace) {
  node("n1");
  node("n2");
  const auto endpoint = std::make_shared<const model::Endpoint>(model::Endpoint{
      .ports = {{.target_port = 80, .published_port = 80, .mode = model::PublishMode::Host}}});
  service("other").replicas(1);
  edit_service("other", [&](model::Service& s) { s.endpoint = endpoint; });
  task("other", 1, TaskState::Running, "n2");
  // Without the port at first, so that two are on a node.
  service("web").replicas(2).running_on({"n1", "n1"});
  edit_service("web", [&](model::Service& s) { s.endpoint = endpoint; });
  EXPECT_THAT(moves("web"), IsEmpty());
  node("n3");
  EXPECT_THAT(moves("web"), ElementsAre("2:n1>n3"));
}

TEST_F(Planning, NoNodeGetsMoreThanItsMaximum) {
  node("n2");
  service("web")
      .replicas(6)
      .task_spec(
          [](model::TaskSpec& spec) { spec.placement = model::Placement{.max_replicas = 1}; })
      .running_on({"n1", "n1", "n1", "n1", "n1", "n1"});
  EXPECT_THAT(moves("web"), ElementsAre("6:n1>n2"));
}

TEST_F(Planning, OfEquallyEmptyNodesTheLessBusyOneIsTaken) {
  service("other").replicas(1).running_on({"n2"});
  node("n3");
  service("web").replicas(2).running_on({"n1", "n1"});
  EXPECT_THAT(moves("web"), ElementsAre("2:n1>n3"));
}

TEST_F(Planning, ANodeThatFailedTheServiceOftenIsLeftAloneForAWhile) {
  service("web").replicas(4).running_on({"n1", "n1", "n1", "n1"});
  node("n2");
  for (uint32_t i = 0; i < scheduler::kFailuresMax; ++i) {
    const auto failed = task("web", 1, TaskState::Failed, "n2");
    edit_task(failed->id.view(),
              [](model::Task& task) { task.desired_state = TaskState::Shutdown; });
  }
  EXPECT_THAT(moves("web"), IsEmpty());
  advance(scheduler::kFailureWindow);
  EXPECT_THAT(moves("web"), ElementsAre("4:n1>n2", "3:n1>n2"));
}

TEST_F(Planning, WhatRunsOnAPausedNodeStays) {
  service("web").replicas(5).running_on({"n1", "n1", "n1", "n1", "n2"});
  node("n3");
  edit_node("n1", [](model::Node& n) { n.spec.availability = Availability::Pause; });
  EXPECT_THAT(moves("web"), IsEmpty());
}

TEST_F(Planning, SlotsThatAreNotInOrderStay) {
  node("n1");
  node("n2");
  service("web").replicas(4);
  task("web", 1, TaskState::Running, "n1");
  task("web", 2, TaskState::Starting, "n1");
  task("web", 3, TaskState::Running, "n1");
  task("web", 3, TaskState::Starting, "n1");
  task("web", 4, TaskState::Failed, "n1");
  EXPECT_THAT(moves("web"), ElementsAre("1:n1>n2"));
}

TEST_F(Planning, ASlotMovesOnceInARebalance) {
  node("n1");
  node("n2");
  service("web").replicas(3);
  task("web", 1, TaskState::Running, "n1");
  advance(1s);
  edit_service("web", [&](model::Service& s) { s.rebalance = {.started_at = now()}; });
  task("web", 2, TaskState::Running, "n1");
  task("web", 3, TaskState::Running, "n1");
  EXPECT_THAT(moves("web"), ElementsAre("1:n1>n2"));
}

TEST_F(Planning, BranchesOfAPreferenceAreEvenedFirst) {
  for (const char* id : {"n1", "n2", "n3"}) node(id);
  set_zone("n1", "a");
  set_zone("n2", "a");
  set_zone("n3", "b");
  service("web")
      .replicas(6)
      .task_spec(prefer_zones)
      .running_on({"n1", "n1", "n1", "n2", "n2", "n2"});
  EXPECT_THAT(moves("web"), ElementsAre("3:n1>n3", "6:n2>n3", "2:n1>n3"));
}

TEST_F(Planning, WithinABranchTheNodesAreEvened) {
  for (const char* id : {"n1", "n2", "n3"}) node(id);
  set_zone("n1", "b");
  set_zone("n2", "b");
  set_zone("n3", "a");
  service("web")
      .replicas(8)
      .task_spec(prefer_zones)
      .running_on({"n1", "n1", "n1", "n2", "n3", "n3", "n3", "n3"});
  EXPECT_THAT(moves("web"), ElementsAre("3:n1>n2"));
  // The old task still counts for its branch: the scheduler would take the other one.
  start_first("web");
  EXPECT_THAT(moves("web"), IsEmpty());
}

// Whatever the swarm looks like, the moves end, and no node has two more than another one.
TEST_F(Planning, AnySpreadBecomesEven) {
  Rng chance(7);
  for (int round = 0; round < 200; ++round) {
    const std::string name = fmt::format("s{}", round);
    const uint64_t nodes = 2 + chance.below(6), tasks = chance.below(30);
    for (uint64_t i = read().nodes().size(); i < nodes; ++i) node(fmt::format("n{}", i));
    service(name).replicas(tasks);
    if (chance.chance(0.5)) start_first(name);
    std::vector<int> counts(read().nodes().size());
    for (uint64_t slot = 1; slot <= tasks; ++slot) {
      const uint64_t on = chance.below(1 + chance.below(counts.size()));
      task(name, slot, TaskState::Running, fmt::format("n{}", on));
      ++counts[on];
    }
    for (const std::string& move : moves(name)) {
      const size_t from = move.find(":n"), to = move.find(">n");
      --counts[size_t(std::stoi(move.substr(from + 2)))];
      ++counts[size_t(std::stoi(move.substr(to + 2)))];
    }
    const auto [few, many] = std::ranges::minmax(counts);
    EXPECT_LE(many, few + 1) << name;
  }
}

TEST_F(Planning, APictureIsMadeInPiecesAndKeptUpToDate) {
  const size_t half = kTasksPerPiece / 2 + 1;
  service("web").replicas(3 * half);
  for (const char* id : {"n1", "n2", "n3"}) {
    node(id);
    for (size_t i = 0; i < half; ++i) task("web", 1, TaskState::Running, id);
  }
  Picture picture;
  const auto watch = store().watch([&](const store::Batch& batch) { picture.on_batch(batch); });
  EXPECT_FALSE(picture.build(read()));
  // One that was taken in, one that was not, and one that comes now.
  const auto first = task("web", 9, TaskState::Running, "n1");
  task("web", 9, TaskState::Running, "n3");
  node("n4");
  EXPECT_TRUE(picture.build(read()));
  remove(first->id);
  const auto& counts = picture.nodes().active_of(model::ServiceId::of("web"));
  const auto count = [&](std::string_view id) {
    const auto at = counts.find(picture.nodes().find(model::NodeId::of(id))->place);
    return at == counts.end() ? 0 : at->second;
  };
  EXPECT_EQ(count("n1"), half);
  EXPECT_EQ(count("n2"), half);
  EXPECT_EQ(count("n3"), half + 1);
  EXPECT_EQ(count("n4"), 0u);
  remove(model::NodeId::of("n4"));
  EXPECT_EQ(picture.nodes().size(), 3u);
}

}  // namespace
}  // namespace shoal::rebalancer

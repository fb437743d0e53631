#include "scheduler/spread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "base/rng.h"

namespace shoal::scheduler {
namespace {

using testing::ElementsAre;

// Nodes with two labels each, places in id order.
class Nodes {
 public:
  NodeInfo& add(std::string zone, std::string rack = "") {
    auto node = std::make_shared<model::Node>();
    node->id = model::NodeId::of(fmt::format("n{:04}", infos_.size()));
    node->spec.annotations.labels = {{"zone", std::move(zone)}, {"rack", std::move(rack)}};
    NodeInfo& info = infos_.emplace_back();
    info.place = Place(infos_.size() - 1);
    info.node = node;
    return info;
  }
  std::deque<NodeInfo>& all() { return infos_; }

 private:
  std::deque<NodeInfo> infos_;
};

// Places `count` tasks on nodes with room for `room[place]` more; returns the tasks by place.
std::vector<uint32_t> fill(SpreadTree& tree, size_t count, std::vector<uint32_t> tasks,
                           const std::vector<uint32_t>& room) {
  Place place = 0;
  for (size_t i = 0; i < count && tree.best(place); ++i) {
    ++tasks[place];
    if (tasks[place] < room[place]) {
      tree.placed(load_of(0, tasks[place], tasks[place]));
    } else {
      tree.placed_last();
    }
  }
  return tasks;
}

TEST(Load, FailuresWeighMoreThanTasksOfTheServiceAndThoseMoreThanAllTasks) {
  EXPECT_LT(load_of(0, 1, 99), load_of(0, 2, 0));
  EXPECT_LT(load_of(0, 99, 99), load_of(5, 0, 0));
  EXPECT_LT(load_of(5, 0, 1), load_of(5, 0, 2));
}

TEST(Load, SaturatesRatherThanSpillsOver) {
  EXPECT_LT(load_of(0, 0, UINT32_MAX), load_of(0, 1, 0));
  EXPECT_LT(load_of(0, UINT32_MAX, 0), load_of(1, 0, 0));
}

TEST(SpreadTree, WithoutAFitNodeThereIsNoBest) {
  SpreadLeaves leaves({});
  SpreadTree tree(leaves);
  tree.finish();
  Place place = 0;
  EXPECT_FALSE(tree.best(place));
}

TEST(SpreadTree, PreferencesNest) {
  Nodes nodes;
  nodes.add("a", "1"), nodes.add("a", "2"), nodes.add("a", "2"), nodes.add("b", "1");
  SpreadLeaves leaves({"node.labels.zone", "node.labels.rack"});
  SpreadTree tree(leaves);
  for (NodeInfo& info : nodes.all()) tree.add_fit_node(info, 0, load_of(0, 0, 0));
  tree.finish();
  const std::vector<uint32_t> endless(4, 1000);
  EXPECT_THAT(fill(tree, 8, {0, 0, 0, 0}, endless), ElementsAre(2, 1, 1, 4));
}

TEST(SpreadTree, TasksOnUnfitNodesCountForTheirBranch) {
  Nodes nodes;
  NodeInfo& drained = nodes.add("a");
  nodes.add("a"), nodes.add("b");
  SpreadLeaves leaves({"node.labels.zone"});
  SpreadTree tree(leaves);
  tree.add_node(drained, 2);
  tree.add_fit_node(nodes.all()[1], 0, load_of(0, 0, 0));
  tree.add_fit_node(nodes.all()[2], 0, load_of(0, 0, 0));
  tree.finish();
  EXPECT_THAT(fill(tree, 2, {0, 0, 0}, {9, 9, 9}), ElementsAre(0, 0, 2));
}

TEST(SpreadLeaves, AForgottenNodeIsReadAgain) {
  Nodes nodes;
  NodeInfo& info = nodes.add("a");
  SpreadLeaves leaves({"node.labels.zone"});
  EXPECT_EQ(leaves.path(leaves.leaf_of(info)), SpreadLeaves::Path{"a"});
  auto moved = std::make_shared<model::Node>(*info.node);
  moved->spec.annotations.labels["zone"] = "b";
  info.node = moved;
  leaves.forget_node(info.place);
  EXPECT_EQ(leaves.path(leaves.leaf_of(info)), SpreadLeaves::Path{"b"});
}

// A swarm of random shape: nodes, zones, room and tasks that are there already.
struct Random {
  explicit Random(uint64_t seed) : rng(seed) {
    const size_t count = 1 + rng.below(40), zones = 1 + rng.below(6);
    for (size_t i = 0; i < count; ++i) {
      nodes.add(fmt::format("z{}", rng.below(zones)));
      tasks.push_back(uint32_t(rng.below(4)));
      room.push_back(tasks.back() + 1 + uint32_t(rng.below(8)));
    }
    wanted = rng.below(200);
  }
  const std::string& zone(size_t i) {
    return nodes.all()[i].node->spec.annotations.labels.at("zone");
  }

  std::vector<uint32_t> run() {
    SpreadLeaves leaves({"node.labels.zone"});
    SpreadTree tree(leaves);
    for (NodeInfo& info : nodes.all()) {
      const uint32_t there = tasks[info.place];
      tree.add_fit_node(info, there, load_of(0, there, there));
    }
    tree.finish();
    return fill(tree, wanted, tasks, room);
  }

  Rng rng;
  Nodes nodes;
  std::vector<uint32_t> tasks, room;
  size_t wanted = 0;
};

constexpr uint64_t kSeeds = 500;

TEST(SpreadProperty, EveryTaskIsPlacedWhileThereIsRoomAndNoNodeGetsTooMany) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Random random(seed);
    const auto after = random.run();
    size_t placed = 0, space = 0;
    for (size_t i = 0; i < after.size(); ++i) {
      ASSERT_LE(after[i], random.room[i]) << "seed " << seed;
      placed += after[i] - random.tasks[i];
      space += random.room[i] - random.tasks[i];
    }
    ASSERT_EQ(placed, std::min(space, random.wanted)) << "seed " << seed;
  }
}

// Where a task went, no zone with room left had fewer: moving one task would not make it more even.
TEST(SpreadProperty, NoZoneGainsWhileAnotherWithRoomHasFewer) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Random random(seed);
    const auto after = random.run();
    std::map<std::string, uint32_t> tasks, gained, space;
    for (size_t i = 0; i < after.size(); ++i) {
      tasks[random.zone(i)] += after[i];
      gained[random.zone(i)] += after[i] - random.tasks[i];
      space[random.zone(i)] += random.room[i] - after[i];
    }
    for (const auto& [rich, more] : gained) {
      for (const auto& [poor, left] : space) {
        if (more == 0 || left == 0) continue;
        ASSERT_LE(tasks[rich], tasks[poor] + 1) << "seed " << seed;
      }
    }
  }
}

TEST(SpreadProperty, WithinAZoneNoNodeGainsWhileAnotherWithRoomHasFewer) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Random random(seed);
    const auto after = random.run();
    for (size_t rich = 0; rich < after.size(); ++rich) {
      if (after[rich] == random.tasks[rich]) continue;
      for (size_t poor = 0; poor < after.size(); ++poor) {
        if (random.zone(rich) != random.zone(poor) || after[poor] == random.room[poor]) continue;
        ASSERT_LE(after[rich], after[poor] + 1) << "seed " << seed;
      }
    }
  }
}

}  // namespace
}  // namespace shoal::scheduler

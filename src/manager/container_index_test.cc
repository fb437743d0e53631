#include "manager/container_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/testing.h"

namespace shoal::manager {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

struct ContainerIndexTest : testing::Test {
  ContainerIndexTest() {
    swarm.service("web");
    watch = swarm.store().watch([this](const store::Batch& batch) {
      for (const auto& change : batch.changes) index.apply(change);
    });
  }
  std::string task(const std::string& container) {
    const auto made = swarm.task("web", ++slot, model::TaskState::Running, "n1");
    swarm.edit_task(made->id.view(), [&](model::Task& one) {
      one.status.container = model::ContainerStatus{.container_id = container};
    });
    return made->id.str();
  }
  std::vector<std::string> find(std::string_view prefix, size_t limit = 10) {
    std::vector<std::string> ids;
    for (const auto& one : index.find(swarm.read(), prefix, limit)) ids.push_back(one->id.str());
    return ids;
  }

  store::Swarm swarm;
  ContainerIndex index;
  uint64_t slot = 0;
  std::unique_ptr<store::Store::Watch> watch;
};

const std::string kLong = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

TEST_F(ContainerIndexTest, FindsByTheWholeIdAndByItsStart) {
  const std::string one = task(kLong);
  const std::string other =
      task("0123ff6789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
  EXPECT_THAT(find(kLong), ElementsAre(one));
  EXPECT_THAT(find("012345"), ElementsAre(one));
  EXPECT_THAT(find("0123f"), ElementsAre(other));
  EXPECT_THAT(find("0123"), ElementsAre(one, other));
  EXPECT_EQ(find("0", 1).size(), 1u);
  EXPECT_THAT(find("ff"), ElementsAre());
}

TEST_F(ContainerIndexTest, DigitsBeyondThoseThatAreIndexedCountToo) {
  const std::string one = task(kLong);
  const std::string twin = task(kLong.substr(0, 40) + std::string(24, 'f'));
  EXPECT_THAT(find(kLong.substr(0, 40)), UnorderedElementsAre(one, twin));
  EXPECT_THAT(find(kLong.substr(0, 41)), ElementsAre(one));
  EXPECT_THAT(find(kLong.substr(0, 40) + "f"), ElementsAre(twin));
  EXPECT_THAT(find(kLong + "0"), ElementsAre());
}

TEST_F(ContainerIndexTest, WhatIsNoHexFindsNothing) {
  task(kLong);
  for (const char* text : {"", "web", "01 2", "0123456789ABCDEF", "012g", "-"}) {
    EXPECT_THAT(find(text), ElementsAre()) << text;
  }
}

TEST_F(ContainerIndexTest, FollowsChangesAndRemovals) {
  const std::string one = task(kLong);
  swarm.edit_task(one, [](model::Task& at) { at.status.container->exit_code = 3; });
  EXPECT_THAT(find("0123"), ElementsAre(one));
  swarm.edit_task(one, [](model::Task& at) { at.status.container->container_id = "ffff"; });
  EXPECT_THAT(find("0123"), ElementsAre());
  EXPECT_THAT(find("ffff"), ElementsAre(one));
  swarm.edit_task(one, [](model::Task& at) { at.status.container.reset(); });
  EXPECT_THAT(find("f"), ElementsAre());
  swarm.edit_task(one, [](model::Task& at) { at.status.container.emplace().container_id = "ab"; });
  swarm.remove(model::TaskId::of(one));
  EXPECT_THAT(find("a"), ElementsAre());
}

TEST_F(ContainerIndexTest, LoadTakesWhatIsThereInPlaceOfWhatItHad) {
  const std::string one = task(kLong);
  index.load(swarm.read());
  EXPECT_THAT(find("0123"), ElementsAre(one));
  store::Swarm empty;
  index.load(empty.read());
  EXPECT_THAT(find("0123"), ElementsAre());
}

}  // namespace
}  // namespace shoal::manager

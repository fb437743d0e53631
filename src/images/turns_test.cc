#include "images/turns.h"

#include <gmock/gmock.h>

#include <optional>
#include <vector>

namespace shoal::images {
namespace {
using ::testing::ElementsAre;

struct TurnsTest : ::testing::Test {
  struct Holder {
    std::string name;
    os::StopSource stop;
    std::optional<Result<Turns::Turn>> turn;
  };

  static os::Co<> hold(Turns& turns, std::string registry, Holder* holder) {
    holder->turn = co_await turns.take(std::move(registry), holder->stop.token());
  }
  Holder& take(const std::string& registry) {
    auto& holder = holders.emplace_back(std::make_unique<Holder>(registry));
    os::spawn(hold(turns, registry, holder.get()));
    return *holder;
  }
  std::vector<std::string> having() const {
    std::vector<std::string> names;
    for (const auto& holder : holders) {
      if (holder->turn && *holder->turn) names.push_back(holder->name);
    }
    return names;
  }

  Turns turns;
  std::vector<std::unique_ptr<Holder>> holders;
};

TEST_F(TurnsTest, OneRegistryHasItsShareAndTheOthersGoOn) {
  for (int i = 0; i < kTurnsOfOneRegistryMax; ++i) take("hangs");
  const Holder& waits = take("hangs");
  take("well");
  EXPECT_FALSE(waits.turn);
  EXPECT_THAT(having(), ElementsAre("hangs", "hangs", "hangs", "well"));
  holders[0]->turn.reset();
  EXPECT_TRUE(waits.turn && *waits.turn);
}

TEST_F(TurnsTest, AllTogetherAreBoundedAndServedInOrder) {
  for (int i = 0; i < kRegistryTurnsMax; ++i) take("r" + std::to_string(i));
  const Holder& first = take("a");
  const Holder& second = take("b");
  EXPECT_FALSE(first.turn || second.turn);
  holders[3]->turn.reset();
  EXPECT_TRUE(first.turn);
  EXPECT_FALSE(second.turn);
}

TEST_F(TurnsTest, WhoeverWaitsForAFullRegistryDoesNotHoldUpThoseBehind) {
  for (int i = 0; i < kTurnsOfOneRegistryMax; ++i) take("hangs");
  for (int i = kTurnsOfOneRegistryMax; i < kRegistryTurnsMax; ++i) take("r" + std::to_string(i));
  const Holder& of_full = take("hangs");
  const Holder& behind = take("other");
  holders[size_t{kTurnsOfOneRegistryMax}]->turn.reset();
  EXPECT_FALSE(of_full.turn);
  EXPECT_TRUE(behind.turn);
}

TEST_F(TurnsTest, WhoeverGivesUpLeavesTheQueue) {
  for (int i = 0; i < kTurnsOfOneRegistryMax; ++i) take("hangs");
  Holder& gives_up = take("hangs");
  const Holder& behind = take("hangs");
  gives_up.stop.stop();
  ASSERT_TRUE(gives_up.turn);
  EXPECT_EQ((*gives_up.turn).error().code, ErrorCode::Cancelled);
  holders[0]->turn.reset();
  EXPECT_TRUE(behind.turn && *behind.turn);
  holders[1]->stop.stop();  // It has its turn already: nothing happens.
  EXPECT_TRUE(*holders[1]->turn);
}

}  // namespace
}  // namespace shoal::images

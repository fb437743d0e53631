#include "dispatcher/heartbeats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::dispatcher {
namespace {

using model::NodeId;
using testing::ElementsAre;
using testing::IsEmpty;

const Time kStart{1'700'000'000'000'000'000};
const NodeId kA = NodeId::of("a"), kB = NodeId::of("b");

TEST(HeartbeatPeriod, IsOneSecondUpToAThousandNodesAndGrowsFromThere) {
  EXPECT_EQ(effective_heartbeat_period(0s, 0), 1s);
  EXPECT_EQ(effective_heartbeat_period(0s, 1'000), 1s);
  EXPECT_EQ(effective_heartbeat_period(0s, 10'000), 10s);
}

TEST(HeartbeatPeriod, KeepsAnExplicitValueWhateverTheNodes) {
  EXPECT_EQ(effective_heartbeat_period(5s, 1), 5s);
  EXPECT_EQ(effective_heartbeat_period(5s, 100'000), 5s);
}

TEST(HeartbeatPeriod, GraceOutlastsAnAgentsBackOff) {
  EXPECT_EQ(restart_grace(1s), 10s);
  EXPECT_EQ(restart_grace(10s), 60s);
}

TEST(HeartbeatTable, NamesASilentNodeOnceItsTimeIsOver) {
  HeartbeatTable table;
  table.beat(kB, kStart + 2s);
  table.beat(kA, kStart + 3s);
  EXPECT_EQ(table.next_deadline(), kStart + 2s);
  EXPECT_THAT(table.expire(kStart + 1s), IsEmpty());
  EXPECT_THAT(table.expire(kStart + 3s), ElementsAre(kB, kA));
  EXPECT_EQ(table.next_deadline(), std::nullopt);
}

TEST(HeartbeatTable, ABeatMovesTheDeadline) {
  HeartbeatTable table;
  table.beat(kA, kStart + 3s);
  table.beat(kA, kStart + 6s);
  EXPECT_THAT(table.expire(kStart + 5s), IsEmpty());
  EXPECT_EQ(table.next_deadline(), kStart + 6s);
}

TEST(HeartbeatTable, AManagerThatWasLateExcusesASilentNodeOnce) {
  HeartbeatTable table;
  table.beat(kA, kStart + 3s);
  table.beat(kB, kStart + 30s);
  table.excuse(kStart + 9s, kStart + 12s);
  EXPECT_THAT(table.expire(kStart + 11s), IsEmpty());
  EXPECT_EQ(table.next_deadline(), kStart + 12s);
  table.excuse(kStart + 14s, kStart + 17s);
  EXPECT_THAT(table.expire(kStart + 14s), ElementsAre(kA));
  EXPECT_EQ(table.next_deadline(), kStart + 30s);  // It was not silent.
}

TEST(HeartbeatTable, ABeatEarnsAnotherExcuse) {
  HeartbeatTable table;
  table.beat(kA, kStart + 3s);
  table.excuse(kStart + 9s, kStart + 12s);
  table.beat(kA, kStart + 13s);
  table.excuse(kStart + 20s, kStart + 23s);
  EXPECT_THAT(table.expire(kStart + 22s), IsEmpty());
}

TEST(HeartbeatTable, AForgottenNodeIsNeverSilent) {
  HeartbeatTable table;
  table.beat(kA, kStart + 3s);
  table.forget(kA);
  table.forget(kB);
  EXPECT_THAT(table.expire(kStart + 10s), IsEmpty());
}

}  // namespace
}  // namespace shoal::dispatcher

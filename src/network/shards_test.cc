#include "network/shards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "network/address.h"

namespace shoal::network {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Gt;
using ::testing::Lt;

TEST(Shards, TheFirstIsTheTableItself) {
  EXPECT_EQ(in_shard(0, "services"), "services");
  EXPECT_EQ(shard_number("services"), 0u);
  EXPECT_EQ(local_name("services"), "services");
  EXPECT_EQ(table_of("table", "services"), "table");
  EXPECT_EQ(in_shard_of("services", "chain"), "chain");
}

TEST(Shards, ANameSaysItsTable) {
  const auto name = in_shard(12, "services");
  EXPECT_EQ(name, "12/services");
  EXPECT_EQ(shard_number(name), 12u);
  EXPECT_EQ(local_name(name), "services");
  EXPECT_EQ(table_of("table", name), "table_12");
  EXPECT_EQ(in_shard_of(name, "chain"), "12/chain");
}

TEST(Shards, TablesOfOthersAreNoShards) {
  for (size_t shard = 0; shard < kShards; ++shard) {
    EXPECT_EQ(shard_of_table("table", table_of("table", in_shard(shard, ""))), shard);
  }
  for (const auto* name : {"tabl", "tables", "table_", "table_0", "table_03", "table_3x", "table_x",
                           "table_16", "table_99999999999999999999", "table_-1", "other"}) {
    EXPECT_EQ(shard_of_table("table", name), std::nullopt) << name;
  }
}

// As an allocator gives them: each service takes an address and one for each of its tasks.
TEST(Shards, AddressesAreSpreadWhateverLiesBetweenThem) {
  for (const uint32_t step : {1, 3, 8, 11, 16, 32, 256}) {
    std::array<int, kShards> counts{};
    constexpr int kAll = 10'000;
    for (uint32_t i = 0; i < kAll; ++i) {
      ++counts.at(shard_of(IpAddress::v4(10, 0, 0, 2).plus(i * step).bytes()));
    }
    EXPECT_THAT(counts, Each(AllOf(Gt(kAll / int(kShards) / 2), Lt(kAll / int(kShards) * 2))))
        << "step " << step;
  }
}

TEST(Shards, ARestartFindsEverythingInItsPlace) {
  EXPECT_EQ(shard_of(IpAddress::v4(10, 0, 1, 5).bytes()), 5u);
  EXPECT_EQ(shard_of(IpAddress::parse("fd00:1::5")->bytes()), 7u);
}

}  // namespace
}  // namespace shoal::network

#include "store/sorted_set.h"

#include <gmock/gmock.h>

#include <set>

#include "base/rng.h"

namespace shoal::store {
namespace {

using Numbers = SortedSet<uint64_t, std::less<>>;

std::vector<uint64_t> values(const Numbers& numbers) {
  std::vector<uint64_t> found;
  numbers.for_each([&](uint64_t value) { found.push_back(value); });
  return found;
}

std::vector<uint64_t> between(const Numbers& numbers, uint64_t first, uint64_t last) {
  std::vector<uint64_t> found;
  numbers.for_each_in([&](uint64_t v) { return v < first; }, [&](uint64_t v) { return v <= last; },
                      [&](uint64_t v) { found.push_back(v); });
  return found;
}

void expect_same(const Numbers& numbers, const std::set<uint64_t>& naive, Rng& rng) {
  ASSERT_EQ(values(numbers), std::vector<uint64_t>(naive.begin(), naive.end()));
  ASSERT_EQ(numbers.size(), naive.size());
  ASSERT_EQ(numbers.empty(), naive.empty());
  const uint64_t first = rng.below(5000);
  const uint64_t last = first + rng.below(1000);
  ASSERT_EQ(between(numbers, first, last),
            std::vector<uint64_t>(naive.lower_bound(first), naive.upper_bound(last)));
}

TEST(SortedSet, AgreesWithStdSetUnderRandomInsertsAndErases) {
  Rng rng(7);
  Numbers numbers;
  std::set<uint64_t> naive;
  // Grows, shrinks to nothing, and grows again, so that chunks split and join.
  for (const double keep : {0.9, 0.5, 0.05, 0.8, 0.02}) {
    for (int i = 0; i < 4000; ++i) {
      const uint64_t value = rng.below(5000);
      if (rng.chance(keep)) {
        if (naive.insert(value).second) numbers.insert(value);
      } else if (!naive.empty()) {
        auto victim = naive.lower_bound(value);
        if (victim == naive.end()) victim = naive.begin();
        numbers.erase(*victim);
        naive.erase(victim);
      }
      if (i % 100 == 0) expect_same(numbers, naive, rng);
    }
    expect_same(numbers, naive, rng);
  }
}

TEST(SortedSet, RisingAndFallingInsertsKeepTheOrder) {
  Numbers rising;
  Numbers falling;
  std::vector<uint64_t> want;
  for (uint64_t i = 0; i < 1000; ++i) {
    rising.insert(i);
    falling.insert(999 - i);
    want.push_back(i);
  }
  EXPECT_EQ(values(rising), want);
  EXPECT_EQ(values(falling), want);
}

TEST(SortedSetDeathTest, InsertingTwiceOrErasingNothingIsABrokenInvariant) {
  Numbers numbers;
  numbers.insert(5);
  EXPECT_DEATH(numbers.insert(5), "inserted twice");
  EXPECT_DEATH(numbers.erase(4), "not there");
  EXPECT_DEATH(numbers.erase(6), "not there");
}

}  // namespace
}  // namespace shoal::store

#include "base/id.h"

#include <gtest/gtest.h>

#include <set>

namespace shoal {
namespace {

using TestId = Id<struct TestTag>;

TEST(Id, RandomOnesAreTwentyFiveDigitsAndDiffer) {
  Rng rng(1);
  std::set<TestId> seen;
  for (int i = 0; i < 1000; ++i) {
    const TestId id = TestId::random(rng);
    EXPECT_EQ(id.view().size(), kIdLength);
    EXPECT_TRUE(TestId::parse(id.view()));
    EXPECT_TRUE(seen.insert(id).second);
  }
}

TEST(Id, TheSeedDecides) {
  Rng a(7), b(7);
  EXPECT_EQ(TestId::random(a), TestId::random(b));
}

TEST(Id, OrdersAsText) {
  EXPECT_LT(TestId::of("a"), TestId::of("ab"));
  EXPECT_LT(TestId::of("ab"), TestId::of("b"));
  EXPECT_EQ(TestId::of("n1"), *TestId::parse("n1"));
}

TEST(Id, RefusesWhatIsNoId) {
  EXPECT_FALSE(TestId::parse(""));
  EXPECT_FALSE(TestId::parse("no spaces"));
  EXPECT_FALSE(TestId::parse("UPPER"));
  EXPECT_FALSE(TestId::parse("abcdefghijklmnopqrstuvwxyz"));
}

}  // namespace
}  // namespace shoal

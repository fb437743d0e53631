#include "model/resources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::model {
namespace {

using testing::ElementsAre;

GenericResource count(const char* kind, int64_t number) {
  return {kind, number};
}
GenericResource name(const char* kind, const char* text) {
  return {kind, std::string(text)};
}

TEST(GenericResources, CountNamesAndNumbers) {
  const GenericResources node{count("disk", 3), name("gpu", "a"), name("gpu", "b")};
  EXPECT_EQ(generic_count(node, "disk"), 3);
  EXPECT_EQ(generic_count(node, "gpu"), 2);
  EXPECT_EQ(generic_count(node, "fpga"), 0);
}

TEST(GenericResources, FitOnlyWhenEveryKindDoes) {
  const GenericResources node{count("disk", 3), name("gpu", "a")};
  EXPECT_TRUE(has_generic(node, {}));
  EXPECT_TRUE(has_generic(node, {count("disk", 3), count("gpu", 1)}));
  EXPECT_FALSE(has_generic(node, {count("disk", 1), count("gpu", 2)}));
  EXPECT_FALSE(has_generic(node, {count("fpga", 1)}));
}

TEST(GenericResources, TheSameKindTwiceIsAddedUp) {
  EXPECT_FALSE(has_generic({count("disk", 3)}, {count("disk", 2), count("disk", 2)}));
}

TEST(GenericResources, AClaimTakesNamesInOrderAndCounts) {
  GenericResources node{name("gpu", "a"), name("gpu", "b"), count("disk", 3)};
  EXPECT_THAT(claim_generic(node, {count("gpu", 1), count("disk", 2)}),
              ElementsAre(name("gpu", "a"), count("disk", 2)));
  EXPECT_THAT(node, ElementsAre(name("gpu", "b"), count("disk", 1)));
}

TEST(GenericResources, TakingWhatIsNotThereChangesNothing) {
  GenericResources node{name("gpu", "a"), count("disk", 3)};
  take_generic(node, {name("gpu", "z"), count("fpga", 1), name("disk", "x")});
  EXPECT_THAT(node, ElementsAre(name("gpu", "a"), count("disk", 3)));
  take_generic(node, {name("gpu", "a"), count("disk", 3)});
  EXPECT_THAT(node, ElementsAre(count("disk", 0)));
}

}  // namespace
}  // namespace shoal::model

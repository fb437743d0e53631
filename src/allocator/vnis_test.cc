#include "allocator/vnis.h"

#include <gtest/gtest.h>

namespace shoal::allocator {
namespace {

using model::NetworkId;

NetworkId id(std::string_view text) {
  return NetworkId::of(text);
}

TEST(VniTable, IngressHas4096AndTheOthersFollow) {
  VniTable table;
  EXPECT_EQ(table.allocate(id("a"), false), 4097u);
  EXPECT_EQ(table.allocate(id("ingress"), true), 4096u);
  EXPECT_EQ(table.allocate(id("b"), false), 4098u);
}

TEST(VniTable, IngressHasItAgainAfterItWasMadeAnew) {
  VniTable table;
  EXPECT_EQ(table.allocate(id("ingress"), true), 4096u);
  table.release(id("ingress"));
  EXPECT_EQ(table.allocate(id("a"), false), 4097u) << "nobody else has it";
  EXPECT_EQ(table.allocate(id("another"), true), 4096u);
}

TEST(VniTable, FreedOnesComeLastTheLongestFreeFirst) {
  VniTable table(4100);
  for (const auto* name : {"a", "b", "c"}) EXPECT_TRUE(table.allocate(id(name), false));
  table.release(id("b"));
  table.release(id("a"));
  EXPECT_EQ(table.allocate(id("d"), false), 4100u);
  EXPECT_EQ(table.allocate(id("e"), false), 4098u);
  EXPECT_EQ(table.allocate(id("f"), false), 4097u);
  EXPECT_EQ(table.allocate(id("g"), false), std::nullopt);
}

TEST(VniTable, ARestartTakesOverWhatIsStoredAndFindsTheGapsInTheEnd) {
  VniTable table(4100);
  table.hold(id("a"), 4097);
  table.hold(id("c"), 4099);
  table.hold(id("twin"), 4099);
  table.release(id("twin"));
  EXPECT_EQ(table.allocate(id("d"), false), 4100u);
  EXPECT_EQ(table.allocate(id("e"), false), 4098u);
  EXPECT_EQ(table.allocate(id("f"), false), std::nullopt);
  table.release(id("nobody"));
}

}  // namespace
}  // namespace shoal::allocator

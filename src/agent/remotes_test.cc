#include "agent/remotes.h"

#include <gtest/gtest.h>

namespace shoal::agent {
namespace {

TEST(Remotes, StaysUntilItFailsThenGoesRound) {
  Remotes remotes({"a:1", "b:1", "c:1"});
  EXPECT_EQ(remotes.current(), "a:1");
  remotes.failed();
  EXPECT_EQ(remotes.current(), "b:1");
  remotes.failed();
  remotes.failed();
  EXPECT_EQ(remotes.current(), "a:1");
}

TEST(Remotes, AListReplacesAndKeepsThePresentManagerIfItCan) {
  Remotes remotes({"a:1", "b:1"});
  remotes.failed();
  EXPECT_FALSE(remotes.replace({"a:1", "b:1"}));
  EXPECT_FALSE(remotes.replace({})) << "no list at all";
  EXPECT_TRUE(remotes.replace({"c:1", "b:1", "d:1"}));
  EXPECT_EQ(remotes.current(), "b:1");
  EXPECT_TRUE(remotes.replace({"e:1"}));
  EXPECT_EQ(remotes.current(), "e:1");
  remotes.failed();
  EXPECT_EQ(remotes.current(), "e:1");
}

}  // namespace
}  // namespace shoal::agent

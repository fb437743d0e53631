#include "api/reach/remote_execs.h"

#include <gtest/gtest.h>

namespace shoal::api {
namespace {

const model::NodeId kOne = model::NodeId::of("n1"), kOther = model::NodeId::of("n2");

TEST(RemoteExecs, RemembersTheNodeOfEach) {
  RemoteExecs execs;
  EXPECT_TRUE(execs.remember("a", {.node = kOne, .tty = true}));
  EXPECT_TRUE(execs.remember("b", {.node = kOther}));
  ASSERT_TRUE(execs.find("a"));
  EXPECT_EQ(execs.find("a")->node, kOne);
  EXPECT_TRUE(execs.find("a")->tty);
  EXPECT_EQ(execs.find("b")->node, kOther);
  EXPECT_FALSE(execs.find("c"));
}

TEST(RemoteExecs, ANodeCannotTakeAnothersId) {
  RemoteExecs execs;
  EXPECT_TRUE(execs.remember("a", {.node = kOne}));
  EXPECT_EQ(execs.remember("a", {.node = kOther}).error(),
            (Error{ErrorCode::Internal, "node n2 answered with the id of another exec"}));
  EXPECT_EQ(execs.find("a")->node, kOne);
  EXPECT_EQ(execs.remember("", {.node = kOne}).error().message, "node n1 made no exec");
  EXPECT_FALSE(execs.remember(std::string(kExecIdMax + 1, 'a'), {.node = kOne}));
}

TEST(RemoteExecs, TheOldestAreForgottenFirst) {
  RemoteExecs execs;
  for (size_t i = 0; i <= kRemoteExecsMax; ++i) {
    EXPECT_TRUE(execs.remember(std::to_string(i), {.node = kOne}));
  }
  EXPECT_FALSE(execs.find("0"));
  EXPECT_TRUE(execs.find("1"));
  EXPECT_TRUE(execs.find(std::to_string(kRemoteExecsMax)));
}

}  // namespace
}  // namespace shoal::api

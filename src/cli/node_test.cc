#include "cli/node.h"

#include <gmock/gmock.h>

#include "cli/command_line.h"

namespace shoal::cli {
namespace {
using testing::HasSubstr;

TEST(Node, TheDaemonIsThatOfDockerHost) {
  EXPECT_EQ(*daemon_socket(nullptr), "/run/shoal/shoal.sock");
  EXPECT_EQ(*daemon_socket(""), "/run/shoal/shoal.sock");
  EXPECT_EQ(*daemon_socket("unix:///a/b.sock"), "/a/b.sock");
  for (const char* bad : {"tcp://10.0.0.1:2375", "unix://", "/a/b.sock"}) {
    EXPECT_THAT(daemon_socket(bad).error().message, HasSubstr("is no unix:// address")) << bad;
  }
}

TEST(Node, TasksThatEndedAreNotLeft) {
  EXPECT_EQ(*tasks_left("[]"), 0u);
  EXPECT_EQ(*tasks_left(R"([{"Status":{"State":"running"}},{"Status":{"State":"shutdown"}},)"
                        R"({"Status":{"State":"preparing"}},{"Status":{"State":"orphaned"}}])"),
            2u);
  for (const char* bad : {"", "{}", "[{}]", R"([{"Status":{"State":7}}])"}) {
    EXPECT_FALSE(tasks_left(bad)) << bad;
  }
}

TEST(Node, DrainIsReadFromTheCommandLine) {
  const auto given = parse_command_line({"node", "drain", "hostos2", "--wait", "--timeout", "9"});
  ASSERT_TRUE(given) << given.error().message;
  const auto& drain = std::get<DrainRequest>(given->command);
  EXPECT_EQ(drain.node, "hostos2");
  EXPECT_TRUE(drain.wait);
  EXPECT_EQ(drain.timeout_s, 9);
  EXPECT_THAT(parse_command_line({"node", "drain"}).error().message,
              HasSubstr("shoal node drain --help tells"));
  EXPECT_THAT(parse_command_line({"node", "drain", "x", "--timeout", "-1"}).error().message,
              HasSubstr("--timeout"));
  EXPECT_THAT(parse_command_line({"node", "drain", "--help"})->text, HasSubstr("--wait"));
}

}  // namespace
}  // namespace shoal::cli

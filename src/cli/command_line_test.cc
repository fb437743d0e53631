#include "cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

PlaygroundRequest request(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "playground");
  const auto parsed = parse_command_line(arguments);
  EXPECT_TRUE(parsed) << parsed.error().message;
  if (!parsed) return {};
  return std::get<PlaygroundRequest>(parsed->command);
}

std::string refusal(const std::vector<std::string>& arguments) {
  const auto parsed = parse_command_line(arguments);
  return parsed ? "" : parsed.error().message;
}

std::string help(const std::vector<std::string>& arguments) {
  const auto parsed = parse_command_line(arguments);
  return parsed ? parsed->text : parsed.error().message;
}

TEST(CommandLine, UpHasDefaultsAndFlags) {
  const PlaygroundRequest plain = request({"up"});
  EXPECT_EQ(plain.verb, PlaygroundVerb::Up);
  EXPECT_EQ(plain.name, "playground");
  EXPECT_EQ(plain.node_count, 3);
  EXPECT_TRUE(plain.swarm);
  EXPECT_FALSE(plain.debug);
  const PlaygroundRequest full = request({"up", "--name", "other", "--nodes", "5", "--no-swarm",
                                          "--subnet", "10.1.2.0/24", "--shoald", "/s", "-D", "-q"});
  EXPECT_EQ(full.name, "other");
  EXPECT_EQ(full.node_count, 5);
  EXPECT_FALSE(full.swarm);
  EXPECT_EQ(full.subnet, "10.1.2.0/24");
  EXPECT_EQ(full.shoald, "/s");
  EXPECT_TRUE(full.debug && full.quiet);
}

TEST(CommandLine, EachVerbIsItsOwn) {
  EXPECT_EQ(request({"down"}).verb, PlaygroundVerb::Down);
  EXPECT_EQ(request({"ls", "--all", "--format", "json"}).format, "json");
  EXPECT_EQ(request({"env", "2"}).node, 2);
  EXPECT_EQ(request({"kill", "hostos12"}).node, 12);
  EXPECT_EQ(request({"start", "1", "--name", "x"}).name, "x");
  EXPECT_EQ(request({"restart", "1"}).verb, PlaygroundVerb::Restart);
  EXPECT_EQ(request({"stop", "-t", "3", "1"}).grace_s, 3);
  EXPECT_EQ(request({"cut", "1"}).verb, PlaygroundVerb::Cut);
  EXPECT_EQ(request({"heal", "1"}).verb, PlaygroundVerb::Heal);
  EXPECT_EQ(request({"loss", "1", "0.5"}).loss_percent, 0.5);
}

TEST(CommandLine, ExecLeavesTheCommandAsItIs) {
  const PlaygroundRequest exec =
      request({"exec", "--name", "x", "2", "docker", "run", "-it", "--name", "y", "-h", "--", "z"});
  EXPECT_EQ(exec.verb, PlaygroundVerb::Exec);
  EXPECT_EQ(exec.node, 2);
  EXPECT_EQ(exec.name, "x");
  EXPECT_THAT(exec.command, ElementsAre("docker", "run", "-it", "--name", "y", "-h", "--", "z"));
  EXPECT_THAT(request({"exec", "1", "--", "ls", "-l"}).command, ElementsAre("ls", "-l"));
}

TEST(CommandLine, TheFirstProcessOfANodeIsNotForPeople) {
  const auto parsed = parse_command_line({"playground-init", "--hostname", "h", "--folder", "/f",
                                          "--", "/bin/shoald", "-H", "unix:///s"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  const auto& init = std::get<InitOptions>(parsed->command);
  EXPECT_EQ(init.hostname, "h");
  EXPECT_EQ(init.folder, "/f");
  EXPECT_THAT(init.command, ElementsAre("/bin/shoald", "-H", "unix:///s"));
  EXPECT_THAT(help({"--help"}), ::testing::Not(HasSubstr("playground-init")));
}

TEST(CommandLine, EveryCommandHasHelp) {
  EXPECT_THAT(help({"--help"}), HasSubstr("playground"));
  const std::string group = help({"playground", "--help"});
  for (const char* verb : {"up", "down", "ls", "exec", "env", "kill", "stop", "start", "restart",
                           "cut", "heal", "loss"}) {
    EXPECT_THAT(group, HasSubstr(std::string("\n  ") + verb + " "));
    EXPECT_THAT(help({"playground", verb, "--help"}),
                HasSubstr(std::string("Usage: shoal playground ") + verb + " ["));
    EXPECT_THAT(help({"playground", verb, "--help"}), HasSubstr("--name"));
  }
  EXPECT_THAT(help({"--version"}), HasSubstr("Shoal version"));
}

TEST(CommandLine, RefusesWithTheReason) {
  EXPECT_THAT(refusal({}), HasSubstr("(shoal --help tells)"));
  EXPECT_THAT(refusal({"playground"}), HasSubstr("(shoal playground --help tells)"));
  EXPECT_THAT(refusal({"playground", "sideways"}),
              HasSubstr("unknown command \"sideways\" (shoal playground --help tells)"));
  EXPECT_THAT(refusal({"playground", "up", "sideways"}),
              HasSubstr("unknown argument \"sideways\" (shoal playground up --help tells)"));
  EXPECT_THAT(refusal({"playground", "up", "--swarm"}), HasSubstr("unknown flag \"--swarm\""));
  EXPECT_THAT(refusal({"playground", "up", "--nodes", "0"}),
              HasSubstr("(shoal playground up --help tells)"));
  for (const char* nodes : {"0", "-1", "201", "x", "1.5", ""}) {
    EXPECT_THAT(refusal({"playground", "up", "--nodes", nodes}), HasSubstr("--nodes")) << nodes;
  }
  for (const char* node : {"0", "-1", "x", "hostos", "hostos0", "1x", "", "99999999999"}) {
    EXPECT_THAT(refusal({"playground", "kill", node}), HasSubstr("NODE")) << node;
  }
  for (const char* percent : {"-1", "100.1", "x", ""}) {
    EXPECT_THAT(refusal({"playground", "loss", "1", percent}), HasSubstr("PERCENT")) << percent;
  }
  EXPECT_THAT(refusal({"playground", "up", "--name", "../x"}), HasSubstr("is no name"));
  EXPECT_THAT(refusal({"playground", "exec", "1"}), HasSubstr("a command is missing"));
  EXPECT_THAT(refusal({"playground", "kill"}), HasSubstr("NODE is required"));
  EXPECT_THAT(refusal({"playground", "stop", "1", "-t", "-1"}), HasSubstr("--time"));
  EXPECT_THAT(refusal({"playground-init"}), HasSubstr("required"));
}

TEST(InitRequest, IsRestartOrStop) {
  EXPECT_FALSE(parse_init_request("restart")->stop);
  EXPECT_EQ(parse_init_request("stop 0")->grace_s, 0);
  EXPECT_EQ(parse_init_request("stop 3600")->grace_s, 3600);
  for (const char* line : {"", "stop", "stop ", "stop x", "stop -1", "stop 3601", "stop 1 ",
                           "stop 99999999999", "restart now", "reboot"}) {
    EXPECT_EQ(parse_init_request(line).error().code, ErrorCode::InvalidArgument) << line;
  }
}

}  // namespace
}  // namespace shoal::cli

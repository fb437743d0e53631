#include "cli/network.h"

#include <gmock/gmock.h>

#include "cli/command_line.h"

namespace shoal::cli {
namespace {
using testing::HasSubstr;

constexpr const char* kAnswer =
    R"({"Networks":3,"Differences":5,"Failure":"network n2: no memory","SinceStart":9,
        "Descriptions":["network bridge: add chain nat_in","add link shg0"]})";

std::string refusal(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "network");
  const auto parsed = parse_command_line(arguments);
  return parsed ? "" : parsed.error().message;
}

TEST(NetworkCommand, IsReadFromTheCommandLine) {
  const auto parsed = parse_command_line({"network", "check", "--format", "json"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(std::get<NetworkCheckRequest>(parsed->command).format, "json");
  EXPECT_THAT(refusal({"check", "--quiet", "--format", "json"}), HasSubstr("without --quiet"));
  EXPECT_THAT(refusal({"check", "web"}), HasSubstr("(shoal network check --help tells)"));
  EXPECT_THAT(refusal({}), HasSubstr("shoal network --help"));
}

TEST(NetworkCommand, ReadsWhatTheDaemonSays) {
  const auto findings = read_network_check(kAnswer);
  ASSERT_TRUE(findings) << findings.error().message;
  EXPECT_EQ(findings->differences, 5u);
  EXPECT_EQ(findings->failure, "network n2: no memory");
  for (const char* bad : {"", "[]", "{}", R"({"Networks":1,"Differences":0})",
                          R"({"Networks":"x","Differences":0,"Descriptions":[]})",
                          R"({"Networks":1,"Differences":0,"Descriptions":[1]})"}) {
    EXPECT_FALSE(read_network_check(bad)) << bad;
  }
}

TEST(NetworkCommand, ShowsTheDifferences) {
  const auto findings = *read_network_check(kAnswer);
  EXPECT_EQ(network_check_words(findings),
            "network bridge: add chain nat_in\nadd link shg0\n… and 3 more\n"
            "3 networks, 5 differences mended");
  EXPECT_EQ(network_check_words({.networks = 1}), "1 network, nothing to mend");
  EXPECT_EQ(*render(differences_table(findings), "{{.Network}}|{{.Difference}}"),
            "bridge|add chain nat_in\n|add link shg0\n");
}

}  // namespace
}  // namespace shoal::cli

#include "cli/swarm.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "cli/command_line.h"

namespace shoal::cli {
namespace {
using nlohmann::json;
using testing::HasSubstr;

SwarmJoinRequest request(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"swarm", "join"});
  const auto parsed = parse_command_line(arguments);
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed ? std::get<SwarmJoinRequest>(parsed->command) : SwarmJoinRequest{};
}

TEST(SwarmJoin, SendsWhatDockerSends) {
  const auto plain = join_body(request({"--token", "SWMTKN-1-a-b", "10.0.0.1:2377"}));
  ASSERT_TRUE(plain);
  EXPECT_EQ(json::parse(*plain), json::parse(R"({"JoinToken":"SWMTKN-1-a-b",
      "ListenAddr":"0.0.0.0:2377","AdvertiseAddr":"","DataPathAddr":"",
      "RemoteAddrs":["10.0.0.1:2377"],"Availability":"active"})"));
  const auto full = join_body(
      request({"--token", "t", "--listen-addr", "eth0:2378", "--advertise-addr", "10.0.0.2",
               "--data-path-addr", "eth1", "--availability", "Drain", "manager"}));
  ASSERT_TRUE(full);
  EXPECT_EQ(json::parse(*full), json::parse(R"({"JoinToken":"t","ListenAddr":"eth0:2378",
      "AdvertiseAddr":"10.0.0.2","DataPathAddr":"eth1","RemoteAddrs":["manager"],
      "Availability":"drain"})"));
}

TEST(SwarmJoin, TextThatIsNotUtf8IsSentAllTheSame) {
  EXPECT_TRUE(join_body(request({"--token", "\xff", "x"})));
}

TEST(SwarmJoin, RefusesWithTheReason) {
  const auto bad = join_body(request({"--token", "t", "--availability", "lazy", "x"}));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message,
            "invalid availability \"lazy\", only active, pause and drain are supported");
  EXPECT_THAT(parse_command_line({"swarm", "join"}).error().message,
              HasSubstr("(shoal swarm join --help tells)"));
  EXPECT_THAT(parse_command_line({"swarm"}).error().message,
              HasSubstr("(shoal swarm --help tells)"));
  EXPECT_THAT(parse_command_line({"swarm", "join", "a", "b"}).error().message,
              HasSubstr("unknown argument \"b\""));
}

TEST(SwarmJoin, HelpShowsTheFlagsOfDocker) {
  const auto help = parse_command_line({"swarm", "join", "--help"});
  ASSERT_TRUE(help);
  for (const char* flag : {"--token", "--advertise-addr", "--listen-addr", "--data-path-addr",
                           "--availability", "0.0.0.0:2377"}) {
    EXPECT_THAT(help->text, HasSubstr(flag));
  }
}

TEST(SwarmJoin, SaysWhatTheNodeIsNow) {
  EXPECT_EQ(*joined_words(R"({"Swarm":{"ControlAvailable":true}})"),
            "This node joined a swarm as a manager.");
  EXPECT_EQ(*joined_words(R"({"Swarm":{"ControlAvailable":false}})"),
            "This node joined a swarm as a worker.");
  for (const char* bad : {"", "{}", "[]", R"({"Swarm":7})"}) EXPECT_FALSE(joined_words(bad)) << bad;
}

}  // namespace
}  // namespace shoal::cli

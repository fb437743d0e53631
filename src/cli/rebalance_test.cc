#include "cli/rebalance.h"

#include <gmock/gmock.h>

#include "cli/api_client.h"
#include "cli/command_line.h"

namespace shoal::cli {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kAnswer =
    R"({"Services":[
      {"ID":"id2","Name":"web","State":"moving","StartedAt":"2024-01-01T00:00:00Z","Moved":1,
       "Waiting":"web.4 is starting on hostos3","Moves":[
        {"Slot":4,"Task":"t4","From":{"ID":"n1","Hostname":"hostos1"},
         "To":{"ID":"n3","Hostname":"hostos3"}},
        {"Slot":12,"Task":"t12","From":{"ID":"n2","Hostname":""},
         "To":{"ID":"n3","Hostname":"hostos3"}}]},
      {"ID":"id1","Name":"db","State":"ended","Message":"db.1 has no node","Moved":0}]})";

RebalanceRequest request(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "rebalance");
  const auto parsed = parse_command_line(arguments);
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed ? std::get<RebalanceRequest>(parsed->command) : RebalanceRequest{};
}

std::string refusal(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "rebalance");
  const auto parsed = parse_command_line(arguments);
  return parsed ? "" : parsed.error().message;
}

TEST(RebalanceCommand, IsReadFromTheCommandLine) {
  EXPECT_TRUE(request({}).services.empty());
  const auto plan = request({"web", "db", "--dry-run", "--format", "json"});
  EXPECT_THAT(plan.services, ElementsAre("web", "db"));
  EXPECT_TRUE(plan.dry_run);
  EXPECT_EQ(plan.format, "json");
  EXPECT_TRUE(request({"-d", "-q"}).detach);
  EXPECT_TRUE(request({"web", "--stop"}).stop);
  const auto help = parse_command_line({"rebalance", "--help"});
  ASSERT_TRUE(help);
  EXPECT_THAT(help->text, HasSubstr("Usage: shoal rebalance ["));
  EXPECT_THAT(help->text, HasSubstr("Interrupting the command leaves it going on"));
}

TEST(RebalanceCommand, RefusesFlagsThatDoNotGoTogether) {
  EXPECT_THAT(refusal({"--stop", "--dry-run"}), HasSubstr("--stop goes with neither"));
  EXPECT_THAT(refusal({"--stop", "-d"}), HasSubstr("--stop goes with neither"));
  EXPECT_THAT(refusal({"--format", "json"}), HasSubstr("--format needs --dry-run"));
  EXPECT_THAT(refusal({"--dry-run", "-q", "--format", "json"}), HasSubstr("without --quiet"));
  EXPECT_THAT(refusal({"--sideways"}), HasSubstr("(shoal rebalance --help tells)"));
}

TEST(RebalanceCommand, ReadsWhatTheDaemonShows) {
  const auto services = read_rebalance(kAnswer);
  ASSERT_TRUE(services) << services.error().message;
  ASSERT_EQ(services->size(), 2u);
  EXPECT_EQ((*services)[0].name, "db");
  EXPECT_FALSE((*services)[0].is_moving());
  EXPECT_EQ((*services)[0].message, "db.1 has no node");
  EXPECT_EQ((*services)[1].id, "id2");
  EXPECT_TRUE((*services)[1].is_moving());
  EXPECT_THAT((*services)[1].moves,
              ElementsAre(RebalancedService::Move{"4", "t4", "hostos1", "hostos3"},
                          RebalancedService::Move{"12", "t12", "n2", "hostos3"}));
  for (const char* bad :
       {"", "[]", "{}", R"({"Services":[{}]})", R"({"Services":[{"ID":"a","Name":"b","State":7}]})",
        R"({"Services":[{"ID":"a","Name":"b","State":"none","Moves":[{}]}]})"}) {
    EXPECT_FALSE(read_rebalance(bad)) << bad;
  }
}

TEST(RebalanceCommand, ShowsTheMovesAsATable) {
  const auto table = moves_table(*read_rebalance(kAnswer));
  EXPECT_EQ(*render(table, "{{.Service}}.{{.Slot}} {{.From}}>{{.To}}"),
            "web.4 hostos1>hostos3\nweb.12 n2>hostos3\n");
  const std::string aligned = *render(table, "");
  EXPECT_THAT(aligned, HasSubstr("SERVICE"));
  EXPECT_EQ(aligned.find("FROM") - aligned.find("SERVICE"),
            aligned.find("hostos1") - aligned.find("web"));
}

TEST(RebalanceCommand, ProgressCountsAndSaysWhatGoesOn) {
  const auto services = *read_rebalance(kAnswer);
  EXPECT_EQ(progress_of(services, 3), "1 of 3 tasks moved, web.4 is starting on hostos3");
  EXPECT_EQ(progress_of(services, 1), "1 of 1 task moved, web.4 is starting on hostos3");
  EXPECT_EQ(progress_of({services[0]}, 2), "0 of 2 tasks moved");
}

TEST(RebalanceCommand, NamesAreEscaped) {
  EXPECT_EQ(url_escaped("my web&plan=1"), "my%20web%26plan%3D1");
  EXPECT_EQ(url_escaped("a-b_c.d~e"), "a-b_c.d~e");
}

}  // namespace
}  // namespace shoal::cli

#include "cli/subnet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::cli {
namespace {

std::vector<network::Subnet> routes(const std::vector<std::string>& texts) {
  std::vector<network::Subnet> parsed;
  for (const auto& text : texts) parsed.push_back(*network::Subnet::parse(text));
  return parsed;
}

TEST(Subnet, RoutesAreReadAsIpPrintsThem) {
  const auto found = parse_routes(R"([{"dst":"default","gateway":"192.0.2.1","dev":"eth0"},
    {"dst":"192.0.2.0/24","dev":"eth0"},{"type":"local","dst":"127.0.0.1","dev":"lo"}])");
  ASSERT_TRUE(found) << found.error().message;
  std::vector<std::string> texts;
  for (const auto& route : *found) texts.push_back(route.str());
  EXPECT_THAT(texts, ::testing::ElementsAre("192.0.2.0/24", "127.0.0.1/32"));
  EXPECT_TRUE(parse_routes("[]")->empty());
}

TEST(Subnet, RoutesThatAreNoneAreRefused) {
  for (const char* text : {"", "{}", "[1]", "[{}]", R"([{"dst":1}])", R"([{"dst":"x"}])",
                           R"([{"dst":"10.0.0.0/64"}])", "[", "Error"}) {
    EXPECT_FALSE(parse_routes(text)) << text;
  }
}

TEST(Subnet, TheFirstFreeOneIsChosen) {
  EXPECT_EQ(choose_subnet({})->str(), "10.210.0.0/24");
  EXPECT_EQ(choose_subnet(routes({"10.210.0.0/24", "10.210.1.7/32", "10.210.3.0/24"}))->str(),
            "10.210.2.0/24");
  EXPECT_EQ(choose_subnet(routes({"10.210.0.0/17"}))->str(), "10.210.128.0/24");
}

TEST(Subnet, WhenNoneIsFreeTheRouteInTheWayIsNamed) {
  const auto none = choose_subnet(routes({"192.0.2.0/24", "10.0.0.0/8"}));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::Conflict);
  EXPECT_THAT(none.error().message, ::testing::HasSubstr("10.0.0.0/8"));
}

TEST(Subnet, AUsersOwnIsChecked) {
  EXPECT_EQ(check_subnet("172.30.4.0/24", routes({"10.0.0.0/8"}))->str(), "172.30.4.0/24");
  EXPECT_THAT(check_subnet("10.1.2.0/24", routes({"10.0.0.0/8"})).error().message,
              "--subnet: 10.1.2.0/24 overlaps the route to 10.0.0.0/8");
  for (const char* text : {"", "10.1.2.0", "10.1.2.0/16", "10.1.2.1/24", "fd00::/24", "x/24"}) {
    EXPECT_EQ(check_subnet(text, {}).error().code, ErrorCode::InvalidArgument) << text;
  }
}

}  // namespace
}  // namespace shoal::cli

#include "api/filters.h"

#include <gtest/gtest.h>

namespace shoal::api {
namespace {

TEST(Filters, AreReadInBothOfDockersForms) {
  const FilterValues expected{{"label", {"a", "b=c"}}, {"status", {"running"}}};
  EXPECT_EQ(*parse_filters(R"({"status":["running"],"label":["a","b=c"]})"), expected);
  EXPECT_EQ(
      *parse_filters(R"({"status":{"running":true,"dead":false},"label":{"a":true,"b=c":true}})"),
      expected);
  EXPECT_TRUE(parse_filters("")->empty());
  EXPECT_TRUE(parse_filters("{}")->empty());
  EXPECT_TRUE(parse_filters(R"({"status":[]})")->empty());
}

TEST(Filters, RefuseEverythingElse) {
  for (const char* text :
       {"[]", "nonsense", "3", R"({"a":1})", R"({"a":[1]})", R"({"a":{"b":1}})"}) {
    const auto parsed = parse_filters(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().message, "invalid filter");
  }
}

TEST(Filters, UnknownNamesAreRefused) {
  const FilterValues filters{{"colour", {"blue"}}};
  EXPECT_EQ(check_filter_names(filters, {"name", "id"}).error().message, "invalid filter 'colour'");
  EXPECT_TRUE(check_filter_names(filters, {"colour"}));
}

TEST(Filters, OneOfTheValuesIsEnoughButAllLabelsMustFit) {
  const FilterValues filters{{"name", {"a", "b"}}, {"label", {"x", "y=1"}}};
  EXPECT_TRUE(filter_allows(filters, "name", "b"));
  EXPECT_FALSE(filter_allows(filters, "name", "c"));
  EXPECT_TRUE(filter_allows(filters, "absent", "c"));
  EXPECT_TRUE(filter_allows_labels(filters, "label", {{"x", ""}, {"y", "1"}}));
  EXPECT_FALSE(filter_allows_labels(filters, "label", {{"x", ""}, {"y", "2"}}));
  EXPECT_FALSE(filter_allows_labels(filters, "label", {{"y", "1"}}));
}

TEST(Filters, NamesMatchInPartOrBetweenAnchors) {
  for (const char* pattern : {"eb", "^we", "eb$", "^web$", "/web", "^/web$", ""}) {
    EXPECT_TRUE(name_matches("web", pattern)) << pattern;
  }
  for (const char* pattern : {"^eb", "we$", "^we$", "WEB", "/eb"}) {
    EXPECT_FALSE(name_matches("web", pattern)) << pattern;
  }
}

TEST(Filters, UntilIsATimeOrADurationBeforeNow) {
  const Time now = Time{} + 100h;
  EXPECT_EQ(parse_until("1h", now), now - 1h);
  EXPECT_EQ(parse_until("1.5m", now), now - 90s);
  EXPECT_EQ(parse_until("0s", now), now);
  EXPECT_EQ(parse_until("1700000000", now), Time{1'700'000'000'000'000'000});
  EXPECT_EQ(parse_until("2023-11-14T22:13:20Z", now), Time{1'700'000'000'000'000'000});
  for (const char* text : {"", "abc", "h", "-1h", "1y", "1e300h", "1e12h", "nan", "inf", "1h30m"}) {
    const auto until = parse_until(text, now);
    ASSERT_FALSE(until) << text;
    EXPECT_EQ(until.error().message, fmt::format("invalid filter 'until={}'", text));
  }
}

}  // namespace
}  // namespace shoal::api

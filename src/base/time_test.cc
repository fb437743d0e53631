#include "base/time.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

TEST(Rfc3339, PrintsWhatItParses) {
  for (const char* text : {"2026-11-23T06:02:29Z", "2026-11-23T06:02:29.5Z",
                           "1969-12-31T23:59:59.999999999Z", "2024-02-29T00:00:00.000000001Z"}) {
    const auto time = parse_rfc3339(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(to_rfc3339(*time), text);
  }
}

TEST(Rfc3339, UnderstandsOffsets) {
  EXPECT_EQ(to_rfc3339(*parse_rfc3339("2026-01-01T01:30:00+02:00")), "2025-12-31T23:30:00Z");
}

TEST(Rfc3339, PadsTheFractionForLogs) {
  EXPECT_EQ(to_rfc3339_nano(Time{1'500'000'000}), "1970-01-01T00:00:01.500000000Z");
}

TEST(Rfc3339, RefusesWhatIsNoTime) {
  for (const char* text : {"", "yesterday", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z",
                           "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.5",
                           "2026-01-01 00:00:00Z", "2026-01-01T00:00:00+25:00"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Rfc3339, GoZeroTimeIsUnset) {
  EXPECT_FALSE(parse_rfc3339("0001-01-01T00:00:00Z")->is_set());
}

}  // namespace
}  // namespace shoal

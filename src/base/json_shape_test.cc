#include "base/json_shape.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

std::string repeat(std::string_view text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(JsonShape, TakesWhatAnObjectOfTheApiLooksLike) {
  EXPECT_TRUE(check_json_shape(""));
  EXPECT_TRUE(check_json_shape(R"({"a": [1, 2, {"b": "}]}]}"}]})"));
  EXPECT_TRUE(check_json_shape(repeat("[", kJsonDepthMax) + repeat("]", kJsonDepthMax)));
  EXPECT_TRUE(check_json_shape("[" + repeat("0,", kJsonValuesMax - 2) + "0]"));
}

TEST(JsonShape, RefusesDepth) {
  EXPECT_EQ(check_json_shape(repeat("[", kJsonDepthMax + 1)).error().message,
            "invalid JSON: exceeded max depth");
  EXPECT_FALSE(check_json_shape(repeat(R"({"a":)", kJsonDepthMax + 1)));
}

TEST(JsonShape, RefusesNumbersOfValues) {
  for (const char* value : {"0,", "[],", R"({"a":{}},)", R"("",)"}) {
    EXPECT_EQ(check_json_shape("[" + repeat(value, kJsonValuesMax) + "0]").error().message,
              "invalid JSON: more than 100000 values");
  }
}

TEST(JsonShape, BracketsInTextsAreText) {
  EXPECT_TRUE(check_json_shape("\"" + repeat("[,{", kJsonValuesMax) + "\""));
  EXPECT_TRUE(check_json_shape("\"\\\"" + repeat("[", kJsonDepthMax + 1) + "\""));
  EXPECT_TRUE(check_json_shape("\"" + repeat("[", kJsonDepthMax + 1)));  // Without an end.
}

}  // namespace
}  // namespace shoal

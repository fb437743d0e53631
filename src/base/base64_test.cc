#include "base/base64.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <utility>

namespace shoal {
namespace {

TEST(Base64, GoesBothWaysInBothAlphabets) {
  for (const auto& [bytes, text] : std::initializer_list<std::pair<const char*, const char*>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}}) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(*from_base64(text), bytes);
  }
  EXPECT_EQ(to_base64("\xff\xfe\xfd"), "//79");
  EXPECT_EQ(*from_base64("-_-_"), *from_base64("+/+/"));
  EXPECT_EQ(*from_base64("Zm8"), "fo");  // Padding may be missing.
  EXPECT_FALSE(from_base64("a"));
  EXPECT_FALSE(from_base64("a?bc"));
}

}  // namespace
}  // namespace shoal

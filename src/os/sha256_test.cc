#include "os/sha256.h"

#include <gtest/gtest.h>

namespace shoal::os {
namespace {

// The examples of FIPS 180-2.
TEST(Sha256, MatchesThePublishedExamples) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, DoesNotDependOnHowTheBytesAreCut) {
  Sha256 sum;
  sum.update("a");
  sum.update("");
  sum.update("bc");
  EXPECT_EQ(sum.finish_hex(), sha256_hex("abc"));
}

}  // namespace
}  // namespace shoal::os

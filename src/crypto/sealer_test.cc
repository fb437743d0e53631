#include "crypto/sealer.h"

#include <gmock/gmock.h>

#include <set>

#include "base/rng.h"

namespace shoal::crypto {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string error_of(const Result<std::string>& result) {
  return result ? "no error" : result.error().message;
}

TEST(Sealer, OpensWhatItSealed) {
  const auto sealer = Sealer::with_new_key();
  Rng rng(3);
  for (const size_t size : {0, 1, 15, 16, 17, 300, 100'000}) {
    std::string plain(size, '\0');
    for (char& byte : plain) byte = char(rng.next());
    const std::string sealed = sealer->seal("task abc", plain);
    EXPECT_EQ(sealed.size(), size + kSealedOverhead);
    EXPECT_EQ(uint8_t(sealed[0]), kSealedFormat);
    EXPECT_EQ(*sealer->open("task abc", sealed), plain);
  }
}

TEST(Sealer, HidesTheValueAndNeverSealsTheSameWay) {
  const auto sealer = Sealer::with_new_key();
  const std::string first = sealer->seal("a", "the secret value");
  EXPECT_THAT(first, Not(HasSubstr("secret")));
  EXPECT_NE(first, sealer->seal("a", "the secret value"));
}

TEST(Sealer, NoNonceComesTwice) {
  const auto first = Sealer::with_new_key();
  const auto second = *Sealer::from_key_text(first->key_text());
  std::set<std::string> nonces;
  for (int i = 0; i < 1000; ++i) {
    for (const Sealer* sealer : {first.get(), second.get()}) {
      nonces.insert(sealer->seal("a", "").substr(5, 12));
    }
  }
  EXPECT_EQ(nonces.size(), 2000u);
}

TEST(Sealer, EveryChangedByteIsNoticed) {
  const auto sealer = Sealer::with_new_key();
  const std::string sealed = sealer->seal("task abc", "some value");
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string bad = sealed;
    bad[i] ^= 1;
    EXPECT_FALSE(sealer->open("task abc", bad)) << i;
  }
  for (size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(sealer->open("task abc", sealed.substr(0, size))) << size;
  }
  EXPECT_FALSE(sealer->open("task abc", sealed + "x"));
}

TEST(Sealer, AnotherNameAnotherKeyAndDamageAreToldApart) {
  const auto sealer = Sealer::with_new_key();
  const auto other = Sealer::with_new_key();
  const std::string sealed = sealer->seal("task abc", "some value");
  std::string damaged = sealed, newer = sealed;
  damaged.back() ^= 1;
  newer[0] = char(kSealedFormat + 1);
  EXPECT_EQ(error_of(sealer->open("task abd", sealed)), "damaged: it does not open");
  EXPECT_EQ(error_of(sealer->open("task abc", damaged)), "damaged: it does not open");
  EXPECT_EQ(error_of(sealer->open("task abc", "\x01plain value of the same length or more.....")),
            "damaged: it is not sealed");
  EXPECT_EQ(error_of(sealer->open("task abc", "")), "damaged: it is not sealed");
  EXPECT_EQ(error_of(sealer->open("task abc", newer)),
            "sealed by a newer version (format 0x82; this one opens 0x81)");
  const auto wrong_key = other->open("task abc", sealed);
  ASSERT_FALSE(wrong_key);
  EXPECT_EQ(wrong_key.error().code, ErrorCode::FailedPrecondition);
  EXPECT_THAT(wrong_key.error().message, StartsWith("sealed with another data key ("));
}

TEST(Sealer, ItsKeyComesBackFromItsFile) {
  const auto sealer = Sealer::with_new_key();
  const std::string text = sealer->key_text();
  EXPECT_THAT(text, testing::MatchesRegex("shoal data key 1\n[A-Za-z0-9+/]{43}=\n"));
  const auto again = Sealer::from_key_text(text);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*(*again)->open("a", sealer->seal("a", "value")), "value");
  EXPECT_EQ((*again)->key_text(), text);
}

TEST(Sealer, ADamagedKeyFileIsRefused) {
  const std::string text = Sealer::with_new_key()->key_text();
  for (const std::string& bad :
       {std::string(), std::string("shoal data key 1\n"), text.substr(0, text.size() - 9),
        "shoal data key 2\n" + text.substr(17), text + "AA", text + "\n"}) {
    const auto sealer = Sealer::from_key_text(bad);
    ASSERT_FALSE(sealer) << bad;
    EXPECT_EQ(sealer.error().code, ErrorCode::InvalidArgument);
  }
}

}  // namespace
}  // namespace shoal::crypto

#include "rpc/message_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"

namespace shoal::rpc {
namespace {

using testing::HasSubstr;

std::string framed(std::string_view message) {
  const Prefix prefix = message_prefix(uint32_t(message.size()));
  return std::string(prefix.data(), prefix.size()) + std::string(message);
}

TEST(MessageReader, PutsMessagesTogetherHoweverTheyAreCut) {
  Rng rng(1);
  std::vector<std::string> sent;
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    sent.emplace_back(rng.below(i % 50 == 0 ? 40000 : 40), char('a' + i % 26));
    bytes += framed(sent.back());
  }
  MessageReader reader(65536);
  std::vector<std::string> got;
  for (size_t at = 0; at < bytes.size();) {
    const size_t size = std::min<size_t>(1 + rng.below(3000), bytes.size() - at);
    reader.put(std::string_view(bytes).substr(at, size));
    at += size;
    if (rng.below(3) == 0) continue;  // Some wait until more is there.
    while (const auto message = *reader.take()) got.push_back(*message);
  }
  while (const auto message = *reader.take()) got.push_back(*message);
  EXPECT_EQ(got, sent);
  EXPECT_TRUE(reader.at_boundary());
}

TEST(MessageReader, AnAnnouncedLengthCostsNothing) {
  MessageReader reader(size_t{1} << 30);
  reader.put(std::string("\0\x3f\xff\xff\xff", 5) + "some");
  EXPECT_FALSE(*reader.take());
  EXPECT_EQ(reader.held_bytes(), 9u);
  EXPECT_FALSE(reader.at_boundary());
}

TEST(MessageReader, RefusesTooLongAndCompressedOnesAfterTheGoodOnesBeforeThem) {
  struct Case {
    std::string bytes;
    ErrorCode code;
  };
  for (const Case& bad : {Case{framed(std::string(101, 'x')), ErrorCode::TooLarge},
                          Case{std::string("\1\0\0\0\1x", 6), ErrorCode::Unimplemented},
                          Case{std::string("\xff\0\0\0\0", 5), ErrorCode::Unimplemented}}) {
    MessageReader reader(100);
    reader.put(framed("first") + framed("second") + bad.bytes + framed("lost"));
    EXPECT_EQ(*reader.take(), "first");
    EXPECT_EQ(*reader.take(), "second");
    EXPECT_TRUE(reader.ready());
    EXPECT_EQ(reader.take().error().code, bad.code);
    reader.put(framed("lost"));
    EXPECT_EQ(reader.take().error().code, bad.code);
  }
}

}  // namespace
}  // namespace shoal::rpc

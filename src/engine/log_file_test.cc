// Logs as files: lines, tails, rotated predecessors, following.
#include "engine/log_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/rng.h"
#include "engine/log_limits.h"
#include "engine/log_records.h"
#include "engine/log_watch.h"
#include "engine/support_test.h"

namespace shoal::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::run_on;

std::string record(int second, const std::string& stream, char tag, const std::string& text) {
  return fmt::format("2026-01-01T00:00:{:02}.000000000+00:00 {} {} {}\n", second, stream, tag,
                     text);
}

Time at(int second) {
  return *parse_rfc3339(fmt::format("2026-01-01T00:00:{:02}Z", second));
}

class LogFile : public ::testing::Test {
 protected:
  LogFile() {
    char name[] = "/tmp/shoal-log-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = folder_ + "/log";
  }
  ~LogFile() override { std::filesystem::remove_all(folder_); }

  void append(const std::string& bytes, const std::string& suffix = "") {
    std::ofstream(path_ + suffix, std::ios::app) << bytes;
  }
  std::vector<std::string> read(LogQuery query) {
    const auto reader = open_log(loop_, path_, query);
    std::vector<std::string> lines;
    for (;;) {
      auto line = run_on(loop_, reader->next());
      EXPECT_TRUE(line);
      if (!line || !*line) return lines;
      lines.push_back((*line)->bytes);
    }
  }
  std::string next(LogReader& reader) {
    const auto line = run_on(loop_, reader.next());
    EXPECT_TRUE(line);
    return line && *line ? (*line)->bytes : "(end)";
  }

  os::Loop loop_{2};
  LogWatch watch_{loop_};
  std::string folder_, path_;
};

TEST(LogRecords, AreReadAndNonsenseIsRefused) {
  const auto parsed = parse_log_record("2026-01-01T00:00:01.500000000+02:00 stderr P a b");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->time, *parse_rfc3339("2025-12-31T22:00:01.5Z"));
  EXPECT_EQ(parsed->stream, OutputStream::Stderr);
  EXPECT_FALSE(parsed->complete);
  EXPECT_EQ(parsed->text, "a b");
  for (const char* line : {"", "x", "2026-01-01T00:00:01Z", "2026-01-01T00:00:01Z stdout",
                           "2026-01-01T00:00:01Z stdin F x", "2026-01-01T00:00:01Z stdout X x",
                           "2026-01-01T00:00:01Z stdout Fx", "yesterday stdout F x"}) {
    EXPECT_FALSE(parse_log_record(line)) << line;
  }
}

TEST(LogRecords, WhatIsTooLongIsPassedOver) {
  LogAssembler assembler;
  for (int i = 0; i < 100; ++i) assembler.feed(std::string(kRecordBytesMax / 10, 'x'));
  assembler.feed("the end of it\n" + record(1, "stdout", 'F', "next"));
  const auto line = assembler.take();
  ASSERT_TRUE(line);
  EXPECT_EQ(line->bytes, "next\n");
  EXPECT_FALSE(assembler.take());
}

TEST_F(LogFile, PiecesOfBothStreamsAreJoined) {
  append(record(1, "stdout", 'P', "ab") + record(2, "stderr", 'F', "oops") +
         record(3, "stdout", 'F', "cd") + record(4, "stdout", 'F', "") +
         record(5, "stderr", 'P', "half"));
  EXPECT_THAT(read({}), ElementsAre("oops\n", "abcd\n", "\n", "half"));
  EXPECT_THAT(read({.stderr_wanted = false}), ElementsAre("abcd\n", "\n"));
  EXPECT_THAT(read({.stdout_wanted = false}), ElementsAre("oops\n", "half"));
}

TEST_F(LogFile, ALongLineComesInPartsAndAHalfRecordNotAtAll) {
  const std::string piece(8192, 'x');
  append(record(1, "stdout", 'P', piece) + record(1, "stdout", 'P', piece) +
         record(1, "stdout", 'F', "y") + "2026-01-01T00:00:02.000000000+00:00 stdout F cut");
  EXPECT_THAT(read({}), ElementsAre(piece + piece, "y\n"));
}

TEST_F(LogFile, SinceAndUntilCutByTime) {
  for (int i = 1; i <= 5; ++i) append(record(i, "stdout", 'F', std::to_string(i)));
  EXPECT_THAT(read({.since = at(3)}), ElementsAre("3\n", "4\n", "5\n"));
  EXPECT_THAT(read({.until = at(2)}), ElementsAre("1\n", "2\n"));
  EXPECT_THAT(read({.since = at(2), .until = at(3)}), ElementsAre("2\n", "3\n"));
  EXPECT_THAT(read({.since = at(9)}), IsEmpty());
}

TEST_F(LogFile, TailGivesTheLastLines) {
  for (int i = 1; i <= 5; ++i) append(record(i, "stdout", 'F', std::to_string(i)));
  EXPECT_THAT(read({.tail = 2}), ElementsAre("4\n", "5\n"));
  EXPECT_THAT(read({.tail = 0}), IsEmpty());
  EXPECT_THAT(read({.tail = 99}), ElementsAre("1\n", "2\n", "3\n", "4\n", "5\n"));
  EXPECT_THAT(read({.since = at(5), .tail = 2}), ElementsAre("5\n"));
}

TEST_F(LogFile, TailKeepsLinesWholeWhosePiecesAreMixed) {
  append(record(1, "stdout", 'F', "old") + record(2, "stdout", 'P', "ab") +
         record(3, "stderr", 'F', "between") + record(4, "stdout", 'F', "cd"));
  EXPECT_THAT(read({.tail = 1}), ElementsAre("abcd\n"));
  EXPECT_THAT(read({.tail = 2}), ElementsAre("between\n", "abcd\n"));
}

TEST_F(LogFile, PredecessorsComeFirst) {
  append(record(1, "stdout", 'F', "1") + record(2, "stdout", 'F', "2"), ".2");
  append(record(3, "stdout", 'F', "3"), ".1");
  append(record(4, "stdout", 'F', "4"));
  EXPECT_THAT(read({}), ElementsAre("1\n", "2\n", "3\n", "4\n"));
  EXPECT_THAT(read({.tail = 3}), ElementsAre("2\n", "3\n", "4\n"));
  EXPECT_TRUE(remove_log(path_));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  EXPECT_TRUE(remove_log(path_));
  EXPECT_THAT(read({}), IsEmpty());
}

// Whatever the log looks like, tail n is the end of the whole.
TEST_F(LogFile, TailIsTheEndOfTheWholeForRandomLogs) {
  Rng rng(7);
  for (int round = 0; round < 20; ++round) {
    EXPECT_TRUE(remove_log(path_));
    for (int i = 0; i < 400; ++i) {
      const bool complete = rng.below(3) > 0;
      append(record(int(rng.below(60)), rng.below(4) == 0 ? "stderr" : "stdout",
                    complete ? 'F' : 'P', std::string(rng.below(2000), 'x')),
             i < 100   ? ".2"
             : i < 200 ? ".1"
                       : "");
    }
    append(record(1, "stdout", 'F', "") + record(1, "stderr", 'F', ""));
    const auto whole = read({});
    for (const uint64_t wanted : {1, 2, 10, 100, 10000}) {
      const auto tail = read({.tail = wanted});
      ASSERT_LE(tail.size(), whole.size());
      ASSERT_GE(tail.size(), std::min<size_t>(wanted, whole.size()));
      EXPECT_TRUE(std::equal(tail.rbegin(), tail.rend(), whole.rbegin()));
    }
  }
}

TEST_F(LogFile, AFollowerSeesWhatComesAndRotationsAndTheEnd) {
  append(record(1, "stdout", 'F', "1"));
  os::StopSource ended;
  const auto reader = follow_log(loop_, watch_, path_, {.follow = true}, ended.token());
  EXPECT_EQ(next(*reader), "1\n");
  loop_.post([&] { append(record(2, "stdout", 'F', "2")); });
  EXPECT_EQ(next(*reader), "2\n");
  loop_.post([&] {
    append(record(3, "stdout", 'F', "3"));
    std::filesystem::rename(path_, path_ + ".1");
    append(record(4, "stdout", 'F', "4"));
    std::filesystem::rename(path_ + ".1", path_ + ".2");
    std::filesystem::rename(path_, path_ + ".1");
    append(record(5, "stdout", 'F', "5"));
  });
  EXPECT_EQ(next(*reader), "3\n");
  EXPECT_EQ(next(*reader), "4\n");
  EXPECT_EQ(next(*reader), "5\n");
  loop_.post([&] {
    append(record(6, "stdout", 'P', "6"));
    ended.stop();
  });
  EXPECT_EQ(next(*reader), "6");
  EXPECT_EQ(next(*reader), "(end)");
}

TEST_F(LogFile, AFollowerOfAnEmptyLogStartsWithTheFile) {
  os::StopSource ended;
  const auto reader = follow_log(loop_, watch_, path_, {.follow = true}, ended.token());
  loop_.post([&] { append(record(1, "stdout", 'F', "first")); });
  EXPECT_EQ(next(*reader), "first\n");
}

TEST_F(LogFile, AFollowerEndsAtItsUntil) {
  os::StopSource ended;
  const auto reader = follow_log(loop_, watch_, path_,
                                 {.until = loop_.now() + 20ms, .follow = true}, ended.token());
  EXPECT_EQ(next(*reader), "(end)");
}

TEST(LogLimits, AreReadAsDockerDoes) {
  const auto of = [](std::string name, model::Labels options) {
    return log_limits(model::Driver{std::move(name), std::move(options)});
  };
  EXPECT_EQ(log_limits({}), (LogLimits{true, 0, 1}));
  EXPECT_EQ(of("json-file", {{"max-size", "10m"}, {"max-file", "3"}}),
            (LogLimits{true, 10'000'000, 3}));
  EXPECT_EQ(of("local", {}), (LogLimits{true, 20'000'000, 5}));
  EXPECT_EQ(of("local", {{"max-size", "1.5k"}})->bytes_max, 1500);
  EXPECT_FALSE(of("none", {})->kept);
  EXPECT_EQ(of("json-file", {{"max-size", "lots"}}).error().message, "invalid size: 'lots'");
  EXPECT_FALSE(of("json-file", {{"max-size", "-1"}}));
  EXPECT_FALSE(of("json-file", {{"max-size", "10m"}, {"max-file", "0"}}));
  EXPECT_FALSE(of("json-file", {{"max-file", "3"}}));
  EXPECT_EQ(of("json-file", {{"foo", "1"}}).error().message,
            "unknown log opt 'foo' for json-file log driver");
}

}  // namespace
}  // namespace shoal::engine

#include "api/containers/streams.h"

#include <gmock/gmock.h>

#include "api/containers/log_stream.h"
#include "api/containers/net_counters.h"

namespace shoal::api {
namespace {

using engine::OutputStream;
using testing::ElementsAre;

TEST(Streams, AFrameHasStreamAndLength) {
  EXPECT_EQ(stdcopy_frame(OutputStream::Stderr, "hi\n"), std::string("\2\0\0\0\0\0\0\3hi\n", 11));
  const std::string frame = stdcopy_frame(OutputStream::Stdout, std::string(70000, 'x'));
  EXPECT_EQ(frame.substr(0, 8), std::string("\1\0\0\0\0\1\x11\x70", 8));
}

TEST(Streams, OldClientsAndTerminalsGetTheRawType) {
  EXPECT_EQ(stream_content_type({1, 50}, false), "application/vnd.docker.multiplexed-stream");
  EXPECT_EQ(stream_content_type({1, 41}, false), "application/vnd.docker.raw-stream");
  EXPECT_EQ(stream_content_type({1, 50}, true), "application/vnd.docker.raw-stream");
}

TEST(Streams, DetachKeys) {
  EXPECT_EQ(*parse_detach_keys("ctrl-p,ctrl-q"), "\x10\x11");
  EXPECT_EQ(*parse_detach_keys("a,ctrl-[,ctrl-@"), std::string("a\x1b\0", 3));
  EXPECT_EQ(*parse_detach_keys(""), "");
  for (const char* bad : {"ctrl-", "ctrl-P", "ab", "ctrl-pq", ","}) {
    EXPECT_EQ(parse_detach_keys(bad).error().message,
              fmt::format("Invalid detach keys ({}) provided", bad));
  }
}

TEST(Streams, DetachKeysAreFoundAcrossPieces) {
  DetachWatch watch("\x10\x11");
  EXPECT_EQ(watch.put("ab"), "ab");
  EXPECT_EQ(watch.put("c\x10"), "c");  // Held back.
  EXPECT_EQ(watch.put("d"),
            "\x10"
            "d");                            // It was none.
  EXPECT_EQ(watch.put("\x10\x10"), "\x10");  // The second may begin one.
  EXPECT_EQ(watch.put("\x11"), std::nullopt);
  DetachWatch never("");
  EXPECT_EQ(never.put("\x10\x11"), "\x10\x11");
}

TEST(Logs, ALineInEachForm) {
  const engine::LogLine line{Time{1'500'000'000}, OutputStream::Stdout, "hi\n"};
  EXPECT_EQ(format_line({.tty = true}, line), "hi\n");
  EXPECT_EQ(format_line({.tty = true, .timestamps = true}, line),
            "1970-01-01T00:00:01.500000000Z hi\n");
  EXPECT_EQ(
      format_line({.tty = true, .timestamps = true, .details = true, .attributes = "a=b"}, line),
      "1970-01-01T00:00:01.500000000Z a=b hi\n");
  EXPECT_EQ(format_line({}, line), stdcopy_frame(OutputStream::Stdout, "hi\n"));
}

TEST(Logs, AttributesAreEscaped) {
  EXPECT_EQ(attributes_text({{"com.docker.swarm.node.id", "x1"}, {"k y", "a,b=c"}}),
            "com.docker.swarm.node.id=x1,k+y=a%2Cb%3Dc");
  EXPECT_EQ(attributes_text({}), "");
}

TEST(Logs, TimesAreUnixOrRfc3339) {
  EXPECT_EQ(*parse_log_time("since", "12.5"), Time{12'500'000'000});
  EXPECT_EQ(*parse_log_time("since", "12.000000001"), Time{12'000'000'001});
  EXPECT_EQ(*parse_log_time("since", "1970-01-01T00:00:02Z"), Time{2'000'000'000});
  EXPECT_EQ(*parse_log_time("since", "0"), std::nullopt);
  for (const char* bad : {"yesterday", "-1", "1.", "1.x", "1.0000000001", "99999999999999"}) {
    EXPECT_EQ(parse_log_time("since", bad).error().message,
              fmt::format("invalid value for \"since\": {}", bad));
  }
}

TEST(Logs, TheQueryNeedsAStream) {
  Request request;
  EXPECT_EQ(read_log_query(request).error().message,
            "Bad parameters: you must choose at least one stream");
  request.query = {{"stdout", "1"}, {"tail", "5"}, {"follow", "1"}};
  const auto query = read_log_query(request);
  ASSERT_TRUE(query);
  EXPECT_TRUE(query->stdout_wanted && !query->stderr_wanted && query->follow);
  EXPECT_EQ(query->tail, 5u);
  request.query = {{"stderr", "1"}, {"tail", "all"}};
  EXPECT_EQ(read_log_query(request)->tail, std::nullopt);
}

TEST(NetCounters, AreReadWithoutLoopback) {
  const auto counters = parse_net_counters(
      "Inter-|   Receive                                                |  Transmit\n"
      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs\n"
      "    lo:     100       1    0    0    0     0          0         0      100       1    0    0"
      "    0     0       0          0\n"
      "  eth0:    1296      16    0    0    0     0          0         0      500       6    0    0"
      "    0     0       0          0\n"
      "  bad: x\n");
  EXPECT_THAT(counters, ElementsAre(NetCounters{"eth0", 1296, 16, 500, 6}));
}

}  // namespace
}  // namespace shoal::api

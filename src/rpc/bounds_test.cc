// The small machines that keep a peer within its bounds.
#include <gtest/gtest.h>

#include "rpc/budget.h"
#include "rpc/frame_tracker.h"
#include "rpc/log_limiter.h"

namespace shoal::rpc {
namespace {

std::string frame_header(size_t size, char type, char flags) {
  std::string bytes(9, '\0');
  bytes[1] = char(size >> 8);
  bytes[2] = char(size);
  bytes[3] = type;
  bytes[4] = flags;
  return bytes;
}

TEST(FrameTracker, KnowsWhetherAFrameIsUnderWayHoweverItIsCut) {
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const std::string headers = frame_header(3, 1, 0) + "abc";  // no END_HEADERS
  const std::string continuation = frame_header(2, 9, 4) + "de";
  const std::string data = frame_header(4, 0, 0) + "wxyz";
  FrameTracker tracker(true);
  EXPECT_TRUE(tracker.incomplete());
  const auto put_slowly = [&](const std::string& bytes) {
    for (const char& byte : bytes) {
      tracker.put({&byte, 1});
      EXPECT_TRUE(&byte == &bytes.back() || tracker.incomplete());
    }
  };
  put_slowly(preface);
  EXPECT_FALSE(tracker.incomplete());
  put_slowly(headers);
  EXPECT_TRUE(tracker.incomplete());  // The header block goes on.
  put_slowly(continuation);
  EXPECT_FALSE(tracker.incomplete());
  put_slowly(data);
  EXPECT_FALSE(tracker.incomplete());
}

TEST(FrameTracker, PricesWhatIsOfNoUse) {
  FrameTracker tracker(true);
  tracker.put(std::string(24, 'p'));
  EXPECT_EQ(tracker.put(frame_header(0, 0, 0)), kFramePrice);  // empty data
  EXPECT_EQ(tracker.put(frame_header(0, 0, 1)), 0);            // the end of a stream
  EXPECT_EQ(tracker.put(frame_header(100, 0, 0)), -kDataWorth);
  tracker.put(std::string(100, 'd'));
  EXPECT_EQ(tracker.put(frame_header(0, 3, 0)), kResetPrice);
  EXPECT_EQ(tracker.put(frame_header(0, 4, 0)), kSettingsPrice);
  EXPECT_EQ(tracker.put(frame_header(0, 6, 0) + frame_header(0, 77, 0)), 2 * kFramePrice);
}

TEST(Budget, IsSpentAndComesBack) {
  const Time start{1'000'000'000};
  Budget budget(start);
  EXPECT_TRUE(budget.spend(kBudgetMax, start));
  EXPECT_FALSE(budget.spend(1, start));
  Budget patient(start);
  EXPECT_TRUE(patient.spend(kBudgetMax, start));
  EXPECT_TRUE(patient.spend(kBudgetPerSecond, start + 1s));
  patient.earn(10 * kBudgetMax);
  EXPECT_TRUE(patient.spend(kBudgetMax, start + 1s));  // No more than that is saved.
  EXPECT_FALSE(patient.spend(1, start + 1s));
}

TEST(LogLimiter, OnceAMinuteAndCountsTheRest) {
  LogLimiter limiter;
  const Time start{1'000'000'000};
  EXPECT_EQ(limiter.admit("a", start), 0u);
  EXPECT_EQ(limiter.admit("b", start), 0u);
  EXPECT_FALSE(limiter.admit("a", start + 1s));
  EXPECT_FALSE(limiter.admit("a", start + 59s));
  EXPECT_EQ(limiter.admit("a", start + 60s), 2u);
  EXPECT_FALSE(limiter.admit("a", start + 61s));
}

TEST(LogLimiter, ManyPeersShareOneEntry) {
  LogLimiter limiter;
  const Time start{1'000'000'000};
  int logged = 0;
  for (int i = 0; i < 100'000; ++i) {
    if (limiter.admit(std::to_string(i), start)) ++logged;
  }
  EXPECT_EQ(logged, 1025);  // 1024 entries and the one for the others.
  EXPECT_TRUE(limiter.admit("late", start + 60s));
}

}  // namespace
}  // namespace shoal::rpc

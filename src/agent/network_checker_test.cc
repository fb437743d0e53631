// When the node's networks are looked at, and what is said of it.
#include "agent/network_checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::agent {
namespace {

using netdriver::NetworkCheck;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Duration kWithin = 30s;

// Keeps what is logged, a line each.
class Lines final : public Log {
 public:
  void write(LogLevel, std::string_view sentence, Fields fields) override {
    std::string line(sentence);
    for (const auto& field : fields) line += fmt::format(" {}={}", field.key, field.value);
    lines.push_back(std::move(line));
  }
  std::vector<std::string> lines;
};

struct NetworkCheckerTest : testing::Test {
  using T = NetworkCheckerTest;

  template <class Story>
  void run(Story story) {
    auto body = [](T& t, Story& tell) -> os::Co<> {
      co_await tell(t);
      t.finished = true;
      t.loop.stop();
    };
    const auto bound = loop.at(loop.now() + kWithin, [this] { loop.stop(); });
    loop.post([&] { os::spawn(body(*this, story)); });
    loop.run();
    ASSERT_TRUE(finished) << "it hangs";
  }
  // A look that is over when the test says so.
  os::Co<NetworkCheck> slow() {
    ++begun;
    const os::OneShot<NetworkCheck> mine = answers.emplace_back();
    changed.notify();
    NetworkCheck result = co_await mine;
    co_return result;
  }
  os::Co<NetworkCheck> quick() { co_return NetworkCheck{.networks = 1}; }

  os::Loop loop{1};
  Lines log;
  Rng rng{1};
  int begun = 0;
  std::vector<os::OneShot<NetworkCheck>> answers;
  os::Signal changed;
  NetworkChecker checker{loop, log, rng, {[this] { return slow(); }, [this] { return quick(); }}};
  std::vector<NetworkCheck> seen;
  bool finished = false;
};

os::Co<> ask(NetworkCheckerTest& t) {
  const NetworkCheck result = co_await t.checker.look();
  t.seen.push_back(result);
  t.changed.notify();
}

NetworkCheck two_differences() {
  NetworkCheck check{.networks = 3};
  check.note("network n1: add bridge");
  check.note("network n1: add neighbour 10.0.1.4");
  return check;
}

TEST_F(NetworkCheckerTest, CountsAndLogsWhatWasMendedInAllKindsOfNetworks) {
  run([](T& t) -> os::Co<> {
    os::spawn(ask(t));
    t.answers.at(0).set(two_differences());
    os::spawn(ask(t));
    t.answers.at(1).set(NetworkCheck{.networks = 3});
    co_return;
  });
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].networks, 4u);
  EXPECT_EQ(seen[0].differences, 2u);
  EXPECT_EQ(seen[1].differences, 0u);
  EXPECT_EQ(checker.found(), 2u);
  EXPECT_THAT(log.lines,
              ElementsAre("networks in the kernel were not as they shall be, and were mended "
                          "differences=2 first=network n1: add bridge; network n1: add neighbour "
                          "10.0.1.4 since_start=2"));
}

TEST_F(NetworkCheckerTest, WhoAsksDuringALookSharesTheNextOne) {
  run([](T& t) -> os::Co<> {
    for (int i = 0; i < 3; ++i) os::spawn(ask(t));
    EXPECT_EQ(t.begun, 1);
    t.answers.at(0).set(two_differences());
    EXPECT_EQ(t.begun, 2);
    t.answers.at(1).set(NetworkCheck{.networks = 1});
    while (t.seen.size() < 3) (void)co_await t.changed.wait();
  });
  EXPECT_EQ(begun, 2);
  EXPECT_EQ(seen[0].differences, 2u);
  EXPECT_EQ(seen[1].differences, 0u);
  EXPECT_EQ(seen[2], seen[1]);
}

TEST_F(NetworkCheckerTest, AFailureAndMoreDifferencesThanALineHoldsAreSaidInBounds) {
  run([](T& t) -> os::Co<> {
    NetworkCheck many;
    for (int i = 0; i < 100; ++i) many.note(fmt::format("difference {}", i));
    many.fail("no memory");
    many.fail("nor anything else");
    os::spawn(ask(t));
    t.answers.at(0).set(many);
    co_return;
  });
  EXPECT_EQ(seen.at(0).differences, 100u);
  EXPECT_EQ(seen.at(0).descriptions.size(), netdriver::kDifferencesShownMax);
  EXPECT_THAT(log.lines, ElementsAre(HasSubstr("reason=no memory"),
                                     AllOf(HasSubstr("difference 4"), HasSubstr("differences=100"),
                                           Not(HasSubstr("difference 5")))));
}

TEST_F(NetworkCheckerTest, LooksByItselfOnlyUntilItIsTold) {
  const os::StopSource over;
  run([&over](T& t) -> os::Co<> {
    os::spawn(t.checker.run(over.token()));
    over.stop();
    t.checker.look_behind();
    while (t.begun == 0) (void)co_await t.changed.wait();
    t.answers.at(0).set(NetworkCheck{});
  });
  EXPECT_EQ(begun, 1);
  EXPECT_THAT(log.lines, IsEmpty());
}

}  // namespace
}  // namespace shoal::agent

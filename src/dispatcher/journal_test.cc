#include "dispatcher/journal.h"

#include <gmock/gmock.h>

namespace shoal::dispatcher {
namespace {

using model::NetworkId;
using model::TaskId;
using testing::ElementsAre;
using testing::IsEmpty;

const NetworkId kNetwork = NetworkId::of("net1");

model::EndpointView endpoint(std::string_view task, bool serving = false) {
  return {.network = kNetwork, .task = TaskId::of(task), .serving = serving};
}
model::EndpointGone gone(std::string_view task) {
  return {kNetwork, TaskId::of(task)};
}
auto is(const model::NetworkChange& change) {
  return testing::Pointee(change);
}

struct JournalTest : testing::Test {
  bool put(std::string_view task, bool serving = false) {
    return journal.put(TaskId::of(task), endpoint(task, serving), ++version);
  }
  bool remove(std::string_view task) {
    return journal.remove(TaskId::of(task), gone(task), ++version);
  }
  std::vector<Journal::Record> since(uint64_t position) {
    std::vector<Journal::Record> out;
    EXPECT_TRUE(journal.append_since(position, out));
    return out;
  }

  uint64_t version = 10;
  Journal journal{10};
};

TEST_F(JournalTest, TellsWhatIsNewInTheOrderInWhichItCame) {
  put("b");
  put("a");
  const uint64_t told = version;
  put("c");
  EXPECT_TRUE(put("b", true));
  EXPECT_THAT(since(told), ElementsAre(is(endpoint("c")), is(endpoint("b", true))));
  EXPECT_THAT(since(10),
              ElementsAre(is(endpoint("a")), is(endpoint("c")), is(endpoint("b", true))));
  EXPECT_THAT(since(version), IsEmpty());
}

TEST_F(JournalTest, WhatStaysTheSameIsNoChange) {
  EXPECT_TRUE(put("a"));
  const uint64_t told = version;
  EXPECT_FALSE(put("a"));
  EXPECT_FALSE(remove("b"));
  EXPECT_THAT(since(told), IsEmpty());
}

TEST_F(JournalTest, WhatIsGoneIsSaidToThoseWhoKnewItAndMayComeBack) {
  put("a");
  put("b");
  const uint64_t told = version;
  EXPECT_TRUE(remove("a"));
  EXPECT_FALSE(remove("a"));
  EXPECT_FALSE(journal.contains(TaskId::of("a")));
  EXPECT_EQ(journal.size(), 1u);
  EXPECT_THAT(since(told), ElementsAre(is(gone("a"))));
  std::vector<Journal::Record> all;
  journal.append_all(all);
  EXPECT_THAT(all, ElementsAre(is(endpoint("b"))));
  EXPECT_TRUE(put("a"));
  EXPECT_THAT(since(told), ElementsAre(is(endpoint("a"))));
  EXPECT_EQ(journal.size(), 2u);
}

TEST_F(JournalTest, EverythingBeginsWithTheNetworkItself) {
  put("a");
  journal.put({}, model::NetworkView{.id = kNetwork, .name = {}, .ipam = {}, .options = {}},
              ++version);
  std::vector<Journal::Record> all;
  journal.append_all(all);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<model::NetworkView>(*all[0]));
}

TEST_F(JournalTest, ARecordAloneCanBeAskedFor) {
  put("a");
  EXPECT_THAT(journal.changed_since(TaskId::of("a"), version - 1), is(endpoint("a")));
  EXPECT_EQ(journal.changed_since(TaskId::of("a"), version), nullptr);
  EXPECT_EQ(journal.changed_since(TaskId::of("b"), 0), nullptr);
}

TEST_F(JournalTest, MarksOfWhatIsGoneAreBoundedAndWhoMissedOneMustHearEverything) {
  put("stays");
  const uint64_t told = version;
  for (size_t i = 0; i < kMarksMin + 1; ++i) {
    const std::string task = "t" + std::to_string(i);
    put(task);
    remove(task);
  }
  EXPECT_EQ(since(told).size(), kMarksMin + 1);
  put("last");
  const uint64_t before = version;
  remove("last");
  std::vector<Journal::Record> out;
  EXPECT_FALSE(journal.append_since(told, out));
  EXPECT_THAT(out, IsEmpty());
  EXPECT_THAT(since(before), ElementsAre(is(gone("last"))));
}

TEST_F(JournalTest, WhoWasToldBeforeItBeganMustHearEverything) {
  std::vector<Journal::Record> out;
  EXPECT_FALSE(journal.append_since(9, out));
}

}  // namespace
}  // namespace shoal::dispatcher

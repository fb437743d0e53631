#include "agent/network_journal.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "model/testing_networks.h"

namespace shoal::agent {
namespace {

const model::NodeId kSelf = model::NodeId::of("self");

struct NetworkJournalTest : testing::Test {
  NetworkJournalTest() {
    std::string pattern = testing::TempDir() + "journal-XXXXXX";
    folder = ::mkdtemp(pattern.data());
    path = folder + "/networks";
  }
  ~NetworkJournalTest() override { std::filesystem::remove_all(folder); }

  NetworkJournal journal(std::string epoch = "boot") { return {path, std::move(epoch)}; }
  static NetworkJournal::Contents everything() {
    auto message = model::full_networks_message();
    message.version = 0;
    message.complete = true;
    return {kSelf, "10.99.0.1", std::move(message)};
  }
  static model::NetworksMessage later() {
    const model::NetworkChange gone = model::NetworkGone{model::NetworkId::of("net")};
    return {.version = 9, .data_path_port = 4790, .changes = {model::share(gone)}};
  }
  // Takes the last bytes off, as a daemon that is killed while it writes.
  void cut(size_t bytes) const {
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - bytes);
  }

  std::string folder, path;
};

TEST_F(NetworkJournalTest, TheNextDaemonReadsAllOfItAsOneMessage) {
  auto first = journal();
  ASSERT_TRUE(first.write(everything()));
  ASSERT_TRUE(first.append(later()));
  const auto read = journal().read();
  ASSERT_TRUE(read && *read) << (read ? "nothing" : read.error().message);
  auto expected = everything();
  expected.message.data_path_port = 4790;
  expected.message.changes.push_back(later().changes[0]);
  EXPECT_EQ(**read, expected);
}

TEST_F(NetworkJournalTest, WritingReplacesWhatWasThere) {
  auto first = journal();
  ASSERT_TRUE(first.write(everything()));
  ASSERT_TRUE(first.append(later()));
  ASSERT_TRUE(first.write(everything()));
  EXPECT_EQ(**journal().read(), everything());
}

TEST_F(NetworkJournalTest, AMessageThatWasWrittenInPartDoesNotCount) {
  auto first = journal();
  ASSERT_TRUE(first.write(everything()));
  ASSERT_TRUE(first.append(later()));
  cut(1);
  EXPECT_EQ(**journal().read(), everything());
}

TEST_F(NetworkJournalTest, WhatIsOfAnotherBootIsNothing) {
  ASSERT_TRUE(journal().write(everything()));
  const auto read = journal("another").read();
  ASSERT_TRUE(read);
  EXPECT_FALSE(*read);
}

TEST_F(NetworkJournalTest, WithoutAFileThereIsNothing) {
  const auto read = journal().read();
  ASSERT_TRUE(read);
  EXPECT_FALSE(*read);
  EXPECT_EQ(journal().append(later()).error().code, ErrorCode::FailedPrecondition);
  EXPECT_TRUE(journal().remove());
}

TEST_F(NetworkJournalTest, ADamagedFileSaysSo) {
  std::ofstream(path) << "something else that stands there";
  EXPECT_FALSE(journal().read());
  ASSERT_TRUE(journal().write(everything()));
  const std::string frame{"\3\0\0\0\xff\xff\xff", 7};  // No message of ours begins so.
  std::ofstream(path, std::ios::app | std::ios::binary) << frame;
  const auto read = journal().read();
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("is damaged"), std::string::npos);
}

TEST_F(NetworkJournalTest, ItAsksToBeWrittenAgainWhenItHasGrown) {
  auto first = journal();
  ASSERT_TRUE(first.write(everything()));
  size_t messages = 0;
  while (!first.is_long()) {
    ASSERT_TRUE(first.append(everything().message));
    ASSERT_LT(++messages, 100'000u);
  }
  EXPECT_GT(messages, 2u);
  ASSERT_TRUE(first.write(everything()));
  EXPECT_FALSE(first.is_long());
}

TEST_F(NetworkJournalTest, AFolderThatIsNotThereIsAnError) {
  NetworkJournal lost(folder + "/not/there", "boot");
  EXPECT_FALSE(lost.write(everything()));
}

}  // namespace
}  // namespace shoal::agent

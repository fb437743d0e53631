#include "state/backup/backup.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "os/file.h"
#include "state/backup/archive.h"
#include "state/sqlite/testing.h"

namespace shoal::state {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr Time kNow{1'790'000'000'000'000'000};

struct BackupTest : testing::Test {
  BackupTest() {
    CHECK(os::make_folders(swarm + "/certificates"));
    CHECK(os::write_file(swarm + "/node.json", "{}"));
    CHECK(os::write_file(swarm + "/certificates/root.crt", "a certificate", 0644));
    auto manager = open_ok(swarm + "/state.db");
    fill(*manager);
  }
  void back_up() {
    const auto summary = write_backup(swarm, file, kNow);
    CHECK(summary, "{}", summary ? "" : summary.error().message);
  }
  std::string error_of_restore() {
    const auto summary = restore_backup(file, restored);
    return summary ? "no error" : summary.error().message;
  }
  bool exists(const std::string& path) { return std::filesystem::exists(path); }

  Folder folder;
  std::string swarm = folder.path + "/data/swarm", file = folder.path + "/backup",
              restored = folder.path + "/data/restored";
};

TEST_F(BackupTest, AllIsThereAfterRestoring) {
  const auto written = write_backup(swarm, file, kNow);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(written->file_count, 4u);  // identity, certificate, data key, database
  EXPECT_EQ(written->object_count, 7u);
  EXPECT_TRUE(written->has_database);

  const auto summary = restore_backup(file, restored);
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->made_at, kNow);
  EXPECT_EQ(summary->file_count, 4u);
  EXPECT_EQ(summary->object_count, 7u);
  EXPECT_EQ(*os::read_file(restored + "/node.json"), "{}");
  EXPECT_EQ(*os::read_file(restored + "/certificates/root.crt"), "a certificate");
  const auto before = open_ok(swarm + "/state.db"), after = open_ok(restored + "/state.db");
  EXPECT_EQ(after->store->newest_version(), before->store->newest_version());
  EXPECT_EQ(*after->store->read().clusters().by_name("default"),
            *before->store->read().clusters().by_name("default"));
  EXPECT_EQ(after->store->read().tasks().size(), 3u);
}

TEST_F(BackupTest, TheFileIsForItsOwnerAndNothingElseIsLeft) {
  back_up();
  struct stat info;
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_FALSE(exists(file + ".parts"));
  EXPECT_FALSE(exists(file + ".new"));
  EXPECT_EQ(error_of_restore(), "no error");
  EXPECT_FALSE(exists(restored + ".restoring"));
  ASSERT_EQ(::stat((restored + "/state.db").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat(restored.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(BackupTest, MayBeTakenWhileTheEngineWritesAndHoldsOneMoment) {
  const auto manager = open_ok(swarm + "/state.db");
  const auto first = manager->store->newest_version();
  std::atomic<bool> done = false;
  Result<BackupSummary> summary;
  // Each batch has two services: a backup with one of them would not be of one moment.
  std::thread backup([&] {
    for (int i = 0; i < 5; ++i) {
      summary = write_backup(swarm, file, kNow);
      if (!summary) break;
    }
    done = true;
  });
  for (int i = 0; !done; ++i) {
    CHECK(manager->write([&](store::WriteTx& tx) -> Result<void> {
      RETURN_IF_ERROR(tx.create(service(fmt::format("a{}", i))));
      return tx.create(service(fmt::format("b{}", i)));
    }));
    CHECK(manager->settle());
  }
  backup.join();
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_FALSE(manager->store->failure());
  EXPECT_EQ(error_of_restore(), "no error");
  const auto copy = open_ok(restored + "/state.db");
  EXPECT_EQ(copy->store->read().services().size(), 1 + 2 * (copy->store->newest_version() - first));
  EXPECT_GT(copy->store->newest_version(), first);
}

TEST_F(BackupTest, AWorkerHasNoDatabase) {
  for (const char* name : {"state.db", "data.key"}) std::filesystem::remove(swarm + "/" + name);
  const auto written = write_backup(swarm, file, kNow);
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_FALSE(written->has_database);
  EXPECT_EQ(error_of_restore(), "no error");
  EXPECT_FALSE(exists(restored + "/state.db"));
}

TEST_F(BackupTest, AManagerThatLostItsDatabaseIsNoWorker) {
  back_up();
  std::filesystem::remove(swarm + "/state.db");
  EXPECT_EQ(write_backup(swarm, file, kNow).error().message,
            "the copy cannot be used: state.db is missing");
  EXPECT_EQ(error_of_restore(), "no error") << "the older backup is still there";
}

TEST_F(BackupTest, ANodeInNoSwarmHasNothingToBackUp) {
  std::filesystem::remove(swarm + "/node.json");
  EXPECT_EQ(write_backup(swarm, file, kNow).error().message,
            swarm + ": this node is in no swarm, there is nothing to back up");
  EXPECT_FALSE(exists(file));
}

TEST_F(BackupTest, ADatabaseThatCannotBeReadIsNotBackedUpOverAGoodBackup) {
  back_up();
  const std::string good = *os::read_file(file);
  {
    auto database = *Database::open(swarm + "/state.db");
    ASSERT_TRUE(database.run("UPDATE service SET value = substr(value, 1, 40)"));
  }
  const auto bad = write_backup(swarm, file, kNow);
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, StartsWith("the copy cannot be used: "));
  EXPECT_THAT(bad.error().message, HasSubstr("service service1: damaged: it does not open"));
  EXPECT_EQ(*os::read_file(file), good);
}

TEST_F(BackupTest, ASwarmThatIsThereIsNeverReplaced) {
  back_up();
  EXPECT_EQ(restore_backup(file, swarm).error(),
            (Error{ErrorCode::Conflict, swarm + " is there: this node has a swarm already; leave "
                                                "it, or move that folder away"}));
  EXPECT_EQ(open_ok(swarm + "/state.db")->store->read().tasks().size(), 3u);
}

TEST_F(BackupTest, WhatARestoreThatWasInterruptedLeftIsNoHindrance) {
  back_up();
  CHECK(os::make_folders(restored + ".restoring/old"));
  CHECK(os::make_folders(restored));  // Empty.
  EXPECT_EQ(error_of_restore(), "no error");
  EXPECT_FALSE(exists(restored + "/old"));
}

TEST_F(BackupTest, ABadFileChangesNothing) {
  back_up();
  const std::string good = *os::read_file(file);
  const struct {
    std::string bytes;
    const char* reason;
  } cases[] = {{"", "not a backup of Shoal"},
               {good.substr(0, good.size() / 2), "damaged: it is cut short"},
               {good + "x", "damaged: bytes follow its end"},
               {std::string(good).replace(good.size() / 2, 1, "?!"), "damaged"}};
  for (const auto& [bytes, reason] : cases) {
    ASSERT_TRUE(os::write_file(file, bytes));
    EXPECT_THAT(error_of_restore(), HasSubstr(reason));
    EXPECT_FALSE(exists(restored));
    EXPECT_FALSE(exists(restored + ".restoring"));
  }
  std::filesystem::remove(file);
  EXPECT_THAT(error_of_restore(), HasSubstr("No such file"));
}

// Its checksum is right, and it is of no use all the same.
TEST_F(BackupTest, ABackupWhoseDatabaseDoesNotOpenChangesNothing) {
  {
    auto database = *Database::open(swarm + "/state.db");
    ASSERT_TRUE(database.run("UPDATE task SET value = substr(value, 1, 40) WHERE id = 'task2'"));
  }
  ASSERT_TRUE(write_archive(file, swarm, {"node.json", "data.key", "state.db"}, kNow));
  EXPECT_THAT(error_of_restore(), HasSubstr("task task2: damaged: it does not open"));
  ASSERT_TRUE(write_archive(file, swarm, {"node.json", "state.db"}, kNow));
  EXPECT_THAT(error_of_restore(), HasSubstr("data.key is missing"));
  ASSERT_TRUE(write_archive(file, swarm, {"data.key", "state.db"}, kNow));
  EXPECT_EQ(error_of_restore(), file + ": node.json is missing");
  {
    auto database = *Database::open(swarm + "/state.db");
    ASSERT_TRUE(database.run("PRAGMA user_version = 99"));
  }
  ASSERT_TRUE(write_archive(file, swarm, {"node.json", "data.key", "state.db"}, kNow));
  EXPECT_THAT(error_of_restore(), HasSubstr("written by a newer version (schema 99"));
  EXPECT_FALSE(exists(restored));
}

}  // namespace
}  // namespace shoal::state

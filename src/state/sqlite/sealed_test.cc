// What is on the disk is sealed, and what becomes of a database whose key or values are wrong.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "os/file.h"
#include "state/sqlite/data_key.h"
#include "state/sqlite/schema.h"
#include "state/sqlite/testing.h"

namespace shoal::state {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::vector<std::string> kSecrets{"SWMTKN-1-w", "BEGIN PRIVATE KEY", "PASSWORD=hidden",
                                        "a service that was removed"};

struct SealedTest : testing::Test {
  void fill_with_secrets(Manager& manager) {
    fill(manager);
    model::Service with_env = service("with-env");
    with_env.spec.task = std::make_shared<model::TaskSpec>();
    auto task = std::make_shared<model::TaskSpec>();
    task->container.env = {kSecrets[2]};
    with_env.spec.task = task;
    manager.create(with_env);
    model::Service removed = service("removed");
    removed.spec.annotations.labels["is"] = kSecrets[3];
    manager.create(removed);
    ASSERT_TRUE(manager.settle());
    ASSERT_TRUE(manager.write(
        [](store::WriteTx& tx) { return tx.remove(model::ServiceId::of("removed")); }));
    ASSERT_TRUE(manager.settle());
  }
  // The secrets that can be read in any file of the folder.
  std::vector<std::string> found_secrets() {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path + "/state")) {
      const std::string bytes = *os::read_file(entry.path());
      for (const auto& secret : kSecrets) {
        if (bytes.find(secret) != std::string::npos) {
          found.push_back(entry.path().filename().string() + ": " + secret);
        }
      }
    }
    return found;
  }
  Database database() { return std::move(*Database::open(folder.file())); }
  void run(const std::string& sql) {
    auto open = database();
    const auto result = open.run(sql);
    ASSERT_TRUE(result) << result.error().message;
  }
  // Turns the values of the tables back into what the first version wrote.
  void unseal(const std::vector<RecordKind>& kinds) {
    auto open = database();
    const auto sealer = *read_data_key(folder.file());
    for (const RecordKind kind : kinds) {
      std::vector<Row> rows;
      {
        auto all = *Statement::prepare(open, fmt::format("SELECT * FROM {}", to_string(kind)));
        while (*all.step()) {
          rows.push_back({kind, all.number(0), std::string(all.bytes(1)), {}});
          rows.back().value = *sealer->open(rows.back().name(), all.bytes(2));
        }
      }
      const auto sql = fmt::format("UPDATE {} SET value = ?2 WHERE number = ?1", to_string(kind));
      auto put = *Statement::prepare(open, sql);
      for (const Row& row : rows) {
        put.bind(1, row.number);
        put.bind_blob(2, *row.value);
        ASSERT_TRUE(put.run());
      }
    }
    ASSERT_TRUE(open.run("PRAGMA user_version = 1"));
  }
  void make_schema_1() {
    fill_with_secrets(*open_ok(folder.file()));
    unseal({RecordKind::Cluster, RecordKind::Node, RecordKind::Service, RecordKind::Network,
            RecordKind::SharedSpec, RecordKind::Task});
    run("PRAGMA secure_delete = OFF;"
        "CREATE TABLE waste (a); INSERT INTO waste VALUES ('a service that was removed');"
        "DROP TABLE waste; ALTER TABLE head DROP COLUMN key_check");
    std::filesystem::remove(key_file());
  }
  std::string key_file() { return folder.path + "/state/data.key"; }

  Folder folder;
};

TEST_F(SealedTest, NoSecretIsInTheClearWhileTheEngineWorksNorAfter) {
  auto manager = open_ok(folder.file());
  fill_with_secrets(*manager);
  EXPECT_THAT(found_secrets(), testing::IsEmpty());
  manager.reset();
  EXPECT_THAT(found_secrets(), testing::IsEmpty());
  EXPECT_TRUE(open_ok(folder.file())->store->read().services().by_name("with-env"));
}

TEST_F(SealedTest, TheKeyIsForItsOwnerOnly) {
  open_ok(folder.file());
  struct stat info;
  ASSERT_EQ(::stat(key_file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(SealedTest, AValueInAnotherRowIsNoticed) {
  {
    const auto manager = open_ok(folder.file());
    manager->create(service("a"));
    manager->create(service("b"));
    ASSERT_TRUE(manager->settle());
  }
  run("UPDATE service SET value = (SELECT value FROM service WHERE id = 'a') WHERE id = 'b'");
  EXPECT_EQ(open_error(folder.file()), folder.file() + ": service b: damaged: it does not open");
}

TEST_F(SealedTest, AMissingKeyIsNamedAndNeverReplaced) {
  fill(*open_ok(folder.file()));
  std::filesystem::rename(key_file(), key_file() + ".away");
  const auto manager = Manager::open(folder.file());
  ASSERT_FALSE(manager);
  EXPECT_EQ(manager.error().code, ErrorCode::FailedPrecondition);
  EXPECT_EQ(manager.error().message,
            fmt::format("{} is missing: {} is sealed with the key in it and cannot be read; put "
                        "that file back",
                        key_file(), folder.file()));
  EXPECT_FALSE(std::filesystem::exists(key_file()));
  std::filesystem::rename(key_file() + ".away", key_file());
  open_ok(folder.file());
}

TEST_F(SealedTest, AnotherKeyIsToldFromDamage) {
  fill(*open_ok(folder.file()));
  const std::string key = *os::read_file(key_file());
  ASSERT_TRUE(os::write_file(key_file(), crypto::Sealer::with_new_key()->key_text()));
  EXPECT_THAT(open_error(folder.file()),
              StartsWith(fmt::format("{} is not the key of {}: sealed with another data key (",
                                     key_file(), folder.file())));
  ASSERT_TRUE(os::write_file(key_file(), key.substr(0, 30)));
  EXPECT_EQ(open_error(folder.file()), key_file() + ": the data key is damaged");
  ASSERT_TRUE(os::write_file(key_file(), std::string(5000, 'x')));
  EXPECT_EQ(open_error(folder.file()), key_file() + " is larger than 4096 bytes");
  ASSERT_TRUE(os::write_file(key_file(), key));
  run("UPDATE head SET key_check = substr(key_check, 1, 34) || x'00'");
  EXPECT_EQ(open_error(folder.file()), folder.file() + ": head: damaged: it does not open");
  run("UPDATE head SET key_check = NULL");
  EXPECT_EQ(open_error(folder.file()), folder.file() + ": head: damaged: it is not sealed");
  run("DELETE FROM head");
  EXPECT_EQ(open_error(folder.file()), folder.file() + ": head: damaged: it is empty");
}

TEST_F(SealedTest, ADatabaseOfTheFirstVersionBecomesSealed) {
  make_schema_1();
  EXPECT_EQ(found_secrets().size(), kSecrets.size()) << "the test's own database is in the clear";
  const auto manager = open_ok(folder.file());
  EXPECT_EQ(manager->store->read().clusters().by_name("default")->spec, model::full_cluster().spec);
  EXPECT_EQ(manager->store->read().tasks().size(), 3u);
  EXPECT_EQ(manager->store->read().services().by_name("with-env")->spec.task->container.env.at(0),
            kSecrets[2]);
  EXPECT_THAT(found_secrets(), testing::IsEmpty());
  manager->create(service("later"));
  ASSERT_TRUE(manager->settle());
  manager->engine.reset();
  EXPECT_EQ(*database().number("PRAGMA user_version"), kSchemaVersion);
  EXPECT_TRUE(open_ok(folder.file())->store->read().services().by_name("later"));
}

TEST_F(SealedTest, AnInterruptedUpgradeGoesOn) {
  fill_with_secrets(*open_ok(folder.file()));
  unseal({RecordKind::Service, RecordKind::Task});
  EXPECT_THAT(found_secrets(), testing::Not(testing::IsEmpty()));
  const auto manager = open_ok(folder.file());
  EXPECT_EQ(manager->store->read().tasks().size(), 3u);
  EXPECT_THAT(found_secrets(), testing::IsEmpty());
}

TEST_F(SealedTest, AnUpgradeThatCannotBeWrittenLeavesTheOldFile) {
  make_schema_1();
  std::filesystem::create_directory(key_file() + ".new");  // In the way of writing the key.
  EXPECT_THAT(open_error(folder.file()), HasSubstr("data.key.new"));
  EXPECT_EQ(*database().number("PRAGMA user_version"), 1);
  std::filesystem::remove(key_file() + ".new");
  EXPECT_EQ(open_ok(folder.file())->store->read().tasks().size(), 3u);
}

}  // namespace
}  // namespace shoal::state

#include "state/sqlite/engine.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "state/sqlite/testing.h"
#include "store/testing_attachments.h"

namespace shoal::state {
namespace {

using store::WriteTx;
using testing::HasSubstr;

struct SqliteEngineTest : testing::Test {
  int64_t rows_of(const std::string& table) {
    auto database = Database::open(folder.file());
    return *database->number("SELECT count(*) FROM " + table);
  }
  void damage(const std::string& sql) {
    auto database = Database::open(folder.file());
    ASSERT_TRUE(database->run(sql));
  }

  Folder folder;
};

template <class Map>
void expect_same(const Map& a, const Map& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [id, object] : a) {
    ASSERT_TRUE(b.contains(id)) << id.view();
    EXPECT_EQ(*object, *b.at(id)) << id.view();
  }
}

TEST_F(SqliteEngineTest, EverythingIsThereAfterReopening) {
  auto first = open_ok(folder.file());
  fill(*first);
  first->engine.reset();  // Only the engine: the store's tables stay for the comparison.
  const auto second = open_ok(folder.file());
  EXPECT_EQ(second->store->newest_version(), first->store->newest_version());
  expect_same(first->store->read().clusters().all(), second->store->read().clusters().all());
  expect_same(first->store->read().nodes().all(), second->store->read().nodes().all());
  expect_same(first->store->read().services().all(), second->store->read().services().all());
  expect_same(first->store->read().networks().all(), second->store->read().networks().all());
  expect_same(first->store->read().tasks().all(), second->store->read().tasks().all());
}

TEST_F(SqliteEngineTest, TasksShareTheirSpecOnDiskAndInMemory) {
  auto manager = open_ok(folder.file());
  fill(*manager);
  manager.reset();
  EXPECT_EQ(rows_of("shared_spec"), 1);
  manager = open_ok(folder.file());
  const auto& tables = manager->store->read();
  const auto task1 = tables.tasks().get(model::TaskId::of("task1"));
  const auto task2 = tables.tasks().get(model::TaskId::of("task2"));
  EXPECT_EQ(task1->spec, task2->spec);
  EXPECT_EQ(task1->spec, tables.services().by_name("web")->spec.task);

  // Gone with the last task that needs it, and there again with the next.
  for (const char* id : {"task1", "task2", "task3"}) {
    ASSERT_TRUE(manager->write([&](WriteTx& tx) { return tx.remove(model::TaskId::of(id)); }));
  }
  ASSERT_TRUE(manager->settle());
  manager.reset();
  EXPECT_EQ(rows_of("shared_spec"), 0);
  EXPECT_EQ(rows_of("task"), 0);
  manager = open_ok(folder.file());
  manager->create(model::full_task());
  ASSERT_TRUE(manager->settle());
  manager.reset();
  EXPECT_EQ(rows_of("shared_spec"), 1);
  open_ok(folder.file());
}

// Without a service they all have the same place for a shared spec, and each has its own spec.
TEST_F(SqliteEngineTest, AttachmentsComeBackWithTheirOwnSpecs) {
  auto manager = open_ok(folder.file());
  manager->create(store::attachment("one", "n1", "net1"));
  manager->create(store::attachment("two", "n1", "net2"));
  ASSERT_TRUE(manager->write([](WriteTx& tx) { return tx.remove(model::TaskId::of("one")); }));
  manager->create(store::attachment("three", "n2", "net3"));
  ASSERT_TRUE(manager->settle());
  manager.reset();
  manager = open_ok(folder.file());
  const auto& tasks = manager->store->read().tasks();
  ASSERT_EQ(tasks.size(), 2u);
  EXPECT_EQ(tasks.get(model::TaskId::of("two"))->spec->networks.at(0).target, "net2");
  EXPECT_EQ(tasks.get(model::TaskId::of("three"))->spec->networks.at(0).target, "net3");
  EXPECT_TRUE(model::is_attachment(*tasks.get(model::TaskId::of("two"))));
}

TEST_F(SqliteEngineTest, UpdatesReplaceAndRemovalsRemove) {
  auto manager = open_ok(folder.file());
  manager->create(service("a"));
  manager->create(service("b"));
  ASSERT_TRUE(manager->write([](WriteTx& tx) -> Result<void> {
    model::Service a = *tx.read().services().by_name("a");
    a.spec.annotations.labels["x"] = "y";
    RETURN_IF_ERROR(tx.update(a));
    return tx.remove(model::ServiceId::of("b"));
  }));
  ASSERT_TRUE(manager->settle());
  manager.reset();
  manager = open_ok(folder.file());
  const auto& services = manager->store->read().services();
  EXPECT_EQ(services.size(), 1u);
  EXPECT_EQ(services.by_name("a")->spec.annotations.labels.at("x"), "y");
  EXPECT_EQ(services.by_name("a")->meta.version, 3u);
}

TEST_F(SqliteEngineTest, BatchesThatWaitTogetherShareATransaction) {
  auto manager = open_ok(folder.file());
  std::vector<model::Version> told;
  const auto watch =
      manager->store->watch([&](const store::Batch& batch) { told.push_back(batch.version); });
  constexpr size_t kCount = 2000;
  for (size_t i = 0; i < kCount; ++i) manager->create(service(fmt::format("s{}", i)));
  ASSERT_TRUE(manager->settle());
  ASSERT_EQ(told.size(), kCount);
  EXPECT_TRUE(std::is_sorted(told.begin(), told.end()));
  const auto counters = manager->engine->counters();
  EXPECT_EQ(counters.batches, kCount);
  EXPECT_EQ(counters.rows, kCount);
  EXPECT_GT(counters.value_bytes, 10 * kCount);
  EXPECT_LT(counters.transactions, kCount / 2);
  EXPECT_GE(counters.transactions, 1u);
}

TEST_F(SqliteEngineTest, ClosingMakesDurableWhatStillWaits) {
  auto manager = open_ok(folder.file());
  for (int i = 0; i < 100; ++i) manager->create(service(fmt::format("s{}", i)));
  manager->engine.reset();
  EXPECT_EQ(manager->store->durable_version(), 0u) << "nothing was posted back yet";
  EXPECT_EQ(open_ok(folder.file())->store->read().services().size(), 100u);
}

TEST_F(SqliteEngineTest, FilesAreForTheirOwnerOnly) {
  auto manager = open_ok(folder.file());
  manager->create(service("a"));
  ASSERT_TRUE(manager->settle());
  struct stat info;
  for (const char* suffix : {"", "-wal", "-shm"}) {
    ASSERT_EQ(::stat((folder.file() + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << suffix;
  }
  ASSERT_EQ(::stat((folder.path + "/state").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(SqliteEngineTest, ASecondEngineOnTheFileIsRefused) {
  const auto manager = open_ok(folder.file());
  EXPECT_EQ(open_error(folder.file()), folder.file() + ": another process uses it");
  manager->create(service("a"));
  EXPECT_TRUE(manager->settle());
  EXPECT_FALSE(manager->store->failure());
}

TEST_F(SqliteEngineTest, ANewerSchemaIsRefused) {
  open_ok(folder.file());
  damage("PRAGMA user_version = 9");
  EXPECT_EQ(open_error(folder.file()),
            folder.file() + ": written by a newer version (schema 9; this one knows up to 2)");
}

TEST_F(SqliteEngineTest, AFileOfAnotherProgramIsRefused) {
  ASSERT_TRUE(std::filesystem::create_directory(folder.path + "/state"));
  damage("CREATE TABLE other (a)");
  EXPECT_EQ(open_error(folder.file()), folder.file() + ": not a file of this program");
  std::ofstream(folder.file()) << std::string(5000, 'x');
  EXPECT_EQ(open_error(folder.file()), folder.file() + ": file is not a database");
}

TEST_F(SqliteEngineTest, ADamagedRecordIsNamed) {
  fill(*open_ok(folder.file()));
  damage("UPDATE service SET value = substr(value, 1, 40)");
  EXPECT_EQ(open_error(folder.file()),
            folder.file() + ": service service1: damaged: it does not open");
}

TEST_F(SqliteEngineTest, ARecordOfANewerFormatIsNamed) {
  fill(*open_ok(folder.file()));
  damage("UPDATE node SET value = x'82' || substr(value, 2)");
  EXPECT_EQ(
      open_error(folder.file()),
      folder.file() + ": node node1: sealed by a newer version (format 0x82; this one opens 0x81)");
}

TEST_F(SqliteEngineTest, ARecordUnderAnotherIdIsNamed) {
  fill(*open_ok(folder.file()));
  damage("UPDATE task SET id = 'task9' WHERE id = 'task1'");
  EXPECT_EQ(open_error(folder.file()), folder.file() + ": task task9: damaged: it does not open");
}

TEST_F(SqliteEngineTest, AMissingRecordIsNoticed) {
  fill(*open_ok(folder.file()));
  damage("DELETE FROM network");
  EXPECT_EQ(open_error(folder.file()), folder.file() + ": damaged: 7 records of 8");
  damage("DELETE FROM shared_spec");
  EXPECT_EQ(open_error(folder.file()),
            folder.file() + ": task task1: damaged: its spec is missing");
}

TEST_F(SqliteEngineTest, DamagedPagesNeverCrash) {
  {
    const auto manager = open_ok(folder.file());
    for (int i = 0; i < 300; ++i) manager->create(service(fmt::format("s{}", i)));
    ASSERT_TRUE(manager->settle());
  }
  std::ifstream in(folder.file(), std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  Rng rng(5);
  for (int round = 0; round < 60; ++round) {
    std::string bad = good;
    for (int i = 0; i < 16; ++i) bad[100 + rng.below(bad.size() - 100)] = char(rng.next());
    std::ofstream(folder.file(), std::ios::binary) << bad;
    const auto manager = Manager::open(folder.file());
    if (manager) {  // The bytes were unused ones: then nothing may be missing.
      EXPECT_EQ((*manager)->store->read().services().size(), 300u) << "round " << round;
    } else {
      EXPECT_THAT(manager.error().message, HasSubstr(folder.file()));
    }
  }
  std::ofstream(folder.file(), std::ios::binary) << good.substr(0, good.size() / 2);
  EXPECT_NE(open_error(folder.file()), "no error");
}

// Runs `body` in a child process, which ends with its result; the child's memory is lost.
template <class Body>
int in_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST_F(SqliteEngineTest, WhatWasAcknowledgedSurvivesACrash) {
  for (const size_t crash_after : {1, 7, 150}) {
    const std::string file = fmt::format("{}/crash{}/store.db", folder.path, crash_after);
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const int code = in_child([&]() -> int {
      auto manager = open_ok(file);
      size_t written = 0;
      std::deque<store::Ticket> tickets;
      const auto watch = manager->store->watch([&](const store::Batch& batch) {
        if (::write(pipe[1], &batch.version, sizeof batch.version) < 0) ::_exit(2);
        if (batch.version >= crash_after) ::_exit(0);
      });
      // Keeps 20 writes waiting, so that the crash comes in the middle of some.
      while (true) {
        while (written < manager->store->durable_version() + 20) {
          manager->create(service(fmt::format("s{}", ++written)));
        }
        const auto seen = manager->store->durable_version();
        if (!manager->inbox.run_until([&] { return manager->store->durable_version() > seen; })) {
          return 3;
        }
      }
    });
    ::close(pipe[1]);
    EXPECT_EQ(code, 0);
    model::Version acknowledged = 0;
    while (::read(pipe[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
    }
    ::close(pipe[0]);
    EXPECT_EQ(acknowledged, crash_after);

    const auto after = open_ok(file);
    EXPECT_GE(after->store->newest_version(), acknowledged);
    EXPECT_EQ(after->store->read().services().size(), after->store->newest_version())
        << "each batch is there whole, and no later one without an earlier one";
  }
}

// Writes until the store fails, and checks everything that follows. Returns 0 or which step failed.
int write_until_failure(const std::string& file, const char* reason) {
  auto manager = open_ok(file);
  model::Service big = service("");
  big.spec.annotations.labels["fill"] = std::string(20'000, 'x');
  for (int i = 0; !manager->store->failure(); ++i) {
    if (i > 1000) return 10;
    big.id = model::ServiceId::of(fmt::format("s{}", i));
    big.spec.annotations.name = big.id.str();
    manager->create(big);
    if (!manager->settle()) return 11;
  }
  const Error error = *manager->store->failure();
  if (error.code != ErrorCode::Unavailable || error.message.find(reason) == std::string::npos) {
    fmt::print(stderr, "unexpected: {}\n", error.message);
    return 12;
  }
  // The engine itself refuses what comes later with the same reason.
  std::optional<Result<void>> later;
  const auto next = std::make_shared<store::Batch>();
  manager->engine->commit(next, [&](Result<void> result) { later = std::move(result); });
  if (!manager->inbox.run_until([&] { return later.has_value(); })) return 13;
  if (*later || later->error() != error) return 14;

  const auto durable = manager->store->durable_version();
  manager->engine.reset();
  ::signal(SIGXFSZ, SIG_IGN);
  const auto again = open_ok(file);
  return again->store->newest_version() >= durable &&
                 again->store->read().services().size() == again->store->newest_version()
             ? 0
             : 15;
}

TEST_F(SqliteEngineTest, AFullDiskFailsTheCommitWithTheReason) {
  EXPECT_EQ(in_child([&]() -> int {
              if (::unshare(CLONE_NEWNS) != 0) return 1;
              if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 2;
              if (::mount("tmpfs", folder.path.c_str(), "tmpfs", 0, "size=400k") != 0) return 3;
              return write_until_failure(folder.file(), "database or disk is full");
            }),
            0);
}

TEST_F(SqliteEngineTest, SaysBeforehandWhetherTheDiskIsFull) {
  EXPECT_TRUE(open_ok(folder.file())->engine);
  const auto try_file = [this] {
    auto engine = SqliteEngine::open({.path = folder.file()}, [](auto) {});
    CHECK(engine, "{}", engine.error().message);
    return (*engine)->check_writable();
  };
  EXPECT_TRUE(try_file());
  EXPECT_EQ(in_child([&]() -> int {
              auto engine = SqliteEngine::open({.path = folder.file()}, [](auto) {});
              const rlimit none{};
              ::signal(SIGXFSZ, SIG_IGN);
              if (!engine || ::setrlimit(RLIMIT_FSIZE, &none) != 0) return 1;
              const auto refused = (*engine)->check_writable();
              return !refused && refused.error().code == ErrorCode::Unavailable ? 0 : 2;
            }),
            0);
  EXPECT_EQ(in_child([&]() -> int {
              if (::unshare(CLONE_NEWNS) != 0) return 1;
              if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 2;
              if (::mount("tmpfs", folder.path.c_str(), "tmpfs", 0, "size=280k") != 0) return 3;
              const auto refused = try_file();
              if (refused || refused.error().code != ErrorCode::Unavailable) return 4;
              return refused.error().message.find("disk is full") != std::string::npos ? 0 : 5;
            }),
            0);
}

TEST_F(SqliteEngineTest, AnErrorOfTheDiskFailsTheCommitWithTheReason) {
  EXPECT_EQ(in_child([&]() -> int {
              ::signal(SIGXFSZ, SIG_IGN);
              const rlimit limit{300'000, 300'000};
              if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
              return write_until_failure(folder.file(), "disk I/O error (File too large)");
            }),
            0);
}

TEST_F(SqliteEngineTest, AFolderThatCannotBeMadeIsAnError) {
  std::ofstream(folder.path + "/state") << "a file";
  EXPECT_THAT(open_error(folder.file()), HasSubstr("state"));
}

}  // namespace
}  // namespace shoal::state

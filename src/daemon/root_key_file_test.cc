#include "daemon/root_key_file.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>

#include "os/file.h"
#include "store/testing.h"

namespace shoal::daemon {
namespace {

struct CountingLog final : Log {
  void write(LogLevel level, std::string_view, Fields) override {
    if (level >= LogLevel::Warn) ++warnings;
  }
  int warnings = 0;
};

struct RootKeyFile : testing::Test {
  RootKeyFile() {
    std::string name = (std::filesystem::temp_directory_path() / "shoal-key-XXXXXX").string();
    CHECK(::mkdtemp(name.data()));
    folder = name;
    file = folder + "/swarm-root-ca.key";
    CHECK(os::write_file(file, "the key"));
  }
  ~RootKeyFile() override { std::filesystem::remove_all(folder); }
  void create_cluster(const std::string& key) {
    model::Cluster cluster;
    cluster.id = model::ClusterId::of("c");
    cluster.spec.annotations.name = "default";
    cluster.root_ca_key = key;
    swarm.create(cluster);
  }
  std::string stored_key() { return swarm.read().clusters().by_name("default")->root_ca_key; }
  void move() {
    move_root_key_into_store(file, swarm.store(), Time{1}, log);
    swarm.engine().flush();
  }

  store::Swarm swarm;
  CountingLog log;
  std::string folder, file;
};

TEST_F(RootKeyFile, MovesIntoTheClusterAndIsGone) {
  create_cluster("");
  move();
  EXPECT_EQ(stored_key(), "the key");
  EXPECT_FALSE(std::filesystem::exists(file));
  move();  // Nothing to do.
  EXPECT_EQ(stored_key(), "the key");
  EXPECT_EQ(log.warnings, 0);
}

TEST_F(RootKeyFile, AKeyThatIsStoredAlreadyIsNotReplaced) {
  create_cluster("stored before the file could be removed");
  move();
  EXPECT_EQ(stored_key(), "stored before the file could be removed");
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(RootKeyFile, StaysWhenItCannotBeStored) {
  move();  // There is no cluster.
  EXPECT_TRUE(std::filesystem::exists(file));
  EXPECT_EQ(log.warnings, 1);
  create_cluster("");
  swarm.engine().fail(Error{ErrorCode::Unavailable, "disk full"});
  move();
  EXPECT_TRUE(std::filesystem::exists(file));
  EXPECT_EQ(log.warnings, 2);
}

TEST_F(RootKeyFile, StaysWhenItCannotBeRead) {
  create_cluster("");
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  move();
  EXPECT_EQ(stored_key(), "");
  EXPECT_EQ(log.warnings, 1);
}

}  // namespace
}  // namespace shoal::daemon

// The mounts of real containers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "engine/support_test.h"

namespace shoal::engine {
namespace {

using ::testing::HasSubstr;
using testing::Machine;
using testing::run_on;

model::Mount bind_of(const std::string& source, const std::string& target) {
  return {.type = model::MountType::Bind, .source = source, .target = target};
}

TEST(Mounts, ABindShowsTheFolderAndTakesWrites) {
  Machine machine;
  std::filesystem::create_directories(machine.folder + "/shared");
  auto description = machine.describe({"sh", "-c", "echo text > /data/file"});
  description.config.spec.mounts = {bind_of(machine.folder + "/shared", "/data")};
  EXPECT_EQ(machine.run(description).code, 0);
  EXPECT_EQ(testing::whole_file(machine.folder + "/shared/file"), "text\n");
}

TEST(Mounts, AReadOnlyBindRefusesWrites) {
  Machine machine;
  std::filesystem::create_directories(machine.folder + "/shared");
  auto description = machine.describe({"sh", "-c", "touch /data/file 2>&1"});
  description.config.spec.mounts = {bind_of(machine.folder + "/shared", "/data")};
  description.config.spec.mounts[0].read_only = true;
  EXPECT_THAT(machine.output(description), HasSubstr("Read-only file system"));
}

TEST(Mounts, AMissingBindSourceIsRefusedInDockersWords) {
  Machine machine;
  auto description = machine.describe({"true"});
  description.config.spec.mounts = {bind_of("/no/such/folder", "/data")};
  const auto missing = run_on(machine.loop, machine.engine->create(description));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "invalid mount config for type \"bind\": bind source path does not exist: "
            "/no/such/folder");
  description.config.spec.mounts = {bind_of("/tmp", "relative")};
  EXPECT_EQ(run_on(machine.loop, machine.engine->create(description)).error().code,
            ErrorCode::InvalidArgument);
  description.config.spec.mounts = {bind_of("/tmp", "/data")};
  description.config.spec.mounts[0].propagation = "sideways";
  EXPECT_THAT(run_on(machine.loop, machine.engine->create(description)).error().message,
              HasSubstr("invalid propagation mode: sideways"));
}

TEST(Mounts, ATmpfsHasItsSizeAndMode) {
  Machine machine;
  auto description = machine.describe({"sh", "-c", "grep ' /data ' /proc/mounts"});
  description.config.spec.mounts = {{.type = model::MountType::Tmpfs,
                                     .target = "/data",
                                     .tmpfs_size_bytes = 1 << 20,
                                     .tmpfs_mode = 0700}};
  const std::string line = machine.output(description);
  EXPECT_THAT(line, HasSubstr("tmpfs"));
  EXPECT_THAT(line, HasSubstr("size=1024k"));
  EXPECT_THAT(line, HasSubstr("mode=700"));
  EXPECT_THAT(line, HasSubstr("noexec"));
}

TEST(Mounts, InnerMountsComeAfterOuterOnesAndProvidedFilesWin) {
  Machine machine;
  std::ofstream(machine.folder + "/hosts") << "10.0.0.1 me\n";
  std::filesystem::create_directories(machine.folder + "/outer");
  auto description = machine.describe({"sh", "-c", "echo x > /data/in/y; cat /etc/hosts"});
  description.config.spec.mounts = {
      {.type = model::MountType::Tmpfs, .target = "/data/in"},
      {.type = model::MountType::Volume, .source = machine.folder + "/outer", .target = "/data"}};
  description.provided_mounts = {{machine.folder + "/hosts", "/etc/hosts", false}};
  EXPECT_EQ(machine.output(description), "10.0.0.1 me\n");
  EXPECT_FALSE(std::filesystem::exists(machine.folder + "/outer/in/y"));
}

TEST(Mounts, SharedMemoryHasItsSize) {
  Machine machine;
  auto description = machine.describe({"grep", " /dev/shm ", "/proc/mounts"});
  description.config.shm_size_bytes = 1 << 20;
  EXPECT_THAT(machine.output(description), HasSubstr("size=1024k"));
  EXPECT_THAT(machine.output_of({"grep", " /dev/shm ", "/proc/mounts"}), HasSubstr("size=65536k"));
}

TEST(Mounts, SysAndItsCgroupsAreReadOnly) {
  Machine machine;
  EXPECT_EQ(machine.output_of({"sh", "-c",
                               "grep -c -E '^(sysfs|cgroup2?) .* ro,' /proc/mounts > "
                               "/tmp/n; [ $(cat /tmp/n) -ge 2 ] && echo yes"}),
            "yes\n");
}

}  // namespace
}  // namespace shoal::engine

#include "daemon/pidfile.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "os/file.h"
#include "os/process.h"

namespace shoal::daemon {
namespace {

struct PidFileTest : testing::Test {
  PidFileTest() {
    char name[] = "/tmp/shoal-pid-XXXXXX";
    folder = ::mkdtemp(name);
    path = folder + "/run/pid";
  }
  ~PidFileTest() override { std::filesystem::remove_all(folder); }
  std::string folder, path;
};

TEST_F(PidFileTest, IsThereWhileItIsHeld) {
  {
    const auto held = PidFile::claim(path);
    ASSERT_TRUE(held) << held.error().message;
    EXPECT_EQ(*os::read_file(path), std::to_string(::getpid()) + "\n");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(PidFileTest, OneLeftByADeadProcessOrAnotherProgramIsReplaced) {
  ASSERT_TRUE(os::make_folders(folder + "/run"));
  for (const char* text : {"999999999", "1", "nonsense", ""}) {
    ASSERT_TRUE(os::write_file(path, text));
    EXPECT_TRUE(PidFile::claim(path)) << text;
  }
}

TEST_F(PidFileTest, ADaemonThatRunsIsNamed) {
  // A program by the daemon's name: a copy of sleep.
  const std::string program = folder + "/shoald";
  std::filesystem::copy_file("/bin/sleep", program);
  auto other = os::start({.argv = {program, "1000"}});
  ASSERT_TRUE(other) << other.error().message;
  ASSERT_TRUE(os::make_folders(folder + "/run"));
  ASSERT_TRUE(os::write_file(path, std::to_string(other->pid)));
  const auto claimed = PidFile::claim(path);
  ::kill(other->pid, SIGKILL);
  ASSERT_FALSE(claimed);
  EXPECT_EQ(claimed.error().code, ErrorCode::Conflict);
  EXPECT_NE(claimed.error().message.find(std::to_string(other->pid)), std::string::npos);
}

}  // namespace
}  // namespace shoal::daemon

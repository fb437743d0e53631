#include "daemon/folder_lock.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

namespace shoal::daemon {
namespace {

struct FolderLockTest : testing::Test {
  FolderLockTest() {
    char name[] = "/tmp/shoal-lock-XXXXXX";
    folder = ::mkdtemp(name);
  }
  ~FolderLockTest() override { std::filesystem::remove_all(folder); }
  std::string folder;
};

TEST_F(FolderLockTest, IsForOneAtATime) {
  {
    const auto first = FolderLock::take(folder);
    ASSERT_TRUE(first) << first.error().message;
    const auto second = FolderLock::take(folder);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error(), (Error{ErrorCode::Conflict, "another daemon uses " + folder}));
  }
  EXPECT_TRUE(FolderLock::take(folder));
}

TEST_F(FolderLockTest, GoesWithTheProcessAndNotToWhatItStarted) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = FolderLock::take(folder);
    // A program that outlives it, as a container does.
    if (lock && ::fork() == 0) ::execlp("sleep", "sleep", "5", nullptr);
    ::_exit(lock ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(FolderLock::take(folder));
}

TEST_F(FolderLockTest, SaysWhatIsWrongWithTheFolder) {
  const auto missing = FolderLock::take(folder + "/none");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message, "open " + folder + "/none: No such file or directory");
}

}  // namespace
}  // namespace shoal::daemon

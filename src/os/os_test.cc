#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "os/file.h"
#include "os/loop.h"
#include "os/process.h"

namespace shoal::os {
namespace {

// Runs a coroutine to its end on a loop of its own.
template <class T>
T run_on(Loop& loop, Co<T> co) {
  std::optional<T> value;
  auto body = [](Loop& l, Co<T> inner, std::optional<T>& out) -> Co<> {
    out.emplace(co_await inner);
    l.stop();
  };
  loop.post([&] { spawn(body(loop, std::move(co), value)); });
  loop.run();
  return std::move(*value);
}

struct Folder {
  Folder() {
    char name[] = "/tmp/shoal-os-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

TEST(Process, GivesInputAndReturnsOutputErrorsAndCode) {
  Loop loop(1);
  Command command{.argv = {"sh", "-c", "cat; echo oops >&2; exit 3"}, .input = "hello"};
  const auto exit = run_on(loop, run(loop, command));
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->out, "hello");
  EXPECT_EQ(exit->err, "oops\n");
  EXPECT_EQ(exit->code, 3);
}

TEST(Process, ReadsEverythingABigWriterLeavesInThePipe) {
  Loop loop(1);
  Command command{.argv = {"sh", "-c", "head -c 60000 /dev/zero"}};
  const auto exit = run_on(loop, run(loop, command));
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->out.size(), 60000u);
}

TEST(Process, DoesNotWaitForAGrandchildThatKeepsThePipe) {
  Loop loop(1);
  Command command{.argv = {"sh", "-c", "sleep 60 & echo $!"}};
  const auto exit = run_on(loop, run(loop, command));
  ASSERT_TRUE(exit);
  ::kill(std::stoi(exit->out), SIGKILL);
  EXPECT_EQ(exit->code, 0);
}

TEST(Process, SaysWhenTheProgramDoesNotExist) {
  Loop loop(1);
  const auto exit = run_on(loop, run(loop, Command{.argv = {"no-such-program"}}));
  ASSERT_FALSE(exit);
  EXPECT_EQ(exit.error().code, ErrorCode::NotFound);
}

TEST(Process, IsKilledWhenStopped) {
  Loop loop(1);
  StopSource stop;
  loop.post([&] { stop.stop(); });
  auto co = run(loop, Command{.argv = {"sleep", "1000"}}, stop.token());
  const auto exit = run_on(loop, std::move(co));
  ASSERT_FALSE(exit);
  EXPECT_EQ(exit.error().code, ErrorCode::Cancelled);
}

TEST(Process, HandsOverDescriptorsEvenWhenTheirNumbersCross) {
  Loop loop(1);
  Folder folder;
  ASSERT_TRUE(write_file(folder.path + "/a", "A"));
  ASSERT_TRUE(write_file(folder.path + "/b", "B"));
  Fd a(::open((folder.path + "/a").c_str(), O_RDONLY | O_CLOEXEC));
  Fd b(::open((folder.path + "/b").c_str(), O_RDONLY | O_CLOEXEC));
  Command command{.argv = {"sh", "-c", "cat <&5; cat <&6"}};
  command.pass_fds = {{a.get(), 6}, {b.get(), 5}};
  const auto exit = run_on(loop, run(loop, command));
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->out, "BA");
}

TEST(Loop, OffloadRunsElsewhereAndResumesHere) {
  Loop loop(1);
  auto body = [](Loop& l) -> Co<bool> {
    const auto home = ::gettid();
    const auto away = co_await l.offload([] { return ::gettid(); });
    co_return home != away&& home == ::gettid();
  };
  EXPECT_TRUE(run_on(loop, body(loop)));
}

TEST(Loop, ASleepEndsEarlyWhenStopped) {
  Loop loop(1);
  StopSource stop;
  loop.post([&] { stop.stop(); });
  EXPECT_FALSE(run_on(loop, loop.sleep(std::chrono::hours(1), stop.token())));
}

TEST(Signal, WakesItsWaitersAndForgetsStoppedOnes) {
  Loop loop(1);
  Signal signal;
  auto body = [](Loop& l, Signal s) -> Co<bool> {
    StopSource stop;
    stop.stop();
    const bool stopped = !co_await s.wait(stop.token());
    l.post([s] { s.notify(); });
    co_return stopped&& co_await s.wait();
  };
  EXPECT_TRUE(run_on(loop, body(loop, signal)));
}

TEST(File, WritesWholeAndReadsBack) {
  Folder folder;
  ASSERT_TRUE(make_folders(folder.path + "/a/b"));
  ASSERT_TRUE(write_file(folder.path + "/a/b/c", "text", 0600));
  EXPECT_EQ(*read_file(folder.path + "/a/b/c"), "text");
  struct stat info{};
  ASSERT_EQ(::stat((folder.path + "/a/b/c").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(read_file(folder.path + "/none").error().code, ErrorCode::NotFound);
  EXPECT_EQ(read_file(folder.path + "/a/b/c", 3).error().code, ErrorCode::TooLarge);
}

TEST(File, RemovesATreeWithoutFollowingLinks) {
  Folder folder;
  ASSERT_TRUE(make_folders(folder.path + "/keep"));
  ASSERT_TRUE(write_file(folder.path + "/keep/file", "x"));
  ASSERT_TRUE(make_folders(folder.path + "/go/deep"));
  std::filesystem::create_directory_symlink(folder.path + "/keep", folder.path + "/go/deep/link");
  ASSERT_TRUE(remove_tree(folder.path + "/go"));
  EXPECT_FALSE(std::filesystem::exists(folder.path + "/go"));
  EXPECT_TRUE(std::filesystem::exists(folder.path + "/keep/file"));
  EXPECT_TRUE(remove_tree(folder.path + "/go"));
}

}  // namespace
}  // namespace shoal::os

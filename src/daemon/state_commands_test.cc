#include "daemon/state_commands.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "base/check.h"
#include "daemon/folder_lock.h"
#include "os/file.h"
#include "state/sqlite/engine.h"

namespace shoal::daemon {
namespace {

using testing::HasSubstr;

struct StateCommands : testing::Test {
  StateCommands() {
    std::string name = (std::filesystem::temp_directory_path() / "shoal-cmd-XXXXXX").string();
    CHECK(::mkdtemp(name.data()));
    folder = name;
    flags.data_root = folder + "/data";
    flags.pidfile = folder + "/pid";
    flags.backup = flags.restore = folder + "/backup";
    // An empty database: what it may hold is the business of state/backup's tests.
    const auto engine = state::SqliteEngine::open({flags.data_root + "/swarm/state.db"},
                                                  [](std::move_only_function<void()>) {});
    CHECK(engine && (*engine)->load());
    CHECK(os::write_file(flags.data_root + "/swarm/node.json", "{}"));
  }
  ~StateCommands() override { std::filesystem::remove_all(folder); }

  std::string folder;
  Flags flags;
};

TEST_F(StateCommands, TellWhatTheyDid) {
  const auto backed_up = back_up(flags);
  ASSERT_TRUE(backed_up) << backed_up.error().message;
  EXPECT_EQ(*backed_up, flags.backup +
                            ": 3 files, 0 objects. It holds the keys of the swarm: guard "
                            "it.\n");
  std::filesystem::remove_all(flags.data_root);
  const auto restored = restore(flags);
  ASSERT_TRUE(restored) << restored.error().message;
  EXPECT_THAT(*restored, testing::MatchesRegex(
                             ".*/data/swarm: the swarm as of 20.*Z: 3 files, 0 objects. Start "
                             "shoald now.\n"));
  EXPECT_TRUE(std::filesystem::exists(flags.data_root + "/swarm/state.db"));
  EXPECT_FALSE(std::filesystem::exists(flags.pidfile));
  EXPECT_THAT(restore(flags).error().message, HasSubstr("has a swarm already"));
}

TEST_F(StateCommands, NothingIsRestoredUnderADaemon) {
  ASSERT_TRUE(back_up(flags));
  const auto daemon = FolderLock::take(flags.data_root);
  ASSERT_TRUE(daemon);
  std::filesystem::remove_all(flags.data_root + "/swarm");
  EXPECT_EQ(restore(flags).error().message, "another daemon uses " + flags.data_root);
  EXPECT_FALSE(std::filesystem::exists(flags.data_root + "/swarm"));
}

TEST(ExplainStateError, SaysWhatToDo) {
  const auto text = [](ErrorCode code) { return explain_state_error({code, "why"}, "/d/swarm"); };
  const std::string head = "The swarm's state on this node cannot be used: why. ",
                    how =
                        " of it (stop the daemon, move /d/swarm away, shoald --restore FILE, "
                        "start it), or give it up (docker swarm leave --force).";
  for (const ErrorCode code :
       {ErrorCode::Internal, ErrorCode::FailedPrecondition, ErrorCode::NotFound}) {
    EXPECT_EQ(text(code), head + "Restore a backup" + how);
  }
  EXPECT_EQ(text(ErrorCode::Unimplemented),
            head + "Start that version again, restore an older backup" + how);
  EXPECT_EQ(text(ErrorCode::Unavailable),
            "This node cannot take its place in the swarm: why. Restart the daemon when that is "
            "mended, or leave (docker swarm leave --force).");
}

}  // namespace
}  // namespace shoal::daemon

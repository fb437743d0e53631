// A daemon that starts again finds its containers, and touches none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "engine/cgroup.h"
#include "engine/conmon.h"
#include "engine/identity.h"
#include "engine/record.h"
#include "engine/strays.h"
#include "engine/support_test.h"
#include "os/file.h"
#include "os/process.h"

namespace shoal::engine {
namespace {

using ::testing::ElementsAre;
using testing::Machine;
using testing::run_on;

using Act = std::function<void(os::Loop&, Engine&)>;

// Lets an earlier daemon, a process of its own, do something and end as if it was killed.
void as_earlier_daemon(Machine& machine, const Act& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    os::Loop loop(2);  // Nothing of a forked loop is usable.
    const auto engine =
        Engine::open(loop, machine.null_log, machine.engine->host(), machine.options);
    EXPECT_TRUE(engine);
    if (engine) act(loop, **engine);
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
}

TEST(Adopt, ARunningContainerIsFollowedAgain) {
  Machine machine;
  const auto description = machine.describe(
      {"sh", "-c", "trap 'echo bye; exit 21' TERM; echo up; while :; do sleep 0.05; done"});
  as_earlier_daemon(machine, [&](os::Loop& loop, Engine& engine) {
    const auto created = run_on(loop, engine.create(description));
    ASSERT_TRUE(created) << created.error().message;
    ASSERT_TRUE(run_on(loop, (*created)->start()));
  });
  EXPECT_THAT(*run_on(machine.loop, machine.engine->list()), ElementsAre(description.id));
  const auto adopted = run_on(machine.loop, machine.engine->adopt(description.id));
  ASSERT_TRUE(adopted) << adopted.error().message;
  EXPECT_EQ((*adopted)->state(), RunState::Running);
  EXPECT_TRUE((*adopted)->started_at().is_set());
  machine.await_log(**adopted, "up");
  const auto attached = run_on(machine.loop, (*adopted)->attach());
  EXPECT_TRUE(attached);
  const auto status = run_on(machine.loop, (*adopted)->stop(SIGTERM, 30s));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 21);
  EXPECT_TRUE(run_on(machine.loop, (*adopted)->remove()));
}

TEST(Adopt, OneThatEndedMeanwhileTellsItsExitCode) {
  Machine machine;
  const auto description = machine.describe({"sh", "-c", "exit 33"});
  as_earlier_daemon(machine, [&](os::Loop& loop, Engine& engine) {
    const auto created = run_on(loop, engine.create(description));
    ASSERT_TRUE(created);
    ASSERT_TRUE(run_on(loop, (*created)->start()));
    ASSERT_TRUE(run_on(loop, (*created)->wait()));
  });
  const auto adopted = run_on(machine.loop, machine.engine->adopt(description.id));
  ASSERT_TRUE(adopted) << adopted.error().message;
  const auto status = run_on(machine.loop, (*adopted)->wait());
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 33);
  EXPECT_TRUE(run_on(machine.loop, (*adopted)->remove()));
}

TEST(Adopt, ACreatedOneIsStartedAndAPausedOneStaysPaused) {
  Machine machine;
  const auto created = machine.describe({"sh", "-c", "exit 5"});
  const auto paused = machine.describe({"sleep", "1000"});
  as_earlier_daemon(machine, [&](os::Loop& loop, Engine& engine) {
    ASSERT_TRUE(run_on(loop, engine.create(created)));
    const auto other = run_on(loop, engine.create(paused));
    ASSERT_TRUE(other);
    ASSERT_TRUE(run_on(loop, (*other)->start()));
    ASSERT_TRUE(run_on(loop, (*other)->pause()));
  });
  const auto first = run_on(machine.loop, machine.engine->adopt(created.id));
  ASSERT_TRUE(first);
  EXPECT_EQ((*first)->state(), RunState::Created);
  ASSERT_TRUE(run_on(machine.loop, (*first)->start()));
  EXPECT_EQ(run_on(machine.loop, (*first)->wait())->code, 5);
  EXPECT_TRUE(run_on(machine.loop, (*first)->remove()));
  const auto second = run_on(machine.loop, machine.engine->adopt(paused.id));
  ASSERT_TRUE(second);
  EXPECT_EQ((*second)->state(), RunState::Paused);
  EXPECT_TRUE(run_on(machine.loop, (*second)->remove()));
}

TEST(Adopt, OneWhoseConmonWasKilledMeanwhileIsKnownAsEnded) {
  Machine machine;
  const auto description = machine.describe({"sleep", "1000"});
  as_earlier_daemon(machine, [&](os::Loop& loop, Engine& engine) {
    const auto created = run_on(loop, engine.create(description));
    ASSERT_TRUE(created);
    ASSERT_TRUE(run_on(loop, (*created)->start()));
    const auto record = read_record(machine.options.run_root + "/c/" + description.id);
    ASSERT_EQ(::kill(record->supervisor->pid, SIGKILL), 0);
  });
  const auto adopted = run_on(machine.loop, machine.engine->adopt(description.id));
  ASSERT_TRUE(adopted);
  EXPECT_EQ(run_on(machine.loop, (*adopted)->wait())->code, 137);
  EXPECT_TRUE(run_on(machine.loop, (*adopted)->remove()));
}

TEST(Adopt, OfNothingOfAHalfMadeOneAndOfAnotherBoot) {
  Machine machine;
  const std::string id(64, 'a');
  const std::string folder = machine.options.run_root + "/c/" + id;
  EXPECT_EQ(run_on(machine.loop, machine.engine->adopt(id)).error().code, ErrorCode::NotFound);
  ASSERT_TRUE(os::make_folders(folder));
  Record record{.id = id, .cgroup = machine.cgroup + "/" + id};
  ASSERT_TRUE(write_record(folder, record));
  EXPECT_EQ(run_on(machine.loop, machine.engine->adopt(id)).error().code, ErrorCode::Internal);
  record.supervisor = record.process = ProcessIdentity{1, 1, "another-boot"};
  ASSERT_TRUE(write_record(folder, record));
  EXPECT_EQ(run_on(machine.loop, machine.engine->adopt(id)).error().code, ErrorCode::NotFound);
  ASSERT_TRUE(replace_file(folder + "/record.json", "{"));
  EXPECT_EQ(run_on(machine.loop, machine.engine->adopt(id)).error().code, ErrorCode::Internal);
  EXPECT_TRUE(run_on(machine.loop, machine.engine->discard(id)));
  EXPECT_TRUE(run_on(machine.loop, machine.engine->discard(id)));
  EXPECT_TRUE(run_on(machine.loop, machine.engine->list())->empty());
}

// The daemon may be killed while conmon and the runtime are at work: they go on for a moment.
TEST(Adopt, WhateverIsLeftOfACreateThatWasCutOffIsRemoved) {
  Machine machine;
  for (int ms = 0; ms < 24; ms += 2) {
    const auto description = machine.describe({"sleep", "1000"});
    as_earlier_daemon(machine, [&](os::Loop& loop, Engine& engine) {
      os::spawn([](Engine& e, ContainerDescription wanted) -> os::Co<> {
        (void)co_await e.create(std::move(wanted));
      }(engine, description));
      run_on(loop, loop.sleep(std::chrono::milliseconds(ms)));
    });
    ASSERT_TRUE(run_on(machine.loop, machine.engine->discard(description.id)));
    EXPECT_FALSE(os::read_file(machine.options.run_root + "/crun/" + description.id + "/status"));
    const auto cgroups = Cgroups::open();
    EXPECT_THAT(cgroups->processes(machine.cgroup + "/" + description.id), ::testing::IsEmpty());
    EXPECT_FALSE(cgroups->read("memory", machine.cgroup + "/" + description.id, "cgroup.procs"));
    // What was killed is still listed for a moment.
    const Time deadline = machine.loop.now() + testing::kPatience;
    while (!cgroups->processes(machine.cgroup + "/conmon").empty()) {
      ASSERT_LT(machine.loop.now(), deadline) << ms;
      run_on(machine.loop, machine.loop.sleep(1ms));
    }
  }
}

std::vector<std::string> until_there(const std::string& file, int code) {
  return {"sh", "-c", fmt::format("until test -e {}; do usleep 1000; done; exit {}", file, code)};
}

TEST(Adopt, ItsExecsTellTheirExitCodes) {
  Machine machine;
  const auto description = machine.describe({"sleep", "1000"});
  const std::string ended(64, 'e'), running(64, 'f');
  as_earlier_daemon(machine, [&](os::Loop& loop, Engine& engine) {
    const auto created = run_on(loop, engine.create(description));
    ASSERT_TRUE(created);
    ASSERT_TRUE(run_on(loop, (*created)->start()));
    ExecDescription exec{.id = ended, .argv = until_there("/tmp/one", 8), .attach = false};
    exec.about = "the first";
    ASSERT_TRUE(run_on(loop, (*created)->exec(exec)));
    exec.id = running;
    exec.argv = until_there("/tmp/two", 9);
    exec.about = "the second";
    ASSERT_TRUE(run_on(loop, (*created)->exec(exec)));
  });
  const std::string folder = machine.options.run_root + "/c/" + description.id;
  ASSERT_TRUE(os::make_folders(folder + "/exec-half"));
  ASSERT_TRUE(replace_file(machine.rootfs + "/tmp/one", ""));
  const Time deadline = machine.loop.now() + testing::kPatience;
  while (!read_exit_code(folder + "/exec-" + ended) && machine.loop.now() < deadline) {
    run_on(machine.loop, machine.loop.sleep(5ms));
  }
  const auto adopted = run_on(machine.loop, machine.engine->adopt(description.id));
  ASSERT_TRUE(adopted);
  const auto execs = run_on(machine.loop, (*adopted)->adopt_execs());
  ASSERT_TRUE(execs && execs->size() == 2);
  for (const auto& [id, about, exec] : *execs) {
    EXPECT_EQ(about, id == ended ? "the first" : "the second");
    if (id == running) {
      EXPECT_FALSE(exec->exit_code());
      ASSERT_TRUE(replace_file(machine.rootfs + "/tmp/two", ""));
    }
    EXPECT_EQ(run_on(machine.loop, exec->wait()), id == ended ? 8 : 9);
  }
  const Time late = machine.loop.now() + testing::kPatience;
  for (const std::string& left : {ended, running, std::string("half")}) {
    const std::string its = folder + "/exec-" + left;
    while (std::filesystem::exists(its) && machine.loop.now() < late) {
      run_on(machine.loop, machine.loop.sleep(5ms));
    }
    EXPECT_FALSE(std::filesystem::exists(its));
  }
  EXPECT_TRUE(run_on(machine.loop, (*adopted)->remove()));
}

// Whoever inherits a conmon of a daemon that was killed may take its time to reap it.
TEST(Adopt, ASupervisorThatIsNotReapedYetHasNoMountsToJoin) {
  Machine machine;
  const pid_t ended = ::fork();
  if (ended == 0) ::_exit(0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, id_t(ended), &info, WEXITED | WNOWAIT), 0);
  const std::string id(64, 'a'), folder = machine.options.run_root + "/c/" + id;
  ASSERT_TRUE(os::make_folders(folder));
  Record record{.id = id};
  const auto identity = identify(ended, machine.engine->host().boot_id);
  ASSERT_TRUE(identity);
  record.supervisor = record.process = *identity;
  ASSERT_TRUE(write_record(folder, record));
  const pid_t next = ::fork();
  if (next == 0) ::_exit(enter_private_mounts(machine.options.run_root) ? 0 : 1);
  int status = 0;
  ASSERT_EQ(::waitpid(next, &status, 0), next);
  EXPECT_EQ(status, 0);
  ASSERT_EQ(::waitpid(ended, &status, 0), ended);
  EXPECT_TRUE(run_on(machine.loop, machine.engine->discard(id)));
}

TEST(Adopt, TheEpochIsThatOfTheRunRoot) {
  Machine machine;
  const std::string before = machine.engine->epoch();
  EXPECT_NE(before, "");
  machine.open_engine();
  EXPECT_EQ(machine.engine->epoch(), before);
  ASSERT_TRUE(os::remove_tree(machine.options.run_root));
  machine.open_engine();
  EXPECT_NE(machine.engine->epoch(), before);
  ASSERT_TRUE(replace_file(machine.options.run_root + "/epoch", "another-boot 1"));
  machine.open_engine();
  EXPECT_NE(machine.engine->epoch(), "another-boot 1");
}

TEST(Strays, WhoeverElseLooksIntoTheFolderIsLeftAlone) {
  Machine machine;
  const std::string folder = machine.folder + "/half-made";
  auto other = os::start({.argv = {"tail", "-f", "/dev/null", folder + "/x"}, .env = {}});
  ASSERT_TRUE(other);
  EXPECT_TRUE(end_makers(folder));
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, id_t(other->pid), &info, WEXITED | WNOHANG), 0);
  EXPECT_EQ(info.si_pid, 0) << "it goes on";
  ::kill(other->pid, SIGKILL);
  run_on(machine.loop, os::wait_exit(machine.loop, *other));
}

TEST(Strays, CopiesOfTheRuntimeAreUnmountedAndRemoved) {
  Machine machine;
  const std::string folder = machine.folder + "/copies/exec-1";
  ASSERT_TRUE(os::make_folders(folder));
  const std::string copy = folder + "/crun.a1b2c3", unmounted = folder + "/crun.d4e5f6";
  ASSERT_TRUE(replace_file(copy, ""));
  ASSERT_TRUE(replace_file(unmounted, ""));
  ASSERT_EQ(::mount("/bin/busybox", copy.c_str(), nullptr, MS_BIND, nullptr), 0);
  EXPECT_FALSE(os::remove_tree(folder));
  EXPECT_TRUE(remove_runtime_copies(machine.folder + "/copies"));
  EXPECT_TRUE(os::remove_tree(machine.folder + "/copies"));
  EXPECT_TRUE(remove_runtime_copies("/nowhere"));
}

TEST(Identity, IsOfOneProcessOnly) {
  const auto self = identify(::getpid(), "boot");
  ASSERT_TRUE(self);
  EXPECT_TRUE(open_process(*self, "boot"));
  EXPECT_EQ(open_process(*self, "other boot").error().code, ErrorCode::NotFound);
  auto impostor = *self;
  impostor.start_ticks += 1;
  EXPECT_EQ(open_process(impostor, "boot").error().code, ErrorCode::NotFound);
  EXPECT_EQ(identify(0x7ffffff0, "boot").error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace shoal::engine

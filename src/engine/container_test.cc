// Real containers: their life, their ends, and that nothing of them stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "engine/cgroup.h"
#include "engine/identity.h"
#include "engine/record.h"
#include "engine/support_test.h"

namespace shoal::engine {
namespace {

using ::testing::HasSubstr;
using testing::Machine;
using testing::run_on;

constexpr const char* kTrap =
    "trap 'echo got it; exit 7' TERM; echo ready; while :; do sleep 0.1; done";

TEST(Container, RunsAProgramAndGivesItsExitCode) {
  Machine machine;
  EXPECT_EQ(machine.run(machine.describe({"true"})).code, 0);
  EXPECT_EQ(machine.run(machine.describe({"sh", "-c", "exit 42"})).code, 42);
}

TEST(Container, KeepsItsOutputInTheLog) {
  Machine machine;
  EXPECT_EQ(machine.output_of({"echo", "hello"}), "hello\n");
}

TEST(Container, TellsTheSignalThatEndedIt) {
  Machine machine;
  const auto container = machine.start(machine.describe({"sleep", "1000"}));
  ASSERT_TRUE(container->kill(SIGKILL));
  const auto status = run_on(machine.loop, container->wait());
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 128 + SIGKILL);
  EXPECT_FALSE(status->oom_killed);
  EXPECT_EQ(container->state(), RunState::Exited);
  EXPECT_GE(status->finished_at, container->started_at());
  EXPECT_EQ(container->kill(SIGTERM).error().code, ErrorCode::Conflict);
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

TEST(Container, StopsWithItsStopSignalWithinTheGracePeriod) {
  Machine machine;
  const auto container = machine.start(machine.describe({"sh", "-c", kTrap}));
  machine.await_log(*container, "ready");
  const auto status = run_on(machine.loop, container->stop(SIGTERM, 30s));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 7);
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

TEST(Container, IsKilledWhenTheGracePeriodIsOver) {
  Machine machine;
  // The first process of a pid namespace ignores signals that it does not handle.
  const auto container = machine.start(machine.describe({"sleep", "1000"}));
  const Time before = machine.loop.now();
  const auto status = run_on(machine.loop, container->stop(SIGTERM, 200ms));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 137);
  EXPECT_GE(machine.loop.now() - before, 200ms);
  const auto again = run_on(machine.loop, container->stop(SIGTERM, 30s));
  EXPECT_EQ(again, status);
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

TEST(Container, FreezesAndThaws) {
  Machine machine;
  const auto container = machine.start(machine.describe({"sleep", "1000"}));
  EXPECT_EQ(run_on(machine.loop, container->resume()).error().code, ErrorCode::Conflict);
  ASSERT_TRUE(run_on(machine.loop, container->pause()));
  EXPECT_EQ(container->state(), RunState::Paused);
  EXPECT_EQ(run_on(machine.loop, container->pause()).error().code, ErrorCode::Conflict);
  ASSERT_TRUE(run_on(machine.loop, container->resume()));
  EXPECT_EQ(container->state(), RunState::Running);
  ASSERT_TRUE(run_on(machine.loop, container->pause()));
  const auto status = run_on(machine.loop, container->stop(SIGKILL, 10s));
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(status->code, 137);
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

TEST(Container, IsRemovedWhileItRunsAndWhilePaused) {
  Machine machine;
  for (const bool pause : {false, true}) {
    const auto container = machine.start(machine.describe({"sleep", "1000"}));
    if (pause) {
      ASSERT_TRUE(run_on(machine.loop, container->pause()));
    }
    EXPECT_TRUE(run_on(machine.loop, container->remove()));
    EXPECT_TRUE(run_on(machine.loop, container->remove()));
  }
}

TEST(Container, ThatWasNeverStartedIsRemoved) {
  Machine machine;
  const auto container = machine.create(machine.describe({"true"}));
  EXPECT_EQ(container->state(), RunState::Created);
  EXPECT_FALSE(container->started_at().is_set());
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

TEST(Container, ManyWaitAndOneGivesUp) {
  Machine machine;
  const auto container = machine.start(machine.describe({"sleep", "1000"}));
  os::StopSource stop;
  machine.loop.post([&] { stop.stop(); });
  const auto gave_up = run_on(machine.loop, container->wait(stop.token()));
  EXPECT_EQ(gave_up.error().code, ErrorCode::Cancelled);
  auto both = [](Container& c) -> os::Co<bool> {
    os::OneShot<bool> other;
    os::spawn([](Container& waited, os::OneShot<bool> done) -> os::Co<> {
      done.set((co_await waited.wait()).has_value());
    }(c, other));
    (void)c.kill(SIGKILL);
    const bool mine = (co_await c.wait()).has_value();
    co_return co_await other&& mine;
  };
  EXPECT_TRUE(run_on(machine.loop, both(*container)));
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

TEST(Container, SaysWhenItsProgramIsNotThere) {
  Machine machine;
  const auto named = run_on(machine.loop, machine.engine->create(machine.describe({"foo"})));
  ASSERT_FALSE(named);
  EXPECT_EQ(
      named.error().message,
      "OCI runtime create failed: exec: \"foo\": executable file not found in $PATH: unknown");
  EXPECT_EQ(start_failure_code(named.error()), 127);
  const auto path = run_on(machine.loop, machine.engine->create(machine.describe({"/bin/foo"})));
  ASSERT_FALSE(path);
  EXPECT_THAT(path.error().message, HasSubstr("stat /bin/foo: no such file or directory"));
  EXPECT_EQ(start_failure_code(path.error()), 127);
}

TEST(Container, SaysWhenItsProgramCannotBeExecuted) {
  Machine machine;
  const auto file = run_on(machine.loop, machine.engine->create(machine.describe({"/etc/passwd"})));
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("exec: \"/etc/passwd\": permission denied"));
  EXPECT_EQ(start_failure_code(file.error()), 126);
  const auto folder = run_on(machine.loop, machine.engine->create(machine.describe({"/bin"})));
  ASSERT_FALSE(folder);
  EXPECT_THAT(folder.error().message, HasSubstr("exec: \"/bin\": is a directory"));
  EXPECT_EQ(start_failure_code(folder.error()), 126);
}

TEST(Container, RefusesAnIdThatIsTakenAndOneThatIsNone) {
  Machine machine;
  auto description = machine.describe({"sleep", "1000"});
  const auto container = machine.start(description);
  EXPECT_EQ(run_on(machine.loop, machine.engine->create(description)).error().code,
            ErrorCode::AlreadyExists);
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
  description.id = "../x";
  EXPECT_EQ(run_on(machine.loop, machine.engine->create(description)).error().code,
            ErrorCode::InvalidArgument);
}

TEST(Container, CreatingIsUndoneWhenTheCallerGoesAway) {
  Machine machine;
  os::StopSource stop;
  auto body = [](Machine& m, os::StopSource source) -> os::Co<bool> {
    const auto description = m.describe({"sleep", "1000"});
    source.stop();
    const auto created = co_await m.engine->create(description, source.token());
    co_return !created && created.error().code == ErrorCode::Cancelled;
  };
  EXPECT_TRUE(run_on(machine.loop, body(machine, stop)));
}

TEST(Container, LimitsStandInItsCgroup) {
  Machine machine;
  auto description = machine.describe({"sleep", "1000"});
  description.config.memory_bytes = 64 << 20;
  description.config.nano_cpus = 1'500'000'000;
  description.config.pids_max = 17;
  const auto container = machine.start(description);
  const auto cgroups = Cgroups::open();
  const std::string group = machine.cgroup + "/" + description.id;
  if (cgroups->layout() == CgroupLayout::V2) {
    EXPECT_EQ(cgroups->read("memory", group, "memory.max"), "67108864");
    EXPECT_EQ(cgroups->read("cpu", group, "cpu.max"), "150000 100000");
  } else {
    EXPECT_EQ(cgroups->read("memory", group, "memory.limit_in_bytes"), "67108864");
    EXPECT_EQ(cgroups->read("cpu", group, "cpu.cfs_quota_us"), "150000");
  }
  EXPECT_EQ(cgroups->read("pids", group, "pids.max"), "17");
  const auto stats = run_on(machine.loop, container->stats());
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->memory_limit_bytes, 67108864u);
  EXPECT_GT(stats->memory_usage_bytes, 0u);
  EXPECT_EQ(stats->pids_current, 1u);
  EXPECT_EQ(stats->pids_limit, 17u);
  EXPECT_GT(stats->cpu_total_ns, 0u);
  EXPECT_GT(stats->system_cpu_ns, stats->cpu_total_ns);
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

TEST(Container, TellsThatTheKernelKilledItForItsMemory) {
  Machine machine;
  auto description = machine.describe({"sh", "-c", "head -c 200m /dev/zero | grep x"});
  description.config.memory_bytes = 16 << 20;
  description.config.memory_swap_bytes = 16 << 20;
  EXPECT_TRUE(machine.run(description).oom_killed);
}

TEST(Container, ListsItsProcesses) {
  Machine machine;
  // The shell's child bears the shell's own arguments until it has become sleep.
  const auto container = machine.start(machine.describe(
      {"sh", "-c",
       "sleep 1000 & until grep -q ^sleep /proc/$!/cmdline; do :; done; echo up; wait"}));
  machine.await_log(*container, "up");
  const auto table = run_on(machine.loop, container->top("-eo pid,args"));
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_THAT(table->titles, ::testing::ElementsAre("PID", "COMMAND"));
  ASSERT_EQ(table->rows.size(), 2u);
  EXPECT_EQ(table->rows[0][0], std::to_string(container->pid()));
  EXPECT_EQ(table->rows[1][1], "sleep 1000");
  EXPECT_EQ(run_on(machine.loop, container->top("-o comm")).error().code,
            ErrorCode::InvalidArgument);
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

TEST(Container, EndsWhenItsConmonIsKilled) {
  Machine machine;
  const auto description = machine.describe({"sleep", "1000"});
  const auto container = machine.start(description);
  const auto record = read_record(machine.options.run_root + "/c/" + description.id);
  ASSERT_TRUE(record && record->supervisor);
  ASSERT_EQ(::kill(record->supervisor->pid, SIGKILL), 0);
  const auto status = run_on(machine.loop, container->wait());
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 137);
  EXPECT_NE(status->error, "");
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

// Whatever moment conmon or the runtime is killed at, creating fails or succeeds as a whole.
TEST(Container, LeavesNothingWhenConmonOrTheRuntimeIsKilledHalfWay) {
  Machine machine;
  machine.options.create_patience = 2s;
  machine.open_engine();
  auto body = [](Machine& m, bool runtime, Duration after) -> os::Co<bool> {
    const auto description = m.describe({"sleep", "1000"});
    os::StopSource done;
    os::spawn([](Machine& mm, bool both, Duration wait) -> os::Co<> {
      co_await mm.loop.sleep(wait);
      const auto cgroups = Cgroups::open();
      const auto pids = cgroups->processes(mm.cgroup + "/conmon");
      // The first one is conmon, the runtime comes after it.
      for (size_t i = both ? 1 : 0; i < pids.size(); ++i) ::kill(pids[i], SIGKILL);
    }(m, runtime, after));
    const auto created = co_await m.engine->create(description);
    if (created) co_return (co_await (*created)->remove()).has_value();
    co_return true;
  };
  for (const bool runtime : {false, true}) {
    for (int ms = 0; ms < 20; ms += 2) {
      EXPECT_TRUE(run_on(machine.loop, body(machine, runtime, std::chrono::milliseconds(ms))));
    }
  }
}

TEST(Container, ThirtyRunSideBySide) {
  Machine machine;
  auto one = [](Machine& m, int& left, os::OneShot<bool> all) -> os::Co<> {
    const auto description = m.describe({"sh", "-c", "exit 3"});
    auto created = co_await m.engine->create(description);
    EXPECT_TRUE(created);
    if (created) {
      EXPECT_TRUE(co_await (*created)->start());
      const auto status = co_await (*created)->wait();
      EXPECT_EQ(status->code, 3);
      EXPECT_TRUE(co_await (*created)->remove());
    }
    if (--left == 0) all.set(true);
  };
  auto body = [&one](Machine& m) -> os::Co<bool> {
    int left = 30;
    os::OneShot<bool> all;
    for (int i = 0; i < 30; ++i) os::spawn(one(m, left, all));
    co_return co_await all;
  };
  EXPECT_TRUE(run_on(machine.loop, body(machine)));
}

}  // namespace
}  // namespace shoal::engine

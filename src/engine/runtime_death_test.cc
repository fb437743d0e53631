// The runtime is killed at chosen points of its work: creating (or an exec) fails with a reason,
// nothing is left, and the next try works.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "engine/cgroup.h"
#include "engine/support_test.h"
#include "os/file.h"

namespace shoal::engine {
namespace {

using testing::Machine;
using testing::run_on;

// The runtime's system call that is its last: the `when`-th of this name.
struct Death {
  const char* call;
  int when;
};

// A program in the place of the runtime that is the runtime, and is killed at that call.
std::string dying_runtime(const Machine& machine, const Death& death) {
  const std::string path = machine.folder + "/crun-that-dies";
  std::ofstream(path) << fmt::format(
      "#!/bin/sh\nexec strace -D --quiet=all -o /dev/null -e trace={0} "
      "-e inject={0}:signal=SIGKILL:when={1} /usr/bin/crun \"$@\"\n",
      death.call, death.when);
  ::chmod(path.c_str(), 0755);
  return path;
}

void expect_nothing_left(Machine& machine, const std::string& id, const Death& death) {
  const auto cgroups = Cgroups::open();
  const std::string at = fmt::format("{} {}", death.call, death.when);
  EXPECT_THAT(cgroups->processes(machine.cgroup + "/" + id), ::testing::IsEmpty()) << at;
  EXPECT_FALSE(cgroups->read("memory", machine.cgroup + "/" + id, "cgroup.procs")) << at;
  EXPECT_THAT(run_on(machine.loop, machine.engine->list()).value(), ::testing::IsEmpty()) << at;
}

class RuntimeDeath : public ::testing::TestWithParam<Death> {
 protected:
  RuntimeDeath() {
    machine_.options.create_patience = 2s;
    machine_.open_engine();
  }
  void use(const std::string& runtime) {
    machine_.options.crun = runtime;
    machine_.open_engine();
  }
  Machine machine_;
};

TEST_P(RuntimeDeath, WhileItCreates) {
  const auto description = machine_.describe({"sh", "-c", "exit 6"});
  use(dying_runtime(machine_, GetParam()));
  const auto created = run_on(machine_.loop, machine_.engine->create(description));
  ASSERT_FALSE(created);
  EXPECT_THAT(created.error().message, ::testing::HasSubstr("OCI runtime"));
  expect_nothing_left(machine_, description.id, GetParam());
  use("/usr/bin/crun");
  EXPECT_EQ(machine_.run(description).code, 6) << "the next try works";
}

TEST_P(RuntimeDeath, WhileItStartsAnExec) {
  const auto description = machine_.describe({"sleep", "1000"});
  const auto made = machine_.start(description);
  ASSERT_TRUE(made);
  // The same container with a runtime that dies.
  use(dying_runtime(machine_, GetParam()));
  auto adopted = run_on(machine_.loop, machine_.engine->adopt(description.id));
  ASSERT_TRUE(adopted);
  ExecDescription exec{.id = std::string(64, 'e'), .argv = {"sh", "-c", "exit 7"}};
  const auto dead = run_on(machine_.loop, (*adopted)->exec(exec));
  ASSERT_FALSE(dead);
  EXPECT_THAT(dead.error().message, ::testing::HasSubstr("OCI runtime"));
  EXPECT_EQ((*adopted)->state(), RunState::Running);
  use("/usr/bin/crun");
  adopted = run_on(machine_.loop, machine_.engine->adopt(description.id));
  ASSERT_TRUE(adopted);
  exec.id = std::string(64, 'f');
  const auto next = run_on(machine_.loop, (*adopted)->exec(exec));
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(run_on(machine_.loop, (*next)->wait()), 7);
  EXPECT_TRUE(run_on(machine_.loop, (*adopted)->remove()));
  expect_nothing_left(machine_, description.id, GetParam());
}

INSTANTIATE_TEST_SUITE_P(At, RuntimeDeath,
                         ::testing::Values(Death{"openat", 10}, Death{"openat", 30},
                                           Death{"mount", 1}, Death{"clone,clone3", 1},
                                           Death{"mkdir,mkdirat", 2}, Death{"write", 4},
                                           Death{"write", 12}),
                         [](const auto& param) {
                           std::string name = param.param.call;
                           for (char& c : name) {
                             if (c == ',') c = 'o';
                           }
                           return name + std::to_string(param.param.when);
                         });

}  // namespace
}  // namespace shoal::engine

// Standard streams: attach, terminals, exec, logs of running containers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "engine/cgroup.h"
#include "engine/record.h"
#include "engine/support_test.h"

namespace shoal::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kPatience;
using testing::Machine;
using testing::run_on;

struct Streams {
  std::string out, err;
};

// Everything until the streams end.
os::Co<Streams> drain(Attachment& attachment) {
  Streams streams;
  for (;;) {
    const auto piece = co_await attachment.read();
    if (!piece || !*piece) co_return streams;
    ((*piece)->stream == OutputStream::Stderr ? streams.err : streams.out) += (*piece)->bytes;
  }
}

// Reads until `text` came.
os::Co<bool> read_until(Attachment& attachment, std::string text) {
  std::string seen;
  while (seen.find(text) == std::string::npos) {
    const auto piece = co_await attachment.read();
    if (!piece || !*piece) co_return false;
    seen += (*piece)->bytes;
  }
  co_return true;
}

ContainerDescription with_stdin(Machine& machine, std::vector<std::string> argv, bool tty) {
  auto description = machine.describe(std::move(argv));
  description.config.spec.open_stdin = true;
  description.config.spec.tty = tty;
  description.config.stdin_once = true;
  return description;
}

ExecDescription exec_of(std::vector<std::string> argv) {
  static int next = 1;
  ExecDescription description;
  description.id = fmt::format("{:064x}", next++);
  description.argv = std::move(argv);
  return description;
}

TEST(Attach, BeforeTheStartMissesNothingAndKeepsTheStreamsApart) {
  Machine machine;
  const auto container = machine.create(machine.describe({"sh", "-c", "echo out; echo err >&2"}));
  auto attachment = run_on(machine.loop, container->attach());
  ASSERT_TRUE(attachment) << attachment.error().message;
  ASSERT_TRUE(run_on(machine.loop, container->start()));
  const Streams streams = run_on(machine.loop, drain(**attachment));
  EXPECT_EQ(streams.out, "out\n");
  EXPECT_EQ(streams.err, "err\n");
  ASSERT_TRUE(run_on(machine.loop, container->wait()));
  EXPECT_EQ(run_on(machine.loop, container->attach()).error().code, ErrorCode::Conflict);
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

TEST(Attach, GivesInputAndItsEnd) {
  Machine machine;
  const auto container = machine.start(with_stdin(machine, {"wc", "-c"}, false));
  const auto attachment = run_on(machine.loop, container->attach());
  ASSERT_TRUE(attachment);
  // More than the pipes and the sockets hold.
  EXPECT_TRUE(run_on(machine.loop, (*attachment)->write(std::string(3'000'000, 'x'))));
  (*attachment)->close_input();
  EXPECT_EQ(run_on(machine.loop, drain(**attachment)).out, "3000000\n");
  EXPECT_EQ(run_on(machine.loop, container->wait())->code, 0);
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

TEST(Attach, InputAndOutputFlowSideBySide) {
  Machine machine;
  const auto container = machine.start(with_stdin(machine, {"cat"}, false));
  const auto attachment = run_on(machine.loop, container->attach());
  auto both = [](Attachment& a) -> os::Co<size_t> {
    os::spawn([](Attachment& writer) -> os::Co<> {
      const std::string input(1'000'000, 'y');
      EXPECT_TRUE(co_await writer.write(input));
      writer.close_input();
    }(a));
    co_return (co_await drain(a)).out.size();
  };
  EXPECT_EQ(run_on(machine.loop, both(**attachment)), 1'000'000u);
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

TEST(Attach, AClientThatGoesAwayLeavesTheContainerRunning) {
  Machine machine;
  const auto container = machine.start(machine.describe(
      {"sh", "-c", "trap 'exit 9' TERM; while :; do echo line; sleep 0.05; done"}));
  for (int i = 0; i < 3; ++i) {
    auto attachment = run_on(machine.loop, container->attach());
    ASSERT_TRUE(attachment);
    EXPECT_TRUE(run_on(machine.loop, read_until(**attachment, "line")));
  }
  // One more, whose read is given up in the middle.
  auto attachment = run_on(machine.loop, container->attach());
  os::StopSource stop;
  machine.loop.post([&] { stop.stop(); });
  auto give_up = [](Attachment& a, os::StopToken token) -> os::Co<ErrorCode> {
    for (;;) {
      const auto piece = co_await a.read(token);
      if (!piece) co_return piece.error().code;
    }
  };
  EXPECT_EQ(run_on(machine.loop, give_up(**attachment, stop.token())), ErrorCode::Cancelled);
  attachment->reset();
  machine.await_log(*container, "line");
  EXPECT_EQ(run_on(machine.loop, container->stop(SIGTERM, 30s))->code, 9);
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

TEST(Terminal, HasTheSizeItIsGiven) {
  Machine machine;
  const auto container = machine.start(with_stdin(machine, {"sh"}, true));
  const auto attachment = run_on(machine.loop, container->attach());
  ASSERT_TRUE(attachment);
  ASSERT_TRUE(run_on(machine.loop, container->resize(33, 99)));
  auto ask = [](Attachment& a) -> os::Co<bool> {
    // The size arrives on a way of its own, so it is asked for until it is there.
    const std::string question = "until stty size | grep '33 99'; do :; done\n";
    const std::string answer = "33 99\r\n";
    EXPECT_TRUE(co_await a.write(question));
    co_return co_await read_until(a, answer);
  };
  EXPECT_TRUE(run_on(machine.loop, ask(**attachment)));
  EXPECT_TRUE(run_on(machine.loop, (*attachment)->write("exit 4\n")));
  EXPECT_EQ(run_on(machine.loop, container->wait())->code, 4);
  EXPECT_EQ(run_on(machine.loop, container->resize(1, 1)).error().code, ErrorCode::Conflict);
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

TEST(Terminal, IsThereOnlyWhenAskedFor) {
  Machine machine;
  const auto container = machine.start(machine.describe({"sleep", "1000"}));
  EXPECT_EQ(run_on(machine.loop, container->resize(1, 1)).error().code, ErrorCode::Conflict);
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

class ExecTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto description = machine_.describe({"sleep", "1000"});
    description.config.spec.env = {"A=container", "B=kept"};
    container_ = machine_.start(description);
    ASSERT_TRUE(container_);
  }
  void TearDown() override { EXPECT_TRUE(run_on(machine_.loop, container_->remove())); }

  std::shared_ptr<Exec> exec(const ExecDescription& description) {
    auto started = run_on(machine_.loop, container_->exec(description));
    EXPECT_TRUE(started) << started.error().message;
    return started ? *started : nullptr;
  }
  // Its output and, through `code`, how it ended.
  Streams output(const ExecDescription& description, int32_t expected_code = 0) {
    const auto running = exec(description);
    if (!running) return {};
    Streams streams = run_on(machine_.loop, drain(*running->attachment()));
    EXPECT_EQ(run_on(machine_.loop, running->wait()), expected_code);
    return streams;
  }

  Machine machine_;
  std::shared_ptr<Container> container_;
};

TEST_F(ExecTest, GivesOutputAndExitCode) {
  const Streams streams = output(exec_of({"sh", "-c", "echo out; echo err >&2; exit 6"}), 6);
  EXPECT_EQ(streams.out, "out\n");
  EXPECT_EQ(streams.err, "err\n");
}

TEST_F(ExecTest, HasTheContainersEnvironmentUnlessToldOtherwise) {
  auto description = exec_of({"sh", "-c", "echo $A $B $C $(pwd) $(id -u) $HOME"});
  description.env = {"A=exec", "C=new"};
  EXPECT_EQ(output(description).out, "exec kept new / 0 /root\n");
  description = exec_of({"sh", "-c", "echo $(pwd) $(id -u):$(id -g) $HOME"});
  description.user = "web";
  description.working_dir = "/tmp";
  EXPECT_EQ(output(description).out, "/tmp 1000:1001 /data\n");
}

TEST_F(ExecTest, IsConfinedUnlessPrivileged) {
  auto description = exec_of({"grep", "-E", "CapEff|Seccomp:", "/proc/self/status"});
  EXPECT_THAT(output(description).out, HasSubstr("CapEff:\t00000000a80425fb\nSeccomp:\t2"));
  description = exec_of({"grep", "CapEff", "/proc/self/status"});
  description.privileged = true;
  EXPECT_THAT(output(description).out, HasSubstr("CapEff:\t000001ff"));
}

TEST_F(ExecTest, TakesInput) {
  auto description = exec_of({"wc", "-c"});
  description.open_stdin = true;
  const auto running = exec(description);
  ASSERT_TRUE(running);
  EXPECT_TRUE(run_on(machine_.loop, running->attachment()->write("twelve bytes")));
  running->attachment()->close_input();
  EXPECT_EQ(run_on(machine_.loop, drain(*running->attachment())).out, "12\n");
}

TEST_F(ExecTest, WithATerminalCanBeResized) {
  auto description = exec_of({"sh"});
  description.tty = true;
  description.open_stdin = true;
  const auto running = exec(description);
  ASSERT_TRUE(running);
  ASSERT_TRUE(run_on(machine_.loop, running->resize(44, 88)));
  auto ask = [](Attachment& a) -> os::Co<bool> {
    const std::string question = "until stty size | grep '44 88'; do :; done\n";
    const std::string answer = "44 88\r\n";
    EXPECT_TRUE(co_await a.write(question));
    co_return co_await read_until(a, answer);
  };
  EXPECT_TRUE(run_on(machine_.loop, ask(*running->attachment())));
  EXPECT_TRUE(run_on(machine_.loop, running->attachment()->write("exit 3\n")));
  EXPECT_EQ(run_on(machine_.loop, running->wait()), 3);
  EXPECT_EQ(run_on(machine_.loop, running->resize(1, 1)).error().code, ErrorCode::NotFound);
}

TEST_F(ExecTest, SaysWhenTheProgramIsNotThereOrCannotBeExecuted) {
  const auto missing = run_on(machine_.loop, container_->exec(exec_of({"foo"})));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "OCI runtime exec failed: exec: \"foo\": executable file not found in $PATH: unknown");
  EXPECT_EQ(start_failure_code(missing.error()), 127);
  const auto refused = run_on(machine_.loop, container_->exec(exec_of({"/etc/passwd"})));
  ASSERT_FALSE(refused);
  EXPECT_EQ(start_failure_code(refused.error()), 126);
  EXPECT_EQ(run_on(machine_.loop, container_->exec(exec_of({}))).error().code,
            ErrorCode::InvalidArgument);
  auto nobody = exec_of({"true"});
  nobody.user = "nobody-here";
  EXPECT_EQ(run_on(machine_.loop, container_->exec(nobody)).error().message,
            "unable to find user nobody-here: no matching entries in passwd file");
}

TEST_F(ExecTest, RunsWithoutAnybodyWatching) {
  auto description = exec_of({"sh", "-c", "echo unread; exit 8"});
  description.attach = false;
  const auto running = exec(description);
  ASSERT_TRUE(running);
  EXPECT_EQ(running->attachment(), nullptr);
  EXPECT_EQ(run_on(machine_.loop, running->wait()), 8);
}

TEST_F(ExecTest, EndsWithItsContainer) {
  const auto running = exec(exec_of({"sleep", "1000"}));
  ASSERT_TRUE(running);
  ASSERT_TRUE(container_->kill(SIGKILL));
  EXPECT_EQ(run_on(machine_.loop, running->wait()), 137);
  ASSERT_TRUE(run_on(machine_.loop, container_->wait()));
  EXPECT_EQ(run_on(machine_.loop, container_->exec(exec_of({"true"}))).error().code,
            ErrorCode::Conflict);
}

TEST_F(ExecTest, EndsWhenItsConmonIsKilled) {
  auto description = exec_of({"sleep", "1000"});
  const auto running = exec(description);
  ASSERT_TRUE(running);
  const auto record = read_exec_record(machine_.options.run_root + "/c/" + container_->id() +
                                       "/exec-" + description.id);
  ASSERT_TRUE(record);
  ASSERT_EQ(::kill(record->supervisor.pid, SIGKILL), 0);
  EXPECT_EQ(run_on(machine_.loop, running->wait()), 137);
  const auto cgroups = Cgroups::open();
  const std::string group = machine_.cgroup + "/" + container_->id();
  const Time deadline = machine_.loop.now() + kPatience;
  while (cgroups->processes(group).size() > 1 && machine_.loop.now() < deadline) {
    run_on(machine_.loop, machine_.loop.sleep(5ms));
  }
  EXPECT_EQ(cgroups->processes(group).size(), 1u) << "only the container's own process";
  EXPECT_EQ(container_->state(), RunState::Running);
}

TEST_F(ExecTest, RefusesWhileThePausedContainerCannotRunIt) {
  ASSERT_TRUE(run_on(machine_.loop, container_->pause()));
  EXPECT_THAT(run_on(machine_.loop, container_->exec(exec_of({"true"}))).error().message,
              HasSubstr("is paused"));
}

TEST(Logs, FollowUntilTheContainerEnds) {
  Machine machine;
  const auto container = machine.start(machine.describe(
      {"sh", "-c",
       "printf par; sleep 0.1; echo tial; for i in 1 2 3; do sleep 0.05; echo $i; done; "
       "printf end"}));
  auto read_all = [](Container& c) -> os::Co<std::string> {
    auto reader = c.logs({.follow = true});
    std::string text;
    for (;;) {
      const auto line = co_await (*reader)->next();
      if (!line || !*line) co_return text;
      text += "[" + (*line)->bytes + "]";
    }
  };
  EXPECT_EQ(run_on(machine.loop, read_all(*container)), "[partial\n][1\n][2\n][3\n][end]");
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

TEST(Logs, AFollowerThatGoesAwayIsAllThatEnds) {
  Machine machine;
  const auto container = machine.start(machine.describe({"sleep", "1000"}));
  os::StopSource stop;
  machine.loop.post([&] { stop.stop(); });
  {
    auto reader = container->logs({.follow = true});
    ASSERT_TRUE(reader);
    EXPECT_EQ(run_on(machine.loop, (*reader)->next(stop.token())).error().code,
              ErrorCode::Cancelled);
  }
  EXPECT_EQ(container->state(), RunState::Running);
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

TEST(Logs, DriverNoneKeepsNothingAndAnUnknownOneIsRefused) {
  Machine machine;
  auto description = machine.describe({"echo", "x"});
  description.config.log_driver = model::Driver{"none", {}};
  const auto container = machine.start(description);
  EXPECT_EQ(container->logs({}).error().message,
            "configured logging driver does not support reading");
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
  EXPECT_EQ(machine.log(description), "");
  description.config.log_driver = model::Driver{"fancy", {}};
  EXPECT_EQ(run_on(machine.loop, machine.engine->create(description)).error().message,
            "logger: no log driver named 'fancy' is registered");
}

}  // namespace
}  // namespace shoal::engine

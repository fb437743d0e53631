// Streams, execs, health checks, volumes, networks and a new daemon, with real containers.
#include <filesystem>
#include <fstream>
#include <future>

#include "containers/parallel.h"
#include "containers/support_test.h"

namespace shoal::containers {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class LookIn : public testing::NodeTest {
 protected:
  // All that comes out of an attachment until its end.
  std::string read_all(engine::Attachment& streams) {
    std::string text;
    for (;;) {
      auto piece = run(streams.read());
      if (!piece || !*piece) return text;
      text += (*piece)->bytes;
    }
  }
  template <class T>
  T answer(os::OneShot<T> one) {
    return run([](os::OneShot<T> waiting) -> os::Co<T> { co_return co_await waiting; }(one));
  }
  // Every thread of the pool waits until `released` is ready.
  void hold_pool(const std::shared_future<void>& released) {
    loop().post([&loop = loop(), released] {
      for (int i = 0; i < testing::kPoolThreads; ++i) {
        loop.offload_job([released] { released.wait(); }, [] {});
      }
    });
  }
};

TEST_F(LookIn, AttachedBeforeTheStartMissesNothing) {
  auto wanted = config({"sh", "-c", "echo first; cat; echo last"});
  wanted.spec.open_stdin = true;
  wanted.stdin_once = true;
  const auto id = create(wanted);
  os::OneShot<Result<std::unique_ptr<engine::Attachment>>> attaching;
  loop().post([&] { attaching = begin(containers().attach(id)); });
  EXPECT_TRUE(run(containers().start(id)));
  auto streams = answer(attaching);
  ASSERT_TRUE(streams) << streams.error().message;
  EXPECT_TRUE(run((*streams)->write("between\n")));
  (*streams)->close_input();
  EXPECT_EQ(read_all(**streams), "first\nbetween\nlast\n");
  EXPECT_EQ(wait(id), 0);
}

TEST_F(LookIn, WhoWaitsForTheStreamsOfAFailedStartIsTold) {
  const auto id = create(config({"/bin/nowhere"}));
  os::OneShot<Result<std::unique_ptr<engine::Attachment>>> attaching;
  loop().post([&] { attaching = begin(containers().attach(id)); });
  EXPECT_FALSE(run(containers().start(id)));
  EXPECT_THAT(answer(attaching).error().message, HasSubstr("/bin/nowhere"));
}

TEST_F(LookIn, AClientThatGoesBeforeTheStartIsForgotten) {
  const auto id = create(config({"sleep", "1000"}));
  const os::StopSource client;
  os::OneShot<Result<std::unique_ptr<engine::Attachment>>> attaching;
  loop().post([&] { attaching = begin(containers().attach(id, client.token())); });
  run(loop().sleep(1ms));
  loop().post([&] { client.stop(); });
  EXPECT_EQ(answer(attaching).error().code, ErrorCode::Cancelled);
  EXPECT_TRUE(run(containers().start(id)));
}

TEST_F(LookIn, AFollowedLogEndsWithTheContainer) {
  const auto id = start(config({"sh", "-c", "echo one; sleep 0.2; echo two"}));
  auto reader = containers().logs(id, {.follow = true});
  ASSERT_TRUE(reader);
  std::string text;
  for (;;) {
    auto line = run((*reader)->next());
    ASSERT_TRUE(line);
    if (!*line) break;
    text += (*line)->bytes;
  }
  EXPECT_EQ(text, "one\ntwo\n");
}

TEST_F(LookIn, AClientThatGoesWhileItFollowsEndsOnlyItsReading) {
  const auto id = start(config({"sleep", "1000"}));
  auto reader = containers().logs(id, {.follow = true});
  const os::StopSource client;
  loop().post([&] { client.stop(); });
  EXPECT_EQ(run((*reader)->next(client.token())).error().code, ErrorCode::Cancelled);
  EXPECT_EQ(find(id)->state.status, Status::Running);
}

TEST_F(LookIn, LogDriverNoneKeepsNothing) {
  auto wanted = config({"echo", "hello"});
  wanted.log_driver = model::Driver{.name = "none"};
  const auto id = start(wanted);
  wait(id);
  EXPECT_EQ(containers().logs(id, {}).error().message,
            "configured logging driver does not support reading");
}

TEST_F(LookIn, AnExecRunsInsideAndReportsItsCode) {
  const auto id = start(config({"sleep", "1000"}));
  auto exec = containers().execs().create(
      id, {.argv = {"sh", "-c", "echo inside; exit 4"}, .attach_stdout = true});
  ASSERT_TRUE(exec);
  ASSERT_TRUE(run(containers().execs().start((*exec)->id, false)));
  EXPECT_EQ(read_all(*(*exec)->process->attachment()), "inside\n");
  EXPECT_EQ(*run((*exec)->process->wait()), 4);
  EXPECT_EQ(run(containers().execs().start((*exec)->id, false)).error().code, ErrorCode::Conflict);
  EXPECT_EQ(containers().execs().find("x").error().message, "No such exec instance: x");
  EXPECT_EQ(containers().execs().create(id, {}).error().message, "No exec command specified");
}

// A client asks for the code once the streams have ended: nothing else may come before it is known.
TEST_F(LookIn, TheCodeOfAnExecIsKnownWhileThePoolIsBusy) {
  const auto id = start(config({"sleep", "1000"}));
  auto exec = containers().execs().create(
      id, {.argv = {"sh", "-c", "read go; exit 7"}, .attach_stdin = true, .attach_stdout = true});
  ASSERT_TRUE(exec);
  ASSERT_TRUE(run(containers().execs().start((*exec)->id, false)));
  const auto process = (*exec)->process;
  std::promise<void> release;
  hold_pool(release.get_future().share());
  EXPECT_TRUE(run(process->attachment()->write("go\n")));
  EXPECT_EQ(read_all(*process->attachment()), "");
  const Time deadline = loop().now() + testing::kPatience;
  while (!process->exit_code() && loop().now() < deadline) run(loop().sleep(1ms));
  EXPECT_EQ(process->exit_code(), 7);
  EXPECT_EQ((*exec)->exit_code, 7);
  release.set_value();
  EXPECT_EQ(*run(process->wait()), 7);
}

TEST_F(LookIn, ExecsThatWereNeverStartedMakeRoomForNewOnes) {
  const auto id = create(config({"sleep", "1000"}));
  ASSERT_TRUE(run(containers().start(id)));
  auto& execs = containers().execs();
  const auto first = execs.create(id, {.argv = {"true"}});
  ASSERT_TRUE(first);
  for (size_t i = 0; i < kExecsMax; ++i) ASSERT_TRUE(execs.create(id, {.argv = {"true"}}));
  EXPECT_EQ(execs.find((*first)->id).error().code, ErrorCode::NotFound);
  const ExecConfig large{.argv = {"echo", std::string(kExecBytesMax - 4, 'x')}};
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(execs.create(id, large));
  EXPECT_LE(execs.of(id).size(), kExecsBytesMax / kExecBytesMax);
  const ExecConfig too_large{.argv = {"echo", std::string(kExecBytesMax, 'x')}};
  EXPECT_EQ(execs.create(id, too_large).error().code, ErrorCode::TooLarge);
}

TEST_F(LookIn, AnExecOfNothingIs127) {
  const auto id = start(config({"sleep", "1000"}));
  auto exec = containers().execs().create(id, {.argv = {"/bin/nowhere"}});
  ASSERT_TRUE(exec);
  EXPECT_FALSE(run(containers().execs().start((*exec)->id, false)));
  EXPECT_EQ((*exec)->exit_code, 127);
}

TEST_F(LookIn, ExecsNeedARunningContainer) {
  const auto id = create(config({"true"}));
  EXPECT_EQ(containers().execs().create(id, {.argv = {"true"}}).error(),
            (Error{ErrorCode::Conflict, fmt::format("container {} is not running", id)}));
}

TEST_F(LookIn, HealthIsCheckedUntilItChanges) {
  auto wanted = config({"sleep", "1000"}, "web");
  wanted.spec.healthcheck = model::HealthConfig{
      .test = {"CMD-SHELL", "test ! -e /sick"}, .interval = 20ms, .timeout = 10s, .retries = 2};
  const auto id = start(wanted);
  EXPECT_EQ(find(id)->state.health.status, HealthStatus::Starting);
  EXPECT_EQ(run(containers().wait_ready(id)), Readiness::Ready);
  EXPECT_EQ(find(id)->state.health.status, HealthStatus::Healthy);
  auto exec = containers().execs().create(id, {.argv = {"touch", "/sick"}});
  ASSERT_TRUE(run(containers().execs().start((*exec)->id, true)));
  const Time deadline = loop().now() + testing::kPatience;
  while (find(id)->state.health.status != HealthStatus::Unhealthy && loop().now() < deadline) {
    run(loop().sleep(5ms));
  }
  EXPECT_EQ(run(containers().wait_ready(id)), Readiness::Unhealthy);
  EXPECT_THAT(daemon_->events, Contains("health_status: healthy web"));
  EXPECT_THAT(daemon_->events, Contains("health_status: unhealthy web"));
}

TEST_F(LookIn, WhetherItListensIsWaitedFor) {
  using enum model::PortProtocol;
  const auto listens = [&](const std::string& id, std::set<netdriver::ListeningPort> ports,
                           Duration within, os::StopToken stop = {}) {
    return run(containers().wait_listening(id, {.ports = std::move(ports)}, within, stop));
  };
  const auto id =
      start(config({"sh", "-c", "until test -e /go; do sleep 0.01; done; nc -l -p 80"}));
  EXPECT_EQ(listens(id, {{Tcp, 80}}, 0s), false);
  EXPECT_EQ(listens(id, {}, 0s), true);
  const os::StopSource given_up;
  given_up.stop();
  EXPECT_EQ(listens(id, {{Tcp, 80}}, testing::kPatience, given_up.token()).error().code,
            ErrorCode::Cancelled);
  auto exec = containers().execs().create(id, {.argv = {"touch", "/go"}});
  ASSERT_TRUE(run(containers().execs().start((*exec)->id, true)));
  EXPECT_EQ(listens(id, {{Tcp, 80}}, testing::kPatience), true);
  EXPECT_EQ(listens(id, {{Tcp, 80}, {Udp, 80}}, 0s), false);
  EXPECT_TRUE(run(containers().kill(id, "KILL")));
  EXPECT_EQ(wait(id), 137);
  EXPECT_EQ(listens(id, {{Tcp, 80}}, testing::kPatience), false);
  EXPECT_EQ(listens("not-there", {}, 0s).error().code, ErrorCode::NotFound);
}

TEST_F(LookIn, AVolumeBeginsWithWhatTheImageHasAndStays) {
  auto wanted = config({"sh", "-c", "cat /data/from_image; echo more > /data/new"});
  wanted.spec.mounts = {{.type = model::MountType::Volume, .source = "vol1", .target = "/data"}};
  const auto id = start(wanted);
  EXPECT_EQ(wait(id), 0);
  EXPECT_EQ(log(id), "hello from the image\n");
  EXPECT_EQ(run(containers().volumes().remove("vol1", false)).error().message,
            "remove vol1: volume is in use - [" + id + "]");
  remove(id);
  wanted.spec.args = {"cat", "/data/new"};
  const auto again = start(wanted);
  EXPECT_EQ(wait(again), 0);
  EXPECT_EQ(log(again), "more\n");
}

TEST_F(LookIn, AnonymousVolumesGoWithTheContainer) {
  auto wanted = config({"touch", "/scratch/x"});
  wanted.spec.mounts = {{.type = model::MountType::Volume, .target = "/scratch"}};
  const auto id = start(wanted);
  EXPECT_EQ(wait(id), 0);
  ASSERT_EQ(containers().volumes().list().size(), 1u);
  remove(id);
  EXPECT_THAT(containers().volumes().list(), ::testing::IsEmpty());
  EXPECT_EQ(containers().volumes().find("x").error().message, "get x: no such volume");
}

TEST_F(LookIn, ItHasAnAddressAndKnowsItsName) {
  auto wanted = config({"cat", "/etc/hosts", "/etc/hostname"});
  wanted.spec.hostname = "deep";
  wanted.spec.hosts = {"10.1.2.3 friend"};
  const auto id = create(wanted);
  EXPECT_TRUE(run(containers().start(id)));
  EXPECT_EQ(wait(id), 0);
  EXPECT_THAT(log(id), HasSubstr("10.1.2.3\tfriend"));
  EXPECT_THAT(log(id), HasSubstr("deep\n"));
  auto other = config({"sleep", "1000"});
  other.ports = {{.container_port = 80}};
  const auto running = find(start(other));
  ASSERT_TRUE(running->endpoint);
  EXPECT_NE(running->endpoint->address, "");
  ASSERT_EQ(running->ports.size(), 1u);
  EXPECT_NE(running->ports[0].host_port, 0);
}

TEST_F(LookIn, ANewDaemonAdoptsWhatRunsAndLearnsWhatEnded) {
  const auto lives = start(config({"sleep", "1000"}, "lives"));
  auto short_lived = config({"sh", "-c", "while test ! -e /end; do usleep 1000; done; exit 9"});
  const auto ends = start(short_lived);
  const pid_t pid = find(lives)->state.pid;
  const auto address = find(lives)->endpoint->address;
  const std::string end_mark = daemon_->images->rootfs_path(ends) + "/end";
  const auto never = create(config({"true"}, "never"));
  auto removed_at_end = config({"sleep", "1000"}, "temporary");
  removed_at_end.auto_remove = true;
  const auto temporary = start(removed_at_end);
  const pid_t temporary_pid = find(temporary)->state.pid;

  daemon_.reset();
  std::ofstream(end_mark) << "now";
  ::kill(temporary_pid, SIGKILL);
  crash_and_restart();

  EXPECT_EQ(find("lives")->state.status, Status::Running);
  EXPECT_EQ(find("lives")->state.pid, pid);
  EXPECT_EQ(find("lives")->endpoint->address, address);
  EXPECT_EQ(wait(ends), 9);
  EXPECT_EQ(find("never")->state.status, Status::Created);
  const Time deadline = loop().now() + testing::kPatience;
  while (containers().find(temporary) && loop().now() < deadline) run(loop().sleep(5ms));
  EXPECT_FALSE(containers().find(temporary));
  EXPECT_TRUE(run(containers().start(never)));
  EXPECT_EQ(wait(never), 0);
  EXPECT_TRUE(run(containers().stop(lives, 0s)));
}

TEST_F(LookIn, HalfMadeOnesAreRemovedByTheNextDaemon) {
  std::filesystem::create_directories(folder_ + "/data/containers/abc");
  std::filesystem::create_directories(folder_ + "/data/containers/def");
  std::ofstream(folder_ + "/data/containers/def/container.json") << "{\"id\":";
  const auto id = create(config({"true"}, "good"));
  crash_and_restart();
  EXPECT_EQ(containers().list().size(), 1u);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/data/containers/abc"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/data/containers/def"));
  EXPECT_EQ(find("good")->id, id);
}

}  // namespace
}  // namespace shoal::containers

// The life of real containers: start, end, stop, restart, removal, and what is left (nothing).
#include <signal.h>

#include "containers/parallel.h"
#include "containers/support_test.h"

namespace shoal::containers {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Life : public testing::NodeTest {};

TEST_F(Life, ARunLeavesItsExitCodeAndItsLog) {
  const auto id = start(config({"sh", "-c", "echo hello; exit 3"}, "web"));
  EXPECT_EQ(wait(id), 3);
  const auto web = find("web");
  EXPECT_EQ(web->id, id);
  EXPECT_EQ(web->state.status, Status::Exited);
  EXPECT_EQ(web->state.exit_code, 3);
  EXPECT_TRUE(web->state.started_at.is_set());
  EXPECT_LE(web->state.started_at, web->state.finished_at);
  EXPECT_EQ(log("web"), "hello\n");
  remove("web");
  EXPECT_THAT(daemon_->events,
              ElementsAre("create web", "start web", "die web exitCode=3", "destroy web"));
}

TEST_F(Life, ItRunsAgainWithTheSameRootFileSystem) {
  const auto id = start(config({"sh", "-c", "test -e /mark && exit 7; touch /mark"}));
  EXPECT_EQ(wait(id), 0);
  EXPECT_TRUE(run(containers().start(id)));
  EXPECT_EQ(wait(id), 7);
}

TEST_F(Life, AutoRemoveTakesItAway) {
  auto wanted = config({"false"}, "gone");
  wanted.auto_remove = true;
  const auto id = create(wanted);
  const auto removed = begin(containers().wait(id, WaitCondition::Removed));
  EXPECT_TRUE(run(containers().start(id)));
  const auto exit = run([](os::OneShot<Result<ExitStatus>> answer) -> os::Co<Result<ExitStatus>> {
    co_return co_await answer;
  }(removed));
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->code, 1);
  EXPECT_EQ(containers().find(id).error().message, "No such container: " + id);
}

TEST_F(Life, ACommandThatIsNotThereSaysSoAndLeavesNothing) {
  const auto id = create(config({"/bin/nowhere"}, "web"));
  const auto started = run(containers().start(id));
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(started.error().message, HasSubstr("/bin/nowhere"));
  const auto web = find("web");
  EXPECT_EQ(web->state.status, Status::Created);
  EXPECT_EQ(web->state.exit_code, 127);
  EXPECT_EQ(web->state.error, started.error().message);
  EXPECT_THAT(daemon_->network->endpoints(), ::testing::IsEmpty());
}

TEST_F(Life, AFailedStartWithAutoRemoveIsRemoved) {
  auto wanted = config({"/bin/nowhere"});
  wanted.auto_remove = true;
  const auto id = create(wanted);
  EXPECT_FALSE(run(containers().start(id)));
  EXPECT_FALSE(containers().find(id));
}

TEST_F(Life, UnknownImagesAndNamesAreRefused) {
  auto wanted = config({"true"});
  wanted.spec.image = "nowhere";
  EXPECT_EQ(run(containers().create(wanted)).error(),
            (Error{ErrorCode::NotFound, "No such image: nowhere:latest"}));
  EXPECT_EQ(run(containers().start("x")).error(),
            (Error{ErrorCode::NotFound, "No such container: x"}));
  EXPECT_EQ(run(containers().create(config({"true"}, "b@d"))).error().message,
            "Invalid container name (b@d), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
  auto bind = config({"true"});
  bind.spec.mounts = {
      {.type = model::MountType::Bind, .source = folder_ + "/none", .target = "/x"}};
  EXPECT_EQ(run(containers().create(bind)).error().message,
            "invalid mount config for type \"bind\": bind source path does not exist: " + folder_ +
                "/none");
  EXPECT_THAT(containers().list(), ::testing::IsEmpty());
}

TEST_F(Life, ANameIsTakenOnce) {
  const auto id = create(config({"true"}, "web"));
  const auto second = run(containers().create(config({"true"}, "web")));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::AlreadyExists);
  EXPECT_THAT(second.error().message, HasSubstr("\"/web\" is already in use by container \"" + id));
  EXPECT_TRUE(run(containers().rename("web", "db")));
  EXPECT_EQ(find("db")->id, id);
  create(config({"true"}, "web"));
  EXPECT_FALSE(run(containers().rename("web", "db")));
}

TEST_F(Life, StartTwiceStopTwice) {
  const auto id = start(config({"sleep", "1000"}, "web"));
  const auto again = run(containers().start(id));
  EXPECT_TRUE(again && !*again);
  const auto stopped = run(containers().stop(id, 0s));
  EXPECT_TRUE(stopped && *stopped);
  EXPECT_EQ(find(id)->state.exit_code, 137);
  const auto stopped_again = run(containers().stop(id));
  EXPECT_TRUE(stopped_again && !*stopped_again);
  EXPECT_EQ(run(containers().kill(id, "KILL")).error(),
            (Error{ErrorCode::Conflict, fmt::format("cannot kill container: {}: container {} is "
                                                    "not running",
                                                    id, id)}));
  EXPECT_EQ(run(containers().kill(id, "SIGMOON")).error().message, "invalid signal: SIGMOON");
}

TEST_F(Life, StopGivesItsSignalAndTime) {
  auto wanted = config({"sh", "-c", "trap 'exit 5' USR1; echo up; while :; do usleep 1000; done"});
  wanted.spec.stop_signal = "SIGUSR1";
  const auto id = start(wanted);
  while (log(id).find("up") == std::string::npos) run(loop().sleep(5ms));
  EXPECT_TRUE(run(containers().stop(id)));
  EXPECT_EQ(find(id)->state.exit_code, 5);
  EXPECT_THAT(daemon_->events, Contains("stop " + find(id)->name));
}

TEST_F(Life, ARunningOneIsRemovedByForceOnly) {
  start(config({"sleep", "1000"}, "web"));
  const auto refused = run(containers().remove("web", {}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(),
            (Error{ErrorCode::Conflict,
                   "cannot remove container \"/web\": container is running: stop the container "
                   "before removing or force remove"}));
  EXPECT_TRUE(run(containers().remove("web", {.force = true})));
  EXPECT_FALSE(containers().find("web"));
}

TEST_F(Life, ForceRemovesWhileItStarts) {
  for (int round = 0; round < 5; ++round) {
    const auto id = create(config({"sleep", "1000"}));
    os::OneShot<Result<bool>> starting;
    loop().post([&] { starting = begin(containers().start(id)); });
    run(loop().sleep(Duration(round * 1ms)));
    EXPECT_TRUE(run(containers().remove(id, {.force = true})));
    EXPECT_TRUE(starting.is_set());
    EXPECT_FALSE(containers().find(id));
  }
}

TEST_F(Life, PausedOnesStandStill) {
  const auto id = start(config({"sleep", "1000"}, "web"));
  EXPECT_TRUE(run(containers().pause(id)));
  EXPECT_EQ(find(id)->state.status, Status::Paused);
  EXPECT_EQ(run(containers().pause(id)).error().code, ErrorCode::Conflict);
  EXPECT_EQ(run(containers().remove(id, {})).error().message,
            "cannot remove container \"/web\": container is paused and must be unpaused first");
  EXPECT_TRUE(run(containers().unpause(id)));
  EXPECT_EQ(find(id)->state.status, Status::Running);
  EXPECT_TRUE(run(containers().pause(id)));
  EXPECT_TRUE(run(containers().remove(id, {.force = true})));
}

TEST_F(Life, TheRestartPolicyTriesAsOftenAsItSays) {
  auto wanted = config({"false"}, "web");
  wanted.restart = model::ContainerRestart::OnFailure;
  wanted.restart_max_attempts = 2;
  start(wanted);
  EXPECT_EQ(wait("web"), 1);
  EXPECT_EQ(find("web")->restart_count, 2);
  EXPECT_EQ(find("web")->state.status, Status::Exited);
}

TEST_F(Life, AStoppedOneIsNotRestarted) {
  auto wanted = config({"sleep", "1000"}, "web");
  wanted.restart = model::ContainerRestart::Always;
  start(wanted);
  EXPECT_TRUE(run(containers().stop("web", 0s)));
  EXPECT_EQ(find("web")->state.status, Status::Exited);
  EXPECT_EQ(find("web")->restart_count, 0);
}

TEST_F(Life, ThirtyAtOnce) {
  std::vector<std::string> ids;
  for (int i = 0; i < 30; ++i) ids.push_back(create(config({"sleep", "1000"})));
  const Time before = loop().now();
  auto start_all = [](Containers& all, std::vector<std::string> list) -> os::Co<int> {
    std::vector<os::OneShot<Result<bool>>> starting;
    for (const auto& id : list) starting.push_back(begin(all.start(id)));
    int started_count = 0;
    for (const auto& one : starting) started_count += (co_await one).value_or(false) ? 1 : 0;
    co_return started_count;
  };
  EXPECT_EQ(run(start_all(containers(), ids)), 30);
  RecordProperty("milliseconds", int((loop().now() - before) / 1ms));
}

}  // namespace
}  // namespace shoal::containers

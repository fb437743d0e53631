// What a daemon finds that another one, or the whole machine, left in the middle of something.
#include <filesystem>

#include "containers/records.h"
#include "containers/support_test.h"
#include "os/file.h"

namespace shoal::containers {
namespace {

using ::testing::IsEmpty;
namespace fs = std::filesystem;

class Crash : public testing::NodeTest {
 protected:
  std::string folder_of(const std::string& id) { return folder_ + "/data/containers/" + id; }
  model::ContainerConfig with_policy(model::ContainerRestart policy, std::string name) {
    auto wanted = config({"sleep", "1000"}, std::move(name));
    wanted.restart = policy;
    return wanted;
  }
};

TEST_F(Crash, AStopThatWasAnsweredHolds) {
  start(with_policy(model::ContainerRestart::UnlessStopped, "stopped"));
  start(with_policy(model::ContainerRestart::UnlessStopped, "killed"));
  start(with_policy(model::ContainerRestart::UnlessStopped, "runs"));
  EXPECT_TRUE(run(containers().stop("stopped", 0s)));
  const auto written = read_record(folder_of(find("stopped")->id));
  ASSERT_TRUE(written);
  EXPECT_EQ((*written)->state.status, Status::Exited);
  EXPECT_EQ((*written)->state.exit_code, 137);
  EXPECT_TRUE(run(containers().kill("killed", "KILL")));  // Its end is not waited for.
  crash_and_restart();
  await_status("killed", Status::Exited);
  EXPECT_EQ(find("killed")->state.exit_code, 137);
  EXPECT_EQ(find("stopped")->state.status, Status::Exited);
  EXPECT_EQ(find("runs")->state.status, Status::Running);
  reboot();
  await_status("runs", Status::Running);
  EXPECT_EQ(find("stopped")->state.status, Status::Exited);
  EXPECT_EQ(find("killed")->state.status, Status::Exited);
}

TEST_F(Crash, AnEndIsKnownHoweverFarItsCleaningUpHadCome) {
  const auto id = start(config({"sh", "-c", "exit 3"}, "web"));
  EXPECT_EQ(wait(id), 3);  // Told at once; the run is taken down meanwhile.
  crash_and_restart();
  await_status("web", Status::Exited);
  EXPECT_EQ(find("web")->state.exit_code, 3);
}

TEST_F(Crash, AStartThatWasCutOffIsAsIfItWasNotAsked) {
  const auto id = create(config({"sh", "-c", "exit 4"}, "web"));
  const auto record = read_record(folder_of(id));
  ASSERT_TRUE(record);
  (*record)->begun_in = daemon_->engine->epoch();
  ASSERT_TRUE(write_record(folder_of(id), record_text(**record), false));
  crash_and_restart();
  EXPECT_EQ(find("web")->state.status, Status::Created);
  EXPECT_TRUE(run(containers().start("web")));
  EXPECT_EQ(wait("web"), 4);
}

TEST_F(Crash, ARemovalThatWasBegunIsFinished) {
  auto wanted = config({"sleep", "1000"}, "web");
  wanted.spec.mounts = {{.type = model::MountType::Volume, .target = "/data"},
                        {.type = model::MountType::Volume, .source = "kept", .target = "/kept"}};
  const auto id = start(wanted);
  ASSERT_EQ(containers().volumes().list().size(), 2u);
  ASSERT_TRUE(begin_removal(folder_of(id), true));
  crash_and_restart();
  EXPECT_FALSE(containers().find("web"));
  EXPECT_FALSE(fs::exists(folder_of(id)));
  EXPECT_THAT(run(daemon_->engine->list()).value(), IsEmpty());
  EXPECT_THAT(daemon_->images->rootfs_containers(), IsEmpty());
  ASSERT_EQ(containers().volumes().list().size(), 1u);
  EXPECT_EQ(containers().volumes().list().front()->name, "kept");
}

TEST_F(Crash, AnAnonymousVolumeWhoseContainerDidNotComeToBeGoes) {
  auto& volumes = containers().volumes();
  ASSERT_TRUE(run(volumes.create_for_container("", "", {}, {})));
  ASSERT_TRUE(run(volumes.create_for_container("named", "", {}, {})));
  ASSERT_TRUE(run(volumes.create("", "", {}, {})));
  auto wanted = config({"sleep", "1000"}, "web");
  wanted.spec.mounts = {{.type = model::MountType::Volume, .target = "/data"}};
  create(wanted);
  ASSERT_EQ(volumes.list().size(), 4u);
  crash_and_restart();
  EXPECT_EQ(containers().volumes().list().size(), 3u);
  EXPECT_TRUE(run(containers().remove("web", {})));
  crash_and_restart();
  EXPECT_EQ(containers().volumes().list().size(), 3u) << "rm without -v keeps it";
}

TEST_F(Crash, ARemovalWithoutVolumesKeepsThem) {
  auto wanted = config({"sleep", "1000"}, "web");
  wanted.spec.mounts = {{.type = model::MountType::Volume, .target = "/data"}};
  const auto id = create(wanted);
  ASSERT_TRUE(begin_removal(folder_of(id), false));
  EXPECT_TRUE(begin_removal(folder_of(id), false));
  crash_and_restart();
  EXPECT_FALSE(containers().find("web"));
  EXPECT_EQ(containers().volumes().list().size(), 1u);
}

TEST_F(Crash, ExecsGoOnAndTellTheirExitCodes) {
  start(config({"sleep", "1000"}, "web"));
  const ExecConfig wanted{.argv = {"sh", "-c", "until test -e /go; do usleep 1000; done; exit 7"}};
  auto& before = containers().execs();
  const std::string id = (*before.create("web", wanted))->id;
  const std::string created = (*before.create("web", wanted))->id;
  ASSERT_TRUE(run(before.start(id, true)));
  crash_and_restart();
  auto& execs = containers().execs();
  EXPECT_FALSE(execs.find(created));
  const auto exec = execs.find(id);
  ASSERT_TRUE(exec) << exec.error().message;
  EXPECT_EQ((*exec)->config.argv, wanted.argv);
  EXPECT_FALSE((*exec)->exit_code);
  EXPECT_EQ(run(execs.start(id, true)).error().code, ErrorCode::Conflict);
  const auto touch = execs.create("web", {.argv = {"touch", "/go"}});
  ASSERT_TRUE(run(execs.start((*touch)->id, true)));
  const auto process = (*exec)->process;
  EXPECT_EQ(run(process->wait()), 7);
  // Whoever follows it for the API waits for the same end, and may see it after us.
  const Time deadline = loop().now() + testing::kPatience;
  while (!(*exec)->exit_code && loop().now() < deadline) run(loop().sleep(5ms));
  EXPECT_EQ((*exec)->exit_code, 7);
}

TEST_F(Crash, AVolumeWithoutARecordWasMadeOrRemovedInPart) {
  ASSERT_TRUE(run(containers().volumes().create("whole", "", {}, {})));
  ASSERT_TRUE(os::make_folders(folder_ + "/data/volumes/half/_data/deep"));
  crash_and_restart();
  EXPECT_FALSE(fs::exists(folder_ + "/data/volumes/half"));
  EXPECT_TRUE(containers().volumes().find("whole"));
}

TEST_F(Crash, AfterARebootPoliciesDecideAndWhatRanHasEnded) {
  start(config({"sleep", "1000"}, "plain"));
  start(with_policy(model::ContainerRestart::Always, "always"));
  start(with_policy(model::ContainerRestart::OnFailure, "on-failure"));
  auto removed = config({"sleep", "1000"}, "rm");
  removed.auto_remove = true;
  start(removed);
  create(with_policy(model::ContainerRestart::Always, "never-started"));
  reboot();
  EXPECT_EQ(find("plain")->state.status, Status::Exited);
  EXPECT_EQ(find("plain")->state.exit_code, 255);
  await_status("always", Status::Running);
  await_status("on-failure", Status::Running);
  EXPECT_EQ(find("never-started")->state.status, Status::Created);
  const Time deadline = loop().now() + testing::kPatience;
  while (containers().find("rm") && loop().now() < deadline) run(loop().sleep(5ms));
  EXPECT_FALSE(containers().find("rm"));
  reboot();
  EXPECT_EQ(find("plain")->state.exit_code, 255);
}

TEST_F(Crash, OneInThePauseBeforeItsRestartIsRestarted) {
  auto wanted = config({"false"}, "web");
  wanted.restart = model::ContainerRestart::OnFailure;
  start(wanted);
  await_status("web", Status::Restarting);
  const int restarts = find("web")->restart_count;
  crash_and_restart();
  const auto web = find("web");
  const Time deadline = loop().now() + testing::kPatience;
  while (web->restart_count <= restarts && loop().now() < deadline) run(loop().sleep(5ms));
  EXPECT_GT(web->restart_count, restarts);
}

}  // namespace
}  // namespace shoal::containers

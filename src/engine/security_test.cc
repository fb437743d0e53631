// What a container's process may do and see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/support_test.h"

namespace shoal::engine {
namespace {

using ::testing::HasSubstr;
using testing::Machine;
using ::testing::Not;
using testing::run_on;

std::string create_error(Machine& machine, const ContainerDescription& description) {
  const auto created = run_on(machine.loop, machine.engine->create(description));
  EXPECT_FALSE(created);
  return created ? "" : created.error().message;
}

TEST(Security, DefaultsAreDockers) {
  Machine machine;
  const std::string status = machine.output_of({"cat", "/proc/self/status"});
  EXPECT_THAT(status, HasSubstr("Seccomp:\t2"));
  EXPECT_THAT(status, HasSubstr("CapEff:\t00000000a80425fb"));
  EXPECT_THAT(status, HasSubstr("CapBnd:\t00000000a80425fb"));
  EXPECT_THAT(status, HasSubstr("CapInh:\t0000000000000000"));
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t0"));
}

TEST(Security, SeccompRefusesWhatDockerRefuses) {
  Machine machine;
  // Without CAP_SYS_ADMIN mount is refused by the profile; with it and no profile it works.
  EXPECT_EQ(machine.output_of({"sh", "-c", "mount -t tmpfs x /tmp 2>/dev/null; echo $?"}), "1\n");
  auto open = machine.describe({"sh", "-c", "mount -t tmpfs x /tmp; echo $?"});
  open.config.spec.cap_add = {"SYS_ADMIN"};
  open.config.security_options = {"seccomp=unconfined"};
  EXPECT_EQ(machine.output(open), "0\n");
}

// The second container gets the filter that was compiled for the first.
TEST(Security, SeccompIsTheSameForTheNextContainerAndItsExecs) {
  Machine machine;
  const std::vector<std::string> argv = {
      "sh", "-c",
      "grep -E '^Seccomp' /proc/self/status; mount -t tmpfs x /tmp 2>/dev/null; echo $?"};
  const std::string first = machine.output_of(argv);
  EXPECT_THAT(first, HasSubstr("Seccomp:\t2\nSeccomp_filters:\t1\n1\n"));
  auto description = machine.describe({"sleep", "1000"});
  // Not the user's to say.
  description.config.annotations = {{"run.oci.seccomp_bpf_data", ""}, {"mine", "x"}};
  const auto container = machine.start(description);
  ExecDescription exec{.id = "1", .argv = argv};
  const auto running = run_on(machine.loop, container->exec(exec));
  ASSERT_TRUE(running);
  const auto piece = run_on(machine.loop, (*running)->attachment()->read());
  ASSERT_TRUE(piece && *piece);
  EXPECT_EQ((*piece)->bytes.substr(0, 30), first.substr(0, 30));
  EXPECT_EQ(run_on(machine.loop, (*running)->wait()), 0);
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
  EXPECT_EQ(machine.output_of(argv), first);
}

TEST(Security, CapabilitiesAreAddedAndDropped) {
  Machine machine;
  auto description = machine.describe({"sh", "-c", "grep CapEff /proc/self/status"});
  description.config.spec.cap_drop = {"ALL"};
  description.config.spec.cap_add = {"net_admin"};
  EXPECT_EQ(machine.output(description), "CapEff:\t0000000000001000\n");
  description = machine.describe({"true"});
  description.config.spec.cap_add = {"FOO"};
  EXPECT_EQ(create_error(machine, description), "invalid capability: \"CAP_FOO\"");
}

TEST(Security, NoNewPrivilegesAndOwnProfile) {
  Machine machine;
  auto description = machine.describe({"sh", "-c", "grep NoNewPrivs /proc/self/status; mkdir /x"});
  description.config.security_options = {
      "no-new-privileges",
      R"(seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],)"
      R"("action":"SCMP_ACT_ERRNO"}]})"};
  EXPECT_THAT(machine.output(description), HasSubstr("NoNewPrivs:\t1\nmkdir: can't create"));
  description = machine.describe({"true"});
  description.config.security_options = {"foo=bar"};
  EXPECT_EQ(create_error(machine, description), "invalid --security-opt 1: \"foo=bar\"");
  description.config.security_options = {"seccomp={"};
  EXPECT_THAT(create_error(machine, description), HasSubstr("decoding seccomp profile failed"));
}

TEST(Security, PrivilegedSeesAllAndMayAll) {
  Machine machine;
  auto description =
      machine.describe({"sh", "-c",
                        "grep -E 'Seccomp:|CapEff' /proc/self/status; ls /dev/fuse /dev/mem 2>&1 | "
                        "head -1; touch /proc/sys/kernel/x 2>&1 | grep -c Read-only"});
  description.config.privileged = true;
  const std::string output = machine.output(description);
  EXPECT_THAT(output, HasSubstr("Seccomp:\t0"));
  EXPECT_THAT(output, HasSubstr("CapEff:\t000001ff"));
  EXPECT_THAT(output, HasSubstr("0\n"));
}

TEST(Security, KernelFilesAreMaskedOrReadOnly) {
  Machine machine;
  EXPECT_EQ(machine.output_of({"sh", "-c",
                               "cat /proc/timer_list | wc -c; touch "
                               "/proc/sys/kernel/hostname 2>&1 | grep -c Read-only"}),
            "0\n1\n");
}

TEST(Security, ReadOnlyRootRefusesWriting) {
  Machine machine;
  auto description = machine.describe({"sh", "-c", "touch /x 2>&1; touch /dev/shm/y && echo shm"});
  description.config.spec.read_only = true;
  const std::string output = machine.output(description);
  EXPECT_THAT(output, HasSubstr("Read-only file system"));
  EXPECT_THAT(output, HasSubstr("shm"));
}

TEST(Security, UserAndGroupsComeFromTheImage) {
  Machine machine;
  auto description =
      machine.describe({"sh", "-c", "id; echo $HOME; grep CapEff /proc/self/status"});
  description.config.spec.user = "web";
  description.config.spec.groups = {"audio", "77"};
  const std::string output = machine.output(description);
  EXPECT_THAT(output, HasSubstr("uid=1000(web) gid=1001(web) "
                                "groups=29(audio),77,1001(web),2000(extra)"));
  EXPECT_THAT(output, HasSubstr("/data\n"));
  EXPECT_THAT(output, HasSubstr("CapEff:\t0000000000000000"));
  description = machine.describe({"true"});
  description.config.spec.user = "foo";
  EXPECT_EQ(create_error(machine, description),
            "unable to find user foo: no matching entries in passwd file");
}

TEST(Security, APasswdThatIsALinkOutOfTheRootFindsNobodyOutside) {
  Machine machine;
  ::unlink((machine.rootfs + "/etc/passwd").c_str());
  ASSERT_EQ(::symlink("../../../../../../etc/passwd", (machine.rootfs + "/etc/passwd").c_str()), 0);
  auto description = machine.describe({"true"});
  description.config.spec.user = "daemon";
  EXPECT_THAT(create_error(machine, description), HasSubstr("etc/passwd"));
}

TEST(Security, UlimitsAndTheirErrors) {
  Machine machine;
  auto description = machine.describe({"sh", "-c", "ulimit -n; ulimit -Hn; ulimit -c"});
  description.config.spec.ulimits = {{"nofile", 100, 200}, {"core", -1, -1}};
  EXPECT_EQ(machine.output(description), "100\n200\nunlimited\n");
  description = machine.describe({"true"});
  description.config.spec.ulimits = {{"foo", 1, 1}};
  EXPECT_EQ(create_error(machine, description), "invalid ulimit type: foo");
  description.config.spec.ulimits = {{"nofile", 10, 5}};
  EXPECT_EQ(create_error(machine, description),
            "ulimit soft limit must be less than or equal to hard limit: 10 > 5");
}

TEST(Security, SysctlsOfItsOwnNamespacesOnly) {
  Machine machine;
  auto description = machine.describe({"cat", "/proc/sys/kernel/msgmax"});
  description.config.spec.sysctls = {{"kernel.msgmax", "4321"}};
  EXPECT_EQ(machine.output(description), "4321\n");
  description = machine.describe({"true"});
  description.config.spec.sysctls = {{"kernel.panic", "1"}};
  EXPECT_EQ(create_error(machine, description),
            "sysctl \"kernel.panic\" is not in a separate kernel namespace");
  description.config.spec.sysctls = {{"net.ipv4.ip_forward", "1"}};
  EXPECT_EQ(create_error(machine, description),
            "sysctl \"net.ipv4.ip_forward\" is not allowed in host network namespace");
}

TEST(Security, OomScoreHostnameEnvironmentAndFolder) {
  Machine machine;
  auto description = machine.describe(
      {"sh", "-c", "cat /proc/self/oom_score_adj; hostname; pwd; echo $PATH $HOSTNAME $A $HOME"});
  auto& spec = description.config.spec;
  spec.oom_score_adj = 321;
  spec.hostname = "here";
  spec.dir = "/made/for/me";
  spec.env = {"A=b c", "PATH=/bin", "GONE"};
  EXPECT_EQ(machine.output(description), "321\nhere\n/made/for/me\n/bin here b c /root\n");
  description = machine.describe({"hostname"});
  EXPECT_EQ(machine.output(description), description.id.substr(0, 12) + "\n");
}

TEST(Security, DevicesAreGivenAndTheRestRefused) {
  Machine machine;
  const std::string node = machine.folder + "/null";
  ASSERT_EQ(::mknod(node.c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
  auto description =
      machine.describe({"sh", "-c", "echo x > /dev/given && stat -c %t:%T /dev/given"});
  description.config.devices = {{node, "/dev/given", "rwm"}};
  EXPECT_EQ(machine.output(description), "1:3\n");
  // /dev/kmsg may be made, but not opened.
  EXPECT_THAT(machine.output_of({"sh", "-c", "mknod /tmp/kmsg c 1 11; head -c1 /tmp/kmsg 2>&1"}),
              HasSubstr("Operation not permitted"));
  description = machine.describe({"true"});
  description.config.devices = {{"/dev/nothing", "", ""}};
  EXPECT_EQ(create_error(machine, description),
            "error gathering device information while adding custom device \"/dev/nothing\": no "
            "such file or directory");
}

TEST(Security, InitReapsAndForwardsSignals) {
  Machine machine;
  auto description = machine.describe({"sh", "-c",
                                       "echo $$; trap 'exit 5' TERM; echo up; while "
                                       ":; do sleep 0.1; done"});
  description.config.spec.init = true;
  const auto container = machine.start(description);
  machine.await_log(*container, "up");
  EXPECT_THAT(machine.log(description), Not(HasSubstr("1\nup")));
  const auto status = run_on(machine.loop, container->stop(SIGTERM, 30s));
  EXPECT_EQ(status->code, 5);
  EXPECT_TRUE(run_on(machine.loop, container->remove()));
}

}  // namespace
}  // namespace shoal::engine

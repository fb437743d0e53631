// The rules that need no container: users, capabilities, seccomp, process tables, messages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "engine/capabilities.h"
#include "engine/cgroup.h"
#include "engine/conmon.h"
#include "engine/container.h"
#include "engine/host.h"
#include "engine/seccomp.h"
#include "engine/seccomp_cache.h"
#include "engine/stats_read.h"
#include "engine/top.h"
#include "engine/users.h"
#include "os/process.h"

namespace shoal::engine {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kPasswd =
    "# comment\nroot:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001::/srv/web:/bin/sh\nbroken\n"
    "bad:x:a:b:::\n1234:x:5:6::/n:/bin/sh\n";
constexpr const char* kGroup = "root:x:0:\nwww:x:33:web,other\nmail:x:8:other\n";

TEST(Users, AreFoundByNameNumberAndGroup) {
  EXPECT_EQ(resolve_user("", {}, kPasswd, kGroup), (ProcessUser{0, 0, {0}, "/root"}));
  EXPECT_EQ(resolve_user("web", {}, kPasswd, kGroup),
            (ProcessUser{1000, 1001, {1001, 33}, "/srv/web"}));
  EXPECT_EQ(resolve_user("1000", {}, kPasswd, kGroup),
            (ProcessUser{1000, 1001, {1001, 33}, "/srv/web"}));
  // Naming a group takes the supplementary ones away.
  EXPECT_EQ(resolve_user("web:mail", {}, kPasswd, kGroup), (ProcessUser{1000, 8, {8}, "/srv/web"}));
  EXPECT_EQ(resolve_user("web:99", {}, kPasswd, kGroup), (ProcessUser{1000, 99, {99}, "/srv/web"}));
  EXPECT_EQ(resolve_user(":33", {}, kPasswd, kGroup), (ProcessUser{0, 33, {33}, "/root"}));
  EXPECT_EQ(resolve_user("4711", {"mail", "5"}, kPasswd, kGroup),
            (ProcessUser{4711, 0, {0, 8, 5}, "/"}));
  EXPECT_EQ(resolve_user("", {}, "", ""), (ProcessUser{0, 0, {0}, "/"}));
}

TEST(Users, ThatAreNotThereAreNamed) {
  EXPECT_EQ(resolve_user("foo", {}, kPasswd, kGroup).error().message,
            "unable to find user foo: no matching entries in passwd file");
  EXPECT_EQ(resolve_user("web:foo", {}, kPasswd, kGroup).error().message,
            "unable to find group foo: no matching entries in group file");
  EXPECT_EQ(resolve_user("web", {"foo"}, kPasswd, kGroup).error().message,
            "unable to find group foo: no matching entries in group file");
  EXPECT_EQ(resolve_user("-1", {}, kPasswd, kGroup).error().message,
            "uids and gids must be in range 0-2147483647");
  EXPECT_FALSE(resolve_user("4294967296", {}, kPasswd, kGroup));
}

TEST(Capabilities, FollowDockersRule) {
  EXPECT_EQ(effective_capabilities({}, {}, false)->size(), 14u);
  EXPECT_THAT(*effective_capabilities({"NET_ADMIN"}, {"cap_chown"}, false),
              ::testing::AllOf(Contains("CAP_NET_ADMIN"), Not(Contains("CAP_CHOWN"))));
  EXPECT_THAT(*effective_capabilities({"kill"}, {"ALL"}, false), ElementsAre("CAP_KILL"));
  EXPECT_THAT(*effective_capabilities({"ALL"}, {"KILL"}, false),
              ::testing::AllOf(Contains("CAP_SYS_ADMIN"), Not(Contains("CAP_KILL"))));
  EXPECT_THAT(*effective_capabilities({}, {"KILL"}, true), Contains("CAP_KILL"));
  EXPECT_EQ(effective_capabilities({"x"}, {}, false).error().message,
            "invalid capability: \"CAP_X\"");
}

TEST(Seccomp, RulesDependOnArchitectureKernelAndCapabilities) {
  constexpr const char* kProfile = R"({
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": [
      {"names": ["always"], "action": "SCMP_ACT_ALLOW", "args": [], "includes": {}},
      {"names": ["arm"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["arm64"]}},
      {"names": ["amd"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64", "x32"]}},
      {"names": ["admin"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
      {"names": ["nobody"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1,
       "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
      {"names": ["new"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "99.0"}},
      {"names": ["old"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}}]})";
  const auto names = [](const nlohmann::json& profile) {
    std::vector<std::string> list;
    for (const auto& rule : profile.at("syscalls")) list.push_back(rule.at("names").at(0));
    return list;
  };
  const auto plain = resolve_seccomp(kProfile, {"x86_64", "6.1.0-18-amd64", {}});
  ASSERT_TRUE(plain);
  EXPECT_THAT(names(*plain), ElementsAre("always", "amd", "nobody", "old"));
  EXPECT_EQ(plain->at("architectures"), nlohmann::json({"SCMP_ARCH_X86_64", "SCMP_ARCH_X86"}));
  EXPECT_EQ(plain->at("defaultErrnoRet"), 38);
  EXPECT_EQ(plain->at("syscalls").at(2).at("errnoRet"), 1);
  const auto admin = resolve_seccomp(kProfile, {"aarch64", "4.1", {"CAP_SYS_ADMIN"}});
  EXPECT_THAT(names(*admin), ElementsAre("always", "arm", "admin"));
  for (const char* bad : {"", "[]", "{}", "{\"defaultAction\":1,\"syscalls\":[{}]}"}) {
    EXPECT_THAT(resolve_seccomp(bad, {"x86_64", "6.1", {}}).error().message,
                HasSubstr("decoding seccomp profile failed"))
        << bad;
  }
}

TEST(Seccomp, CompiledFiltersAreKeptByCapabilities) {
  SeccompCache cache;
  EXPECT_EQ(cache.find({"A"}), std::nullopt);
  cache.keep({"A"}, "filter");
  cache.keep({"B"}, "");
  EXPECT_EQ(cache.find({"A"}), "ZmlsdGVy");
  EXPECT_EQ(cache.find({"B"}), std::nullopt);
  for (size_t i = 0; i <= SeccompCache::kEntriesMax; ++i) cache.keep({std::to_string(i)}, "x");
  EXPECT_EQ(cache.find({std::to_string(SeccompCache::kEntriesMax)}), std::nullopt);
}

TEST(Top, KeepsTheRowsOfTheContainer) {
  EXPECT_THAT(ps_command(""), ElementsAre("ps", "-ef"));
  EXPECT_THAT(ps_command("-o  pid,args"), ElementsAre("ps", "-o", "pid,args"));
  const auto table = parse_process_table(
      "UID    PID  CMD\nroot     1  /sbin/init\nroot    42  sh -c  a b\nroot     7\n", {42, 7});
  ASSERT_TRUE(table);
  EXPECT_THAT(table->titles, ElementsAre("UID", "PID", "CMD"));
  EXPECT_THAT(table->rows,
              ElementsAre(ElementsAre("root", "42", "sh -c  a b"), ElementsAre("root", "7", "")));
  EXPECT_EQ(parse_process_table("CMD\nx\n", {1}).error().message,
            "Couldn't find PID field in ps output");
  EXPECT_FALSE(parse_process_table("", {1}));
}

TEST(Stats, AddUpTheTimesOfAllStates) {
  EXPECT_EQ(parse_system_cpu_ns("cpu  1 2 3 4 5 6 7 8 100 100\ncpu0 9\n", 100), 360'000'000u);
  EXPECT_EQ(parse_system_cpu_ns("", 100), 0u);
  EXPECT_EQ(keyed_number("oom 1\noom_kill 3\n", "oom_kill"), 3u);
  EXPECT_EQ(keyed_number("oom_kill_disable 0\n", "oom_kill"), std::nullopt);
  EXPECT_EQ(keyed_number("oom_kill x\n", "oom_kill"), std::nullopt);
}

TEST(RuntimeErrors, AreWordedAsDockers) {
  const auto text = [](const std::string& program, const std::string& said) {
    return runtime_error("create", program, said).message;
  };
  EXPECT_EQ(text("x", "something odd\n"), "OCI runtime create failed: something odd: unknown");
  EXPECT_EQ(text("x", ""), "OCI runtime create failed: : unknown");
  EXPECT_EQ(start_failure_code(runtime_error("create", "x", "odd")), 128);
}

TEST(Host, KnowsItself) {
  const auto facts = read_host_facts();
  ASSERT_TRUE(facts);
  EXPECT_GT(facts->cpu_count, 0);
  EXPECT_GT(facts->memory_bytes, 1 << 20);
  EXPECT_NE(facts->kernel_version, "");
  EXPECT_NE(facts->operating_system, "");
  EXPECT_EQ(facts->boot_id.size(), 36u);
  EXPECT_THAT(facts->cgroup_controllers, Contains("memory"));
  // The test's main has entered private mounts.
  EXPECT_NE(facts->cgroup_layout, CgroupLayout::Hybrid);
}

TEST(Cgroup, IsDestroyedWithWhatIsFrozenBelowIt) {
  const auto cgroups = Cgroups::open();
  ASSERT_TRUE(cgroups);
  const std::string group = fmt::format("/shoal-rules-test-{}", ::getpid());
  const std::string below = group + "/a/b";
  ASSERT_TRUE(cgroups->create(below));
  const auto sleeper = os::start({.argv = {"sleep", "1000"}});
  ASSERT_TRUE(sleeper);
  ASSERT_TRUE(cgroups->add_process(below, sleeper->pid));
  ASSERT_TRUE(cgroups->freeze(below, true));
  EXPECT_TRUE(cgroups->destroy(group));
  int status = 0;
  ASSERT_EQ(::waitpid(sleeper->pid, &status, 0), sleeper->pid);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(cgroups->read("pids", group, "cgroup.procs"));
}

}  // namespace
}  // namespace shoal::engine

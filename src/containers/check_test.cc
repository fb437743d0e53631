#include "containers/check.h"

#include <gmock/gmock.h>
#include <signal.h>

namespace shoal::containers {
namespace {

using model::ContainerConfig;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr MachineLimits kMachine{.cpu_count = 2, .swap_limit = true};

struct Refused {
  const char* name;
  void (*ask)(ContainerConfig&);
  const char* text;
};

class CheckRefuses : public testing::TestWithParam<Refused> {};

TEST_P(CheckRefuses, InDockersWords) {
  ContainerConfig config;
  config.spec.args = {"true"};
  GetParam().ask(config);
  const auto checked = check_config(config, kMachine);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(checked.error().message, GetParam().text);
}

model::HealthConfig& health(ContainerConfig& c) {
  return c.spec.healthcheck.emplace();
}
model::Mount& mount(ContainerConfig& c) {
  return c.spec.mounts.emplace_back();
}

const Refused kRefused[] = {
    {"LittleMemory", [](auto& c) { c.memory_bytes = 6 * 1024 * 1024 - 1; },
     "Minimum memory limit allowed is 6MB"},
    {"NegativeMemory", [](auto& c) { c.memory_bytes = -5; }, "invalid memory limit: -5"},
    {"SwapBelowMemory",
     [](auto& c) {
       c.memory_bytes = 10 << 20;
       c.memory_swap_bytes = 8 << 20;
     },
     "Minimum memoryswap limit should be larger than memory limit, see usage"},
    {"SwapAlone", [](auto& c) { c.memory_swap_bytes = 8 << 20; },
     "You should always set the Memory limit when using Memoryswap limit, see usage"},
    {"LittleReservation", [](auto& c) { c.memory_reservation_bytes = 1; },
     "Minimum memory reservation allowed is 6MB"},
    {"ReservationAboveLimit",
     [](auto& c) {
       c.memory_bytes = 10 << 20;
       c.memory_reservation_bytes = 20 << 20;
     },
     "Minimum memory limit can not be less than memory reservation limit, see usage"},
    {"TooManyCpus", [](auto& c) { c.nano_cpus = 3'000'000'000; },
     "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"},
    {"NegativeCpus", [](auto& c) { c.nano_cpus = -1; },
     "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"},
    {"CpusAndPeriod",
     [](auto& c) {
       c.nano_cpus = 1'000'000'000;
       c.cpu_period_us = 1000;
     },
     "Conflicting options: Nano CPUs and CPU Period cannot both be set"},
    {"CpusAndQuota",
     [](auto& c) {
       c.nano_cpus = 1'000'000'000;
       c.cpu_quota_us = 1000;
     },
     "Conflicting options: Nano CPUs and CPU Quota cannot both be set"},
    {"LongPeriod", [](auto& c) { c.cpu_period_us = 1'000'001; },
     "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"},
    {"ShortQuota", [](auto& c) { c.cpu_quota_us = 999; },
     "CPU cfs quota can not be less than 1ms (i.e. 1000)"},
    {"NegativeShares", [](auto& c) { c.cpu_shares = -1; }, "invalid CPU shares: -1"},
    {"Pids", [](auto& c) { c.pids_max = -2; }, "invalid pids limit: -2"},
    {"Shm", [](auto& c) { c.shm_size_bytes = -1; }, "SHM size can not be less than 0"},
    {"OomScore", [](auto& c) { c.spec.oom_score_adj = 1001; },
     "Invalid value 1001, range for oom score adj is [-1000, 1000]"},
    {"WorkingDir", [](auto& c) { c.spec.dir = "srv"; },
     "the working directory 'srv' is invalid, it needs to be an absolute path"},
    {"Environment", [](auto& c) { c.spec.env = {"=x"}; }, "invalid environment variable: =x"},
    {"Capability", [](auto& c) { c.spec.cap_add = {"WINGS"}; },
     "invalid capability: \"CAP_WINGS\""},
    {"StopSignal", [](auto& c) { c.spec.stop_signal = "SIGNOPE"; }, "invalid signal: SIGNOPE"},
    {"HealthInterval", [](auto& c) { health(c).interval = 1us; },
     "Interval in Healthcheck cannot be less than 1ms"},
    {"HealthTimeout", [](auto& c) { health(c).timeout = 1us; },
     "Timeout in Healthcheck cannot be less than 1ms"},
    {"HealthStartPeriod", [](auto& c) { health(c).start_period = 1us; },
     "StartPeriod in Healthcheck cannot be less than 1ms"},
    {"HealthStartInterval", [](auto& c) { health(c).start_interval = 1us; },
     "StartInterval in Healthcheck cannot be less than 1ms"},
    {"HealthRetries", [](auto& c) { health(c).retries = -1; },
     "Retries in Healthcheck cannot be negative"},
    {"HealthType", [](auto& c) { health(c).test = {"WISH", "x"}; },
     "Unknown healthcheck type 'WISH' (expected 'CMD', 'CMD-SHELL' or 'NONE')"},
    {"HealthCommand", [](auto& c) { health(c).test = {"CMD"}; },
     "Missing command in Healthcheck of type CMD"},
    {"NegativeAttempts", [](auto& c) { c.restart_max_attempts = -1; },
     "invalid restart policy: maximum retry count cannot be negative"},
    {"AttemptsOfAlways",
     [](auto& c) {
       c.restart = model::ContainerRestart::Always;
       c.restart_max_attempts = 3;
     },
     "invalid restart policy: maximum retry count can only be used with 'on-failure'"},
    {"AutoRemoveAndRestart",
     [](auto& c) {
       c.restart = model::ContainerRestart::Always;
       c.auto_remove = true;
     },
     "can't create 'AutoRemove' container with restart policy"},
    {"MountWithoutTarget", [](auto& c) { mount(c); },
     "invalid mount config for type \"volume\": field Target must not be empty"},
    {"MountAtRoot", [](auto& c) { mount(c).target = "//"; },
     "invalid mount config for type \"volume\": invalid specification: destination can't be '/'"},
    {"MountRelative", [](auto& c) { mount(c).target = "data"; },
     "invalid mount config for type \"volume\": invalid mount path: 'data' mount path must be "
     "absolute"},
    {"BindWithoutSource",
     [](auto& c) { mount(c) = {.type = model::MountType::Bind, .target = "/x"}; },
     "invalid mount config for type \"bind\": field Source must not be empty"},
    {"BindRelative",
     [](auto& c) { mount(c) = {.type = model::MountType::Bind, .source = "x", .target = "/x"}; },
     "invalid mount config for type \"bind\": invalid mount path: 'x' mount path must be absolute"},
    {"TmpfsWithSource",
     [](auto& c) { mount(c) = {.type = model::MountType::Tmpfs, .source = "/x", .target = "/x"}; },
     "invalid mount config for type \"tmpfs\": field Source must not be specified"},
    {"Cluster",
     [](auto& c) { mount(c) = {.type = model::MountType::Cluster, .source = "x", .target = "/x"}; },
     "invalid mount config for type \"cluster\": mounts of this type are not supported on this "
     "node"},
    {"TwoMountsAtOnePlace",
     [](auto& c) {
       mount(c).target = "/x";
       mount(c).target = "/x";
     },
     "Duplicate mount point: /x"},
    {"SecurityOption", [](auto& c) { c.security_options = {"magic=1"}; },
     "invalid --security-opt 2: \"magic=1\""},
    {"HostnameOfAnother",
     [](auto& c) {
       c.network_mode = "container:x";
       c.spec.hostname = "h";
     },
     "conflicting options: hostname and the network mode"},
    {"PortsOfAnother",
     [](auto& c) {
       c.network_mode = "container:x";
       c.publish_all = true;
     },
     "conflicting options: port publishing and the container type network mode"},
    {"HostnameAndHostUts",
     [](auto& c) {
       c.uts_mode = "host";
       c.spec.hostname = "h";
     },
     "conflicting options: hostname and the UTS mode"},
    {"PidMode", [](auto& c) { c.pid_mode = "moon"; }, "invalid PID mode: moon"},
    {"IpcMode", [](auto& c) { c.ipc_mode = "moon"; }, "invalid IPC mode: moon"},
    {"UtsMode", [](auto& c) { c.uts_mode = "moon"; }, "invalid UTS mode: moon"},
    {"LogDriver", [](auto& c) { c.log_driver = model::Driver{.name = "syslogd"}; },
     "logger: no log driver named 'syslogd' is registered"},
};
INSTANTIATE_TEST_SUITE_P(All, CheckRefuses, testing::ValuesIn(kRefused),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Check, ANormalContainerPassesWithoutWarnings) {
  ContainerConfig config;
  config.memory_bytes = kMemoryMinBytes;
  config.nano_cpus = 2'000'000'000;
  config.spec.mounts = {{.target = "/data"}};
  config.security_options = {"no-new-privileges", "seccomp=unconfined"};
  const auto checked = check_config(config, kMachine);
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_THAT(*checked, ElementsAre());
}

TEST(Check, ASwapLimitThatTheKernelCannotKeepIsDroppedWithAWarning) {
  ContainerConfig config;
  config.memory_bytes = 10 << 20;
  config.memory_swap_bytes = 20 << 20;
  const auto checked = check_config(config, {.cpu_count = 1, .swap_limit = false});
  ASSERT_TRUE(checked);
  EXPECT_THAT(*checked, ElementsAre(HasSubstr("Memory limited without swap.")));
  EXPECT_EQ(config.memory_swap_bytes, -1);
}

TEST(Signals, AreReadInEveryFormThatDockerReads) {
  EXPECT_EQ(parse_signal("KILL"), SIGKILL);
  EXPECT_EQ(parse_signal("SIGTERM"), SIGTERM);
  EXPECT_EQ(parse_signal("sigquit"), SIGQUIT);
  EXPECT_EQ(parse_signal("9"), 9);
  EXPECT_EQ(parse_signal("RTMIN+3"), SIGRTMIN + 3);
  EXPECT_EQ(parse_signal("SIGRTMAX-1"), SIGRTMAX - 1);
}

TEST(Signals, OthersAreRefused) {
  for (const char* text : {"", "0", "-1", "65", "SIG", "SIGNOPE", "9x", "RTMIN+", "RTMIN+99"}) {
    const auto signal = parse_signal(text);
    ASSERT_FALSE(signal) << text;
    EXPECT_EQ(signal.error().message, fmt::format("invalid signal: {}", text));
  }
}

}  // namespace
}  // namespace shoal::containers

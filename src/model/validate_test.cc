#include "model/validate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace shoal::model {
namespace {

struct Case {
  const char* name;
  std::function<void(ServiceSpec&, TaskSpec&)> edit;
  const char* error;  // empty: the spec is taken
};

class ServiceCheck : public testing::TestWithParam<Case> {};

TEST_P(ServiceCheck, AnswersAsDocker) {
  ServiceSpec spec;
  spec.annotations.name = "web";
  auto task = std::make_shared<TaskSpec>();
  task->container.image = "nginx:1";
  GetParam().edit(spec, *task);
  spec.task = task;
  const auto result = validate(spec);
  EXPECT_EQ(result ? "" : result.error().message, GetParam().error);
  if (!result) {
    EXPECT_EQ(result.error().code, ErrorCode::InvalidArgument);
  }
}

template <class Edit>
auto limits(Edit edit) {
  return [edit](ServiceSpec&, TaskSpec& task) { edit(task.resources.emplace().limits); };
}
template <class Edit>
auto reservations(Edit edit) {
  return [edit](ServiceSpec&, TaskSpec& task) { edit(task.resources.emplace().reservations); };
}
template <class Edit>
auto health(Edit edit) {
  return [edit](ServiceSpec&, TaskSpec& task) { edit(task.container.healthcheck.emplace()); };
}
auto named(const char* name) {
  return [name](ServiceSpec& spec, TaskSpec&) { spec.annotations.name = name; };
}
auto image(const char* name) {
  return [name](ServiceSpec&, TaskSpec& task) { task.container.image = name; };
}
auto constraint(const char* text) {
  return
      [text](ServiceSpec&, TaskSpec& task) { task.placement = Placement{.constraints = {text}}; };
}
template <class Edit>
auto update(Edit edit) {
  return [edit](ServiceSpec& spec, TaskSpec&) { edit(spec.update.emplace()); };
}
auto ports(std::vector<PortConfig> list, ResolutionMode mode = ResolutionMode::Vip) {
  return [=](ServiceSpec& spec, TaskSpec&) {
    spec.endpoint = EndpointSpec{.mode = mode, .ports = list};
  };
}
template <class Mode>
auto mode(Mode value) {
  return [value](ServiceSpec& spec, TaskSpec&) { spec.mode = value; };
}
auto env(const char* text) {
  return [text](ServiceSpec&, TaskSpec& task) { task.container.env = {text}; };
}

const std::string kLongest(63, 'a'), kTooLong(64, 'a');
constexpr const char* kBadName = "name must be valid as a DNS name component";
constexpr const char* kBadRatio =
    "TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1";

INSTANTIATE_TEST_SUITE_P(
    Names, ServiceCheck,
    testing::Values(Case{"Plain", named("web-1_b"), ""}, Case{"Upper", named("Web"), ""},
                    Case{"Longest", named(kLongest.c_str()), ""},
                    Case{"TooLong", named(kTooLong.c_str()), "name must be 63 characters or fewer"},
                    Case{"Empty", named(""), "meta: name must be provided"},
                    Case{"Space", named("a b"), kBadName}, Case{"Dot", named("a.b"), kBadName},
                    Case{"DashFirst", named("-a"), kBadName},
                    Case{"DashLast", named("a-"), kBadName},
                    Case{"NotAscii", named("caf\xc3\xa9"), kBadName}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Containers, ServiceCheck,
    testing::Values(Case{"NoImage", image(""), "ContainerSpec: image reference must be provided"},
                    Case{"UpperImage", image("Web:1"),
                         "ContainerSpec: \"Web:1\" is not a valid repository/tag"},
                    Case{"SpacedImage", image("a b"),
                         "ContainerSpec: \"a b\" is not a valid repository/tag"},
                    Case{"SameTargetTwice",
                         [](auto&, auto& task) {
                           task.container.mounts = {{.source = "a", .target = "/x"},
                                                    {.source = "b", .target = "/x"}};
                         },
                         "ContainerSpec: duplicate mount point: /x"},
                    Case{"HealthDefaults", health([](auto&) {}), ""},
                    Case{"HealthInterval", health([](auto& h) { h.interval = 999us; }),
                         "ContainerSpec: Interval in HealthConfig cannot be less than 1ms"},
                    Case{"HealthTimeout", health([](auto& h) { h.timeout = -1s; }),
                         "ContainerSpec: Timeout in HealthConfig cannot be less than 1ms"},
                    Case{"HealthStartPeriod", health([](auto& h) { h.start_period = 1ns; }),
                         "ContainerSpec: StartPeriod in HealthConfig cannot be less than 1ms"},
                    Case{"HealthStartInterval", health([](auto& h) { h.start_interval = 1ns; }),
                         "ContainerSpec: StartInterval in HealthConfig cannot be less than 1ms"},
                    Case{"HealthRetries", health([](auto& h) { h.retries = -1; }),
                         "ContainerSpec: Retries in HealthConfig cannot be negative"},
                    Case{"Template", env("A={{.Task.Slot}} of {{.Service.Name}}"), ""}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Resources, ServiceCheck,
    testing::Values(
        Case{"Least", limits([](auto& r) { r.nano_cpus = 1'000'000, r.memory_bytes = 4 << 20; }),
             ""},
        Case{"CpuTooSmall", limits([](auto& r) { r.nano_cpus = 1; }),
             "invalid cpu value 1e-09: Must be at least 0.001"},
        Case{"CpuNegative", limits([](auto& r) { r.nano_cpus = -1; }),
             "invalid cpu value -1e-09: Must be at least 0.001"},
        Case{"CpuReserved", reservations([](auto& r) { r.nano_cpus = 999'999; }),
             "invalid cpu value 0.000999999: Must be at least 0.001"},
        Case{"MemoryTooSmall", limits([](auto& r) { r.memory_bytes = 1000; }),
             "invalid memory value 1000: Must be at least 4MiB"},
        Case{"MemoryNegative", reservations([](auto& r) { r.memory_bytes = -5; }),
             "invalid memory value -5: Must be at least 4MiB"},
        Case{"PidsNegative", limits([](auto& r) { r.pids = -5; }),
             "invalid pids value -5: Must not be negative"},
        Case{"GenericCount", reservations([](auto& r) { r.generic = {{"gpu", int64_t{1}}}; }), ""},
        Case{"GenericNegative", reservations([](auto& r) { r.generic = {{"gpu", int64_t{-1}}}; }),
             "invalid argument for resource gpu"},
        Case{"GenericName", reservations([](auto& r) { r.generic = {{"gpu", "UUID1"}}; }),
             "invalid argument for resource gpu"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Policies, ServiceCheck,
    testing::Values(
        Case{"RestartDelay", [](auto&, auto& task) { task.restart.emplace().delay = -1ns; },
             "TaskSpec: restart-delay cannot be negative"},
        Case{"RestartWindow", [](auto&, auto& task) { task.restart.emplace().window = -1ns; },
             "TaskSpec: restart-window cannot be negative"},
        Case{"Constraint", constraint("node.role==worker"), ""},
        Case{"ConstraintOperator", constraint("node.role=worker"),
             "constraint expected one operator from ==, !="},
        Case{"UpdateDelay", update([](auto& u) { u.delay = -1ns; }),
             "TaskSpec: update-delay cannot be negative"},
        Case{"UpdateMonitor", update([](auto& u) { u.monitor = -1ns; }),
             "TaskSpec: update-monitor cannot be negative"},
        Case{"RatioOne", update([](auto& u) { u.max_failure_ratio = 1; }), ""},
        Case{"RatioTooBig", update([](auto& u) { u.max_failure_ratio = 1.5F; }), kBadRatio},
        Case{"RatioNegative", update([](auto& u) { u.max_failure_ratio = -0.5F; }), kBadRatio},
        Case{"RatioNoNumber", update([](auto& u) { u.max_failure_ratio = std::nanf(""); }),
             kBadRatio},
        Case{"RollbackRatio",
             [](auto& spec, auto&) { spec.rollback.emplace().max_failure_ratio = 2; },
             "TaskSpec: rollback-maxfailureratio cannot be less than 0 or bigger than 1"}),
    [](const auto& test) { return test.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Modes, ServiceCheck,
    testing::Values(Case{"None", mode(ReplicatedMode{0}), ""},
                    Case{"Most", mode(ReplicatedMode{kReplicasMax}), ""},
                    Case{"TooMany", mode(ReplicatedMode{1'000'000'000}),
                         "Number of replicas must be at most 1000000"},
                    Case{"WrappedAround",
                         mode(ReplicatedMode{std::numeric_limits<uint64_t>::max()}),
                         "Number of replicas must be at most 1000000"},
                    Case{"JobTooBig", mode(ReplicatedJobMode{1, 1'000'000'000}),
                         "Number of completed jobs must be at most 1000000"},
                    Case{"JobWithUpdate",
                         [](auto& spec, auto&) {
                           spec.mode = GlobalJobMode{};
                           spec.update.emplace();
                         },
                         "Jobs may not have an update config"}),
    [](const auto& test) { return test.param.name; });

constexpr PublishMode kHost = PublishMode::Host;
constexpr const char* kDuplicate = "EndpointSpec: duplicate published ports provided";

INSTANTIATE_TEST_SUITE_P(
    Ports, ServiceCheck,
    testing::Values(
        Case{"Some", ports({{.target_port = 80, .published_port = 8080}, {.target_port = 81}}), ""},
        Case{"SeveralAutomatic", ports({{.target_port = 80}, {.target_port = 81}}), ""},
        Case{"Twice",
             ports({{.target_port = 80, .published_port = 8080},
                    {.target_port = 81, .published_port = 8080}}),
             kDuplicate},
        Case{"TwiceInBothModes",
             ports({{.target_port = 80, .published_port = 8080},
                    {.target_port = 81, .published_port = 8080, .mode = kHost}}),
             kDuplicate},
        Case{"AnotherProtocol",
             ports({{.target_port = 80, .published_port = 8080},
                    {.protocol = PortProtocol::Udp, .target_port = 80, .published_port = 8080}}),
             ""},
        Case{"PublishedTooBig", ports({{.target_port = 80, .published_port = 70000}}),
             "EndpointSpec: invalid published port 70000: must be at most 65535"},
        Case{"NoTarget", ports({{.published_port = 80}}),
             "EndpointSpec: invalid target port 0: must be 1 to 65535"},
        Case{"TargetTooBig", ports({{.target_port = 70000}}),
             "EndpointSpec: invalid target port 70000: must be 1 to 65535"},
        Case{"DnsrrIngress", ports({{.target_port = 80}}, ResolutionMode::Dnsrr),
             "EndpointSpec: port published with ingress mode can't be used with dnsrr mode"},
        Case{"DnsrrHost", ports({{.target_port = 80, .mode = kHost}}, ResolutionMode::Dnsrr), ""}),
    [](const auto& test) { return test.param.name; });

TEST(ValidateService, APlaceholderThatCannotBeFilledIsRefused) {
  ServiceSpec spec;
  spec.annotations.name = "web";
  auto task = std::make_shared<TaskSpec>();
  task->container.image = "nginx";
  task->container.env = {"A={{.Nope}}"};
  spec.task = task;
  const auto result = validate(spec);
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().message.starts_with("expanding env failed: expanding env"));
}

TEST(ValidateCluster, AnswersAsDocker) {
  ClusterSpec spec;
  EXPECT_TRUE(validate(spec));
  spec.heartbeat_period = -1s;
  EXPECT_EQ(validate(spec).error().message, "heartbeat time period cannot be a negative duration");
  spec = {};
  spec.node_cert_expiry = 59min;
  EXPECT_EQ(validate(spec).error().message, "minimum certificate expiry time is: 1h0m0s");
}

}  // namespace
}  // namespace shoal::model

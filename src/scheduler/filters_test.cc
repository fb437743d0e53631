#include "scheduler/filters.h"

#include <gtest/gtest.h>

#include <functional>

#include "scheduler/pipeline.h"

namespace shoal::scheduler {
namespace {

using model::Node;
using model::TaskSpec;

struct FilterCase {
  const char* name;
  std::function<void(TaskSpec&)> want;
  std::function<void(Node&, NodeInfo&)> have;
  const char* reason;  // empty: the node is fit
};

// Asks the whole pipeline about one node, and for its reason.
std::string reason_of(const TaskSpec& spec, Node node, NodeInfo info, uint32_t service_tasks = 0) {
  model::Task task;
  task.spec = std::make_shared<TaskSpec>(spec);
  info.node = std::make_shared<Node>(std::move(node));
  Pipeline pipeline;
  pipeline.set_task(task);
  const Refusal refusal = pipeline.check(info, service_tasks);
  if (refusal == kPasses) return "";
  RefusalCounts counts{};
  counts[refusal] = 1;
  return pipeline.explain(counts);
}

class FilterTest : public testing::TestWithParam<FilterCase> {};

TEST_P(FilterTest, SaysWhy) {
  TaskSpec spec;
  Node node;
  node.description.platform = {.architecture = "x86_64", .os = "linux"};
  NodeInfo info;
  info.ready = true;
  info.nano_cpus = 2'000'000'000;
  info.memory_bytes = 1 << 30;
  GetParam().want(spec);
  GetParam().have(node, info);
  const std::string reason = GetParam().reason;
  EXPECT_EQ(reason_of(spec, node, info), reason.empty() ? "" : "no suitable node (" + reason + ")");
}

void nothing(TaskSpec&) {}
void as_it_is(Node&, NodeInfo&) {}
auto reserve(int64_t nano_cpus, int64_t memory) {
  return [=](TaskSpec& spec) {
    spec.resources.emplace().reservations = {.nano_cpus = nano_cpus, .memory_bytes = memory};
  };
}
auto platform(const char* os, const char* architecture) {
  return [=](TaskSpec& spec) {
    spec.placement = model::Placement{.platforms = {{.architecture = architecture, .os = os}}};
  };
}
auto volume(const char* driver) {
  return [=](TaskSpec& spec) {
    spec.container.mounts = {
        {.source = "a", .target = "/a", .volume_driver = model::Driver{driver, {}}}};
  };
}
auto log_driver(const char* driver) {
  return [=](TaskSpec& spec) { spec.log_driver = model::Driver{driver, {}}; };
}
auto plugins(std::vector<model::Plugin> list) {
  return [=](Node& node, NodeInfo&) { node.description.plugins = list; };
}

INSTANTIATE_TEST_SUITE_P(
    , FilterTest,
    testing::Values(
        FilterCase{"Nothing", nothing, as_it_is, ""},
        FilterCase{"NotReady", nothing, [](auto&, auto& one) { one.ready = false; },
                   "1 node not available for new tasks"},
        FilterCase{"ResourcesToTheLast", reserve(2'000'000'000, 1 << 30), as_it_is, ""},
        FilterCase{"TooFewCpus", reserve(2'000'000'001, 0), as_it_is,
                   "insufficient resources on 1 node"},
        FilterCase{"TooLittleMemory", reserve(0, (1 << 30) + 1), as_it_is,
                   "insufficient resources on 1 node"},
        FilterCase{"NothingReservedOnAFullNode", nothing,
                   [](auto&, auto& one) { one.nano_cpus = one.memory_bytes = -1; }, ""},
        FilterCase{"LimitsAreNoReservations",
                   [](auto& spec) { spec.resources.emplace().limits.nano_cpus = 99'000'000'000; },
                   as_it_is, ""},
        FilterCase{"LocalVolume", volume("local"), as_it_is, ""},
        FilterCase{"VolumePlugin", volume("nfs"), plugins({{"Volume", "nfs"}}), ""},
        FilterCase{"VolumePluginLatest", volume("nfs"), plugins({{"Volume", "nfs:latest"}}), ""},
        FilterCase{"NoVolumePlugin", volume("nfs"), plugins({{"Log", "nfs"}}),
                   "missing plugin on 1 node"},
        FilterCase{"LogPlugin", log_driver("syslog"), plugins({{"Log", "syslog"}}), ""},
        FilterCase{"NoLogPlugin", log_driver("syslog"), plugins({{"Log", "local"}}),
                   "missing plugin on 1 node"},
        FilterCase{"OldNodeNamesNoLogPlugins", log_driver("syslog"), as_it_is, ""},
        FilterCase{"LogDriverNone", log_driver("none"), plugins({{"Log", "local"}}), ""},
        FilterCase{"UnreadableConstraint",
                   [](auto& spec) { spec.placement = model::Placement{.constraints = {"?"}}; },
                   as_it_is, "scheduling constraints not satisfied on 1 node"},
        FilterCase{"SamePlatform", platform("linux", "amd64"), as_it_is, ""},
        FilterCase{"AnyArchitecture", platform("linux", ""), as_it_is, ""},
        FilterCase{"OtherSystem", platform("windows", "amd64"), as_it_is,
                   "unsupported platform on 1 node"},
        FilterCase{"OtherArchitecture", platform("linux", "arm64"), as_it_is,
                   "unsupported platform on 1 node"},
        FilterCase{"OneOfSeveralPlatforms",
                   [](auto& spec) {
                     spec.placement =
                         model::Placement{.platforms = {{"arm64", "linux"}, {"x86_64", "linux"}}};
                   },
                   as_it_is, ""},
        FilterCase{"Arm", platform("linux", "arm64"),
                   [](auto& node, auto&) { node.description.platform.architecture = "aarch64"; },
                   ""}),
    [](const auto& test) { return test.param.name; });

TEST(MaxReplicasFilter, CountsTheTasksOfTheService) {
  TaskSpec spec;
  spec.placement = model::Placement{.max_replicas = 2};
  NodeInfo info;
  info.ready = true;
  EXPECT_EQ(reason_of(spec, {}, info, 1), "");
  EXPECT_EQ(reason_of(spec, {}, info, 2), "no suitable node (max replicas per node limit exceed)");
}

TEST(ShoalNodeFilter, TasksWithAddressesInOverlaysNeedAShoalNode) {
  model::Task task;
  task.spec = std::make_shared<TaskSpec>();
  Node node;
  NodeInfo info;
  info.ready = true;
  const auto ask = [&] {
    info.node = std::make_shared<Node>(node);
    Pipeline pipeline;
    pipeline.set_task(task);
    return pipeline.check(info, 0);
  };
  EXPECT_EQ(ask(), kPasses);
  task.networks = {{.network = model::NetworkId::of("net")}};
  const Refusal refusal = ask();
  ASSERT_NE(refusal, kPasses);
  RefusalCounts counts{};
  counts[refusal] = 3;
  EXPECT_EQ(Pipeline().explain(counts), "no suitable node (needs a Shoal node)");
  node.description.shoal_version = model::kShoalVersion;
  EXPECT_EQ(ask(), kPasses);
}

TEST(Pipeline, EqualCountsAreNamedInTheOrderOfTheFilters) {
  const Pipeline pipeline;
  RefusalCounts counts{};
  counts[0] = 2, counts[1] = 5, counts[4] = 2;
  EXPECT_EQ(pipeline.explain(counts),
            "no suitable node (insufficient resources on 5 nodes; 2 nodes not available for new "
            "tasks; scheduling constraints not satisfied on 2 nodes)");
}

TEST(ConstraintFilter, LooksAgainAtANodeThatChanged) {
  model::Task task;
  TaskSpec spec;
  spec.placement = model::Placement{.constraints = {"node.labels.disk == ssd"}};
  task.spec = std::make_shared<TaskSpec>(spec);
  Pipeline pipeline;
  pipeline.set_task(task);
  NodeInfo info;
  info.ready = true;
  info.node = std::make_shared<Node>();
  EXPECT_NE(pipeline.check(info, 0), kPasses);
  Node labelled;
  labelled.spec.annotations.labels["disk"] = "ssd";
  info.node = std::make_shared<Node>(labelled);
  pipeline.forget_node(info.place);
  EXPECT_EQ(pipeline.check(info, 0), kPasses);
}

}  // namespace
}  // namespace shoal::scheduler

// Docker's JSON both ways: shapes captured from a Docker Engine, every field there and back, and
// wrong input with the texts that clients see.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "codec/json_objects.h"
#include "model/testing.h"

namespace shoal::codec {
namespace {

using testing::HasSubstr;

constexpr int kNewest = 50;

std::string encoded(const model::ServiceSpec& spec) {
  JsonWriter json;
  encode_service_spec(json, spec);
  return json.take();
}

std::string refusal(std::string_view text) {
  const auto spec = decode_service_spec(text, kNewest);
  return spec ? "accepted" : spec.error().message;
}

// As `docker service create` with most of its flags leaves it in a Docker Engine.
constexpr std::string_view kCaptured =
    R"({"Name":"full","Labels":{"a":"b"},"TaskTemplate":{"ContainerSpec":{"Image":"demo:v1",)"
    R"("Labels":{"c":"d"},"Command":["sh","-c"],"Args":["sleep","100"],"Hostname":"h",)"
    R"("Env":["X=1"],"Dir":"/w","User":"5","Groups":["7"],"Init":true,"StopSignal":"INT",)"
    R"("TTY":true,"ReadOnly":true,"Mounts":[{"Type":"bind","Source":"/tmp","Target":"/t",)"
    R"("ReadOnly":true,"BindOptions":{"Propagation":"rslave"}},{"Type":"volume","Source":"v1",)"
    R"("Target":"/v","VolumeOptions":{"NoCopy":true,"Labels":{"x":"y"},"DriverConfig":{)"
    R"("Name":"local","Options":{"o":"p"}}}},{"Type":"tmpfs","Target":"/tm","TmpfsOptions":{)"
    R"("SizeBytes":1000000,"Mode":493}}],"StopGracePeriod":5000000000,"Healthcheck":{)"
    R"("Test":["CMD-SHELL","true"],"Interval":5000000000,"Retries":2},"Hosts":["1.2.3.4 a"],)"
    R"("DNSConfig":{"Nameservers":["1.1.1.1"],"Search":["s"],"Options":["o"]},)"
    R"("Isolation":"default","Sysctls":{"a.b":"c"},"CapabilityAdd":["CAP_NET_ADMIN"],)"
    R"("CapabilityDrop":["CAP_CHOWN"],"Ulimits":[{"Name":"nofile","Hard":20,"Soft":10}]},)"
    R"("Resources":{"Limits":{"NanoCPUs":500000000,"MemoryBytes":67108864,"Pids":100},)"
    R"("Reservations":{"NanoCPUs":100000000,"MemoryBytes":5242880,"GenericResources":[{)"
    R"("DiscreteResourceSpec":{"Kind":"gpu","Value":2}}]}},"RestartPolicy":{)"
    R"("Condition":"on-failure","Delay":2000000000,"MaxAttempts":3,"Window":10000000000},)"
    R"("Placement":{"Constraints":["node.role==manager"],"Preferences":[{"Spread":{)"
    R"("SpreadDescriptor":"node.labels.z"}}],"MaxReplicas":3},"Networks":[{)"
    R"("Target":"zc50k487gyftmot0xkgmn8k5v","Aliases":["al"]}],"LogDriver":{)"
    R"("Name":"json-file","Options":{"max-size":"1m"}},"ForceUpdate":0,"Runtime":"container"},)"
    R"("Mode":{"Replicated":{"Replicas":2}},"UpdateConfig":{"Parallelism":2,"Delay":1000000000,)"
    R"("FailureAction":"rollback","Monitor":2000000000,"MaxFailureRatio":0.25,)"
    R"("Order":"start-first"},"RollbackConfig":{"Parallelism":3,"FailureAction":"pause",)"
    R"("Monitor":5000000000,"MaxFailureRatio":0,"Order":"stop-first"},"EndpointSpec":{)"
    R"("Mode":"vip","Ports":[{"Protocol":"tcp","TargetPort":80,"PublishedPort":8080,)"
    R"("PublishMode":"ingress"},{"Protocol":"udp","TargetPort":90,"PublishedPort":9000,)"
    R"("PublishMode":"host"}]}})";

TEST(ServiceJson, WhatDockerPrintsIsReadAndPrintedTheSame) {
  const auto spec = decode_service_spec(kCaptured, kNewest);
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(encoded(*spec), kCaptured);
}

TEST(ServiceJson, TheSmallestServiceIsPrintedAsDockerPrintsIt) {
  constexpr std::string_view kMin =
      R"({"Name":"min","Labels":{},"TaskTemplate":{"ContainerSpec":{"Image":"demo:v1",)"
      R"("Args":["sleep","1000"],"Init":false,"DNSConfig":{},"Isolation":"default"},)"
      R"("Resources":{"Limits":{},"Reservations":{}},"Placement":{},"ForceUpdate":0,)"
      R"("Runtime":"container"},"Mode":{"Replicated":{"Replicas":1}},)"
      R"("EndpointSpec":{"Mode":"vip"}})";
  const auto spec = decode_service_spec(kMin, kNewest);
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(encoded(*spec), kMin);
}

TEST(ServiceJson, EveryFieldOfTheModelGoesThereAndBack) {
  model::ServiceSpec full = model::full_service().spec;
  model::TaskSpec task = *full.task;
  task.container.registry_auth.clear();  // Never printed: it is a password.
  task.runtime = "container";
  task.attachment.reset();  // No service has one, nor addresses that it asks for.
  task.networks[0].addresses.clear();
  full.networks[0].addresses.clear();
  // A runtime config has no file, and a secret is never one.
  for (auto* files : {&task.container.secrets, &task.container.configs}) {
    for (auto& file : *files) file.runtime = false;
  }
  full.task = std::make_shared<const model::TaskSpec>(task);
  const std::string text = encoded(full);
  const auto back = decode_service_spec(text, kNewest);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(encoded(*back), text);
  EXPECT_EQ(*back->task, *full.task);
  EXPECT_EQ(back->annotations, full.annotations);
  EXPECT_EQ(back->endpoint, full.endpoint);
  EXPECT_EQ(back->update, full.update);
  EXPECT_EQ(back->rollback, full.rollback);
  EXPECT_EQ(back->networks, full.networks);
}

// `docker service scale` sends back what it was shown: that alone must not ask for new tasks.
TEST(ServiceJson, WhatWasPrintedReadsBackAsTheSameTask) {
  for (const std::string_view text :
       {std::string_view(R"({"TaskTemplate":{"ContainerSpec":{}}})"),
        std::string_view(R"({"TaskTemplate":{"ContainerSpec":{"Image":"i","Privileges":{},)"
                         R"("Healthcheck":{},"DNSConfig":{}},"Resources":{},"RestartPolicy":{},)"
                         R"("Placement":{},"LogDriver":{}},"EndpointSpec":{},"Mode":{}})")}) {
    const auto spec = decode_service_spec(text, kNewest);
    ASSERT_TRUE(spec) << spec.error().message;
    const auto back = decode_service_spec(encoded(*spec), kNewest);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, *spec) << encoded(*spec);
  }
}

TEST(ServiceJson, CredentialsAreNeverPrinted) {
  model::ServiceSpec full = model::full_service().spec;
  model::TaskSpec task = *full.task;
  task.container.registry_auth = "c2VjcmV0";
  full.task = std::make_shared<const model::TaskSpec>(task);
  EXPECT_THAT(encoded(full), testing::Not(HasSubstr("c2VjcmV0")));
}

TEST(ServiceJson, GoReadsNamesWithoutCaseIgnoresUnknownOnesAndTakesNullForAbsent) {
  const auto spec = decode_service_spec(
      R"({"name":"web","Labels":null,"Surprise":[1,{"a":2}],"TaskTemplate":{"containerspec":)"
      R"({"Image":"i","Env":null,"Mounts":null,"Healthcheck":null}},"Mode":null})",
      kNewest);
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->annotations.name, "web");
  EXPECT_EQ(spec->task->container.image, "i");
  EXPECT_EQ(std::get<model::ReplicatedMode>(spec->mode).replicas, 1u);
}

TEST(ServiceJson, AnUpdateConfigWithoutParallelismUpdatesAllAtOnceAsInGo) {
  const auto spec = decode_service_spec(
      R"({"TaskTemplate":{"ContainerSpec":{"Image":"i"}},"UpdateConfig":{}})", kNewest);
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->update->parallelism, 0u);
  EXPECT_FALSE(spec->update->monitor);
}

TEST(ServiceJson, WrongTypesAreNamedAsGoNamesThem) {
  const struct {
    std::string_view text;
    std::string_view reason;
  } kCases[] = {
      {R"({"Name":5})",
       "json: cannot unmarshal number into Go struct field ServiceSpec.Name of type string"},
      {R"({"TaskTemplate":{"ContainerSpec":{"Image":7}}})",
       "json: cannot unmarshal number into Go struct field "
       "ContainerSpec.TaskTemplate.ContainerSpec.Image of type string"},
      {R"({"TaskTemplate":{"ContainerSpec":{}},"Mode":{"Replicated":{"Replicas":"z"}}})",
       "json: cannot unmarshal string into Go struct field "
       "ReplicatedService.Mode.Replicated.Replicas of type uint64"},
      {R"({"TaskTemplate":{"ContainerSpec":{}},"Mode":{"Replicated":{"Replicas":-1}}})",
       "json: cannot unmarshal number -1 into Go struct field "
       "ReplicatedService.Mode.Replicated.Replicas of type uint64"},
      {R"({"TaskTemplate":{"ContainerSpec":{}},"Mode":{"Replicated":{"Replicas":1.5}}})",
       "json: cannot unmarshal number 1.5 into Go struct field"},
      {R"({"TaskTemplate":{"ContainerSpec":{"Env":[1]}}})",
       "json: cannot unmarshal number into Go struct field "
       "ContainerSpec.TaskTemplate.ContainerSpec.Env of type string"},
      {R"({"TaskTemplate":{"ContainerSpec":{"Mounts":{}}}})", "json: cannot unmarshal object"},
      {R"({"TaskTemplate":[]})", "json: cannot unmarshal array into Go struct field "},
      {R"({"Labels":{"a":1},"TaskTemplate":{"ContainerSpec":{}}})",
       "json: cannot unmarshal number into Go struct field ServiceSpec.Labels of type string"},
      {"[]", "json: cannot unmarshal array into Go value of type swarm.ServiceSpec"},
  };
  for (const auto& one : kCases) {
    EXPECT_THAT(refusal(one.text), HasSubstr(one.reason)) << one.text;
    EXPECT_THAT(refusal(one.text), testing::StartsWith("invalid JSON: ")) << one.text;
  }
}

TEST(ServiceJson, WrongWordsAreNamedAsDockerNamesThem) {
  const auto with = [](std::string_view container, std::string_view rest) {
    return fmt::format(R"({{"TaskTemplate":{{"ContainerSpec":{{"Image":"i"{}}}}}{}}})", container,
                       rest);
  };
  const struct {
    std::string text;
    std::string_view reason;
  } kCases[] = {
      {with("", R"(,"Mode":{"Replicated":{},"Global":{}})"), "must specify only one service mode"},
      {with("", R"(,"UpdateConfig":{"FailureAction":"foo"})"),
       "unrecognized update failure action foo"},
      {with("", R"(,"UpdateConfig":{"Order":"foo"})"), "unrecognized update order foo"},
      {with("", R"(,"EndpointSpec":{"Mode":"foo"})"), "invalid resolution mode: \"foo\""},
      {with("", R"(,"EndpointSpec":{"Ports":[{"Protocol":"foo"}]})"), "invalid protocol: \"foo\""},
      {with("", R"(,"EndpointSpec":{"Ports":[{"PublishMode":"foo"}]})"),
       "invalid publish mode: \"foo\""},
      {with(R"(,"Mounts":[{"Type":"foo","Target":"/x"}])", ""), "invalid MountType: \"foo\""},
      {with(R"(,"Mounts":[{"Type":"bind","BindOptions":{"Propagation":"zz"}}])", ""),
       "invalid MountPropagation: \"zz\""},
      {R"({"TaskTemplate":{"ContainerSpec":{},"RestartPolicy":{"Condition":"foo"}}})",
       "invalid RestartCondition: \"foo\""},
      {R"({"TaskTemplate":{"ContainerSpec":{},"Runtime":"zz"}})", "unsupported runtime"},
      {"{}", "mismatched Runtime and *Spec fields"},
      {"null", "mismatched Runtime and *Spec fields"},
  };
  for (const auto& one : kCases) EXPECT_EQ(refusal(one.text), one.reason) << one.text;
}

TEST(ServiceJson, TextThatIsNotJsonIsRefused) {
  EXPECT_EQ(refusal(""), "invalid JSON: got EOF while reading request body");
  EXPECT_EQ(refusal("{\"Name\":"), "invalid JSON: unexpected EOF");
  EXPECT_THAT(refusal("nonsense"), HasSubstr("invalid JSON: invalid character"));
  EXPECT_THAT(refusal("{} trailing"), HasSubstr("invalid JSON: invalid character 'a'"));
  EXPECT_THAT(refusal("{\"a\":\"\xff\"}"), HasSubstr("invalid JSON: invalid character"));
  EXPECT_EQ(refusal(std::string(100'000, '[')), "invalid JSON: exceeded max depth");
  EXPECT_THAT(refusal("{\"a\":1e999}"), HasSubstr("invalid JSON"));
}

TEST(ServiceJson, GarbledBytesNeverDoMoreThanFail) {
  Rng rng(7);
  int accepted = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text(kCaptured);
    for (int n = 0; n < 3; ++n) text[rng.below(text.size())] = char(rng.below(256));
    if (rng.chance(0.3)) text.resize(rng.below(text.size()));
    const auto spec = decode_service_spec(text, kNewest);
    if (!spec) continue;
    ++accepted;
    ASSERT_TRUE(decode_service_spec(encoded(*spec), kNewest)) << text;
  }
  EXPECT_GT(accepted, 0);
}

TEST(ServiceJson, OldClientsCannotHaveMeantWhatTheirVersionDidNotHave) {
  const auto old = decode_service_spec(kCaptured, 39);
  ASSERT_TRUE(old);
  EXPECT_TRUE(old->task->container.sysctls.empty());
  EXPECT_TRUE(old->task->container.cap_add.empty());
  EXPECT_TRUE(old->task->container.ulimits.empty());
  EXPECT_EQ(old->task->resources->limits.pids, 0);
  EXPECT_EQ(old->task->placement->max_replicas, 0u);
  const auto newer = decode_service_spec(kCaptured, 41);
  ASSERT_TRUE(newer);
  EXPECT_EQ(newer->task->placement->max_replicas, 3u);
  EXPECT_EQ(newer->task->container.cap_add.size(), 1u);
}

TEST(ServiceJson, DefaultsCanBeWrittenOut) {
  const auto spec =
      decode_service_spec(R"({"Name":"a","TaskTemplate":{"ContainerSpec":{}}})", kNewest);
  ASSERT_TRUE(spec);
  const std::string text = encoded(with_defaults(*spec));
  EXPECT_THAT(text, HasSubstr(R"("StopGracePeriod":10000000000)"));
  EXPECT_THAT(text, HasSubstr(R"("RestartPolicy":{"Condition":"any","Delay":5000000000,)"
                              R"("MaxAttempts":0})"));
  EXPECT_THAT(text, HasSubstr(R"("UpdateConfig":{"Parallelism":1,"FailureAction":"pause",)"
                              R"("Monitor":5000000000,"MaxFailureRatio":0,)"
                              R"("Order":"stop-first"})"));
}

TEST(TaskJson, ARunningTaskIsPrintedAsDockerPrintsIt) {
  model::Task task;
  task.id = model::TaskId::of("xr6p8578t5cd5tx259r1y82od");
  task.meta = {75, Time{1'700'000'000'099'535'435}, Time{1'700'000'000'545'178'960}};
  task.service_id = model::ServiceId::of("xnxb2ccv9wwn5ne8ag12k1jty");
  task.slot = 1;
  task.node_id = model::NodeId::of("l9u8uf2enqhkmy3p5p075cf5g");
  model::TaskSpec spec;
  spec.container.image = "demo:v1";
  task.spec = std::make_shared<const model::TaskSpec>(spec);
  task.status = {.timestamp = Time{1'700'000'000'454'640'152},
                 .state = model::TaskState::Running,
                 .message = "started"};
  task.status.container = model::ContainerStatus{"4222d7a8b088", 22391, 0};
  JsonWriter json;
  TaskEncoder encoder;
  encoder.encode(json, task);
  EXPECT_EQ(
      json.take(),
      R"({"ID":"xr6p8578t5cd5tx259r1y82od","Version":{"Index":75},)"
      R"("CreatedAt":"2023-11-14T22:13:20.099535435Z","UpdatedAt":"2023-11-14T22:13:20.54517896Z",)"
      R"("Labels":{},"Spec":{"ContainerSpec":{"Image":"demo:v1","Isolation":"default"},)"
      R"("ForceUpdate":0},"ServiceID":"xnxb2ccv9wwn5ne8ag12k1jty","Slot":1,)"
      R"("NodeID":"l9u8uf2enqhkmy3p5p075cf5g","Status":{)"
      R"("Timestamp":"2023-11-14T22:13:20.454640152Z","State":"running","Message":"started",)"
      R"("ContainerStatus":{"ContainerID":"4222d7a8b088","PID":22391,"ExitCode":0},)"
      R"("PortStatus":{}},"DesiredState":"running"})");
}

TEST(TaskJson, AnAttachmentShowsItsContainerAndNoService) {
  model::TaskSpec spec;
  spec.attachment = model::NetworkAttachmentSpec{.container_id = "4222d7a8b088"};
  spec.networks = {{.target = "net1", .aliases = {"db"}, .driver_options = {}}};
  model::Task task;
  task.id = model::TaskId::of("t1");
  task.node_id = model::NodeId::of("n1");
  task.spec = std::make_shared<const model::TaskSpec>(spec);
  JsonWriter json;
  TaskEncoder encoder;
  encoder.encode(json, task);
  const std::string text = json.take();
  EXPECT_THAT(text, HasSubstr(R"("Spec":{"NetworkAttachmentSpec":{"ContainerID":"4222d7a8b088"},)"
                              R"("Networks":[{"Target":"net1","Aliases":["db"]}],)"
                              R"("ForceUpdate":0,"Runtime":"attachment"},"ServiceID":"",)"
                              R"("NodeID":"n1")"));
  EXPECT_EQ(model::task_name(task), ".n1.t1");
}

TEST(NodeJson, ManagersShowReachabilityAndSpecsGoBothWays) {
  model::Node node = model::full_node();
  node.role = model::NodeRole::Manager;
  node.manager_address = "10.0.0.1:2377";
  JsonWriter json;
  encode_node(json, node, node.id);
  EXPECT_THAT(json.take(), HasSubstr(R"("ManagerStatus":{"Leader":true,"Reachability":)"));
  const auto spec =
      decode_node_spec(R"({"Labels":{"z":"1"},"Role":"worker","Availability":"drain"})");
  ASSERT_TRUE(spec);
  EXPECT_EQ(spec->availability, model::Availability::Drain);
  EXPECT_EQ(decode_node_spec("{}").error().message, "invalid Role: \"\"");
  EXPECT_EQ(decode_node_spec(R"({"Role":"foo"})").error().message, "invalid Role: \"foo\"");
  EXPECT_EQ(decode_node_spec(R"({"Role":"worker","Availability":"x"})").error().message,
            "invalid Availability: \"x\"");
}

TEST(SwarmJson, ZerosKeepWhatWasAndTheRestReplacesIt) {
  model::ClusterSpec base;
  base.task_history_limit = 9;
  const auto spec = decode_cluster_spec(
      R"({"Name":"default","Dispatcher":{"HeartbeatPeriod":0},"CAConfig":{"NodeCertExpiry":)"
      R"(7200000000000},"Raft":{"SnapshotInterval":0,"KeepOldSnapshots":3}})",
      base);
  ASSERT_TRUE(spec) << spec.error().message;
  EXPECT_EQ(spec->task_history_limit, 9);
  EXPECT_EQ(spec->node_cert_expiry, 2h);
  EXPECT_EQ(spec->snapshot_interval, 10000u);
  EXPECT_EQ(spec->keep_old_snapshots, 3u);
}

TEST(SwarmJson, TokensAreShownOnlyWhereTheyBelong) {
  model::Cluster cluster = model::full_cluster();
  cluster.join_token_worker = "SWMTKN-1-worker";
  for (const bool with_tokens : {true, false}) {
    JsonWriter json;
    encode_cluster(json, cluster, 1s, with_tokens);
    const std::string text = json.take();
    EXPECT_EQ(text.find("SWMTKN-1-worker") != std::string::npos, with_tokens);
    EXPECT_THAT(text, HasSubstr(R"("Dispatcher":{"HeartbeatPeriod":1000000000})"));
  }
}

TEST(JsonWriter, EscapesWhatJsonAndBrokenTextNeed) {
  JsonWriter json;
  json.begin_array().value("a\"b\\c\n\t\x01/é€😀").value("bad\xff\xc0\x80\xed\xa0\x80");
  json.value(-0.25).value(uint64_t{18446744073709551615u}).end_array();
  EXPECT_EQ(json.take(),
            "[\"a\\\"b\\\\c\\n\\t\\u0001/é€😀\",\"bad\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
            "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\",-0.25,18446744073709551615]");
}

}  // namespace
}  // namespace shoal::codec

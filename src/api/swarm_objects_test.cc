// Services, tasks, nodes and the swarm through the router: what clients get for good and bad input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/missing.h"
#include "api/nodes.h"
#include "api/services.h"
#include "api/swarm.h"
#include "api/tasks.h"
#include "api/testing_swarm.h"
#include "store/testing_attachments.h"

namespace shoal::api {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kTask = R"("TaskTemplate":{"ContainerSpec":{"Image":"demo:v1"}})";

class SwarmObjects : public SwarmFixture {
 protected:
  SwarmObjects() {
    services_.add_routes(router_);
    tasks_.add_routes(router_);
    nodes_.add_routes(router_);
    swarm_.add_routes(router_);
    add_missing_routes(router_);
  }

  Answer create(std::string_view rest) {
    return post("/services/create", fmt::format("{{{},{}}}", kTask, rest));
  }
  model::Ref<model::Service> service(std::string_view name) {
    return store_.read().services().by_name(name);
  }
  static std::vector<std::string> names(const Answer& answer) {
    std::vector<std::string> found;
    for (const auto& one : json::parse(answer.body)) found.push_back(one["Spec"]["Name"]);
    std::sort(found.begin(), found.end());
    return found;
  }

  ServicesApi services_{context_};
  TasksApi tasks_{context_};
  NodesApi nodes_{context_};
  SwarmApi swarm_{context_};
};

TEST_F(SwarmObjects, AServiceIsCreatedListedInspectedUpdatedAndRemoved) {
  const Answer made = create(R"("Name":"web","Mode":{"Replicated":{"Replicas":3}})");
  EXPECT_EQ(made.status, 201) << made.body;
  const std::string id = json::parse(made.body)["ID"];
  EXPECT_EQ(id.size(), kIdLength);

  EXPECT_THAT(names(get("/v1.41/services")), ElementsAre("web"));
  for (const std::string& ref : {id, id.substr(0, 6), std::string("web")}) {
    const Answer shown = get("/services/" + ref);
    EXPECT_EQ(shown.status, 200) << ref;
    EXPECT_EQ(json::parse(shown.body)["Spec"]["Mode"]["Replicated"]["Replicas"], 3) << ref;
  }

  const auto version = json::parse(get("/services/web").body)["Version"]["Index"].get<int>();
  const Answer scaled =
      post(fmt::format("/services/web/update?version={}", version),
           fmt::format(R"({{"Name":"web",{},"Mode":{{"Replicated":{{"Replicas":5}}}}}})", kTask));
  EXPECT_EQ(scaled.status, 200) << scaled.body;
  EXPECT_EQ(std::get<model::ReplicatedMode>(service("web")->spec.mode).replicas, 5u);
  EXPECT_EQ(std::get<model::ReplicatedMode>(service("web")->previous_spec->mode).replicas, 3u);
  EXPECT_EQ(service("web")->spec.task, service("web")->previous_spec->task) << "still shared";

  EXPECT_EQ(ask({"DELETE", "/services/web", ""}).status, 200);
  EXPECT_EQ(get("/services").body, "[]");
}

TEST_F(SwarmObjects, AClientIsToldOnlyWhenTheChangeIsDurable) {
  engine_.hold = true;
  Answer answer;
  bool done = false;
  Ask request{"POST", "/services/create", fmt::format(R"({{"Name":"web",{}}})", kTask)};
  loop_.post([&] { os::spawn(serve_one(router_, request, answer, done)); });
  loop_.post([&] { loop_.post([&] { loop_.stop(); }); });
  loop_.run();
  ASSERT_EQ(engine_.inner().waiting_count(), 1u);
  EXPECT_FALSE(done);
  engine_.inner().flush();
  EXPECT_TRUE(done);
  EXPECT_EQ(answer.status, 201);
}

TEST_F(SwarmObjects, ACommitThatFailsIsToldToo) {
  engine_.inner().fail({ErrorCode::Unavailable, "disk is full"});
  const Answer answer = create(R"("Name":"web")");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(message(answer), HasSubstr("disk is full"));
}

TEST_F(SwarmObjects, AServiceWithoutANameGetsOne) {
  EXPECT_EQ(create(R"("Labels":{})").status, 201);
  EXPECT_FALSE(store_.read().services().all().begin()->second->name().empty());
}

TEST_F(SwarmObjects, BadServicesAreRefusedInDockersWords) {
  ASSERT_EQ(create(R"("Name":"web","EndpointSpec":{"Ports":[{"TargetPort":80,)"
                   R"("PublishedPort":8080}]})")
                .status,
            201);
  const struct {
    std::string_view rest;
    int status;
    std::string_view reason;
  } kCases[] = {
      {R"("Name":"web")", 409,
       "rpc error: code = AlreadyExists desc = name conflicts with an existing object: service "
       "web already exists"},
      {R"("Name":"b","EndpointSpec":{"Ports":[{"TargetPort":80,"PublishedPort":8080}]})", 400,
       "port '8080' is already in use by service 'web'"},
      {R"("Name":"b","Networks":[{"Target":"nonet"}])", 404, "network nonet not found"},
      {R"("Name":"b","Mode":{"Global":{},"Replicated":{"Replicas":1}})", 400,
       "must specify only one service mode"},
      {R"("Name":"b","Mode":{"ReplicatedJob":{}})", 501, "jobs are not supported"},
      {R"("Name":"b","Mode":{"GlobalJob":{}})", 501, "jobs are not supported"},
      {R"("Name":7)", 400, "json: cannot unmarshal number into Go struct field ServiceSpec.Name"},
  };
  for (const auto& one : kCases) {
    const Answer answer = create(one.rest);
    EXPECT_EQ(answer.status, one.status) << one.rest;
    EXPECT_THAT(message(answer), HasSubstr(one.reason)) << one.rest;
  }
  EXPECT_EQ(store_.read().services().size(), 1u);
}

TEST_F(SwarmObjects, OnlyJsonBodiesAreTaken) {
  Ask plain{"POST", "/services/create", "{}"};
  plain.headers = {{"content-type", "text/plain"}};
  const Answer answer = ask(plain);
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(message(answer),
            "unsupported Content-Type header (text/plain): must be \"application/json\"");
  EXPECT_EQ(message(post("/services/create", "")),
            "invalid JSON: got EOF while reading request body");
}

TEST_F(SwarmObjects, UpdatesThatCannotBeAreRefusedInDockersWords) {
  ASSERT_EQ(create(R"("Name":"web")").status, 201);
  const auto version = service("web")->meta.version;
  const std::string same = fmt::format(R"({{"Name":"web",{}}})", kTask);
  const auto at = [&](auto v) { return fmt::format("/services/web/update?version={}", v); };
  const auto expect = [](const Answer& answer, int status, std::string_view reason) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_THAT(message(answer), HasSubstr(reason));
  };
  expect(post(at(version + 1), same), 500,
         "rpc error: code = Unknown desc = update out of sequence");
  expect(post(at("abc"), same), 400,
         "invalid service version 'abc': strconv.ParseUint: parsing \"abc\": invalid syntax");
  expect(post("/services/web/update", same), 400, "invalid service version ''");
  expect(post("/services/nope/update?version=1", same), 404, "service nope not found");
  expect(post(at(version), fmt::format(R"({{"Name":"other",{}}})", kTask)), 501,
         "renaming services is not supported");
  expect(post(at(version), fmt::format(R"({{"Name":"web",{},"Mode":{{"Global":{{}}}}}})", kTask)),
         501, "service mode change is not allowed");
  expect(post(at(version), R"({"Name":"web","TaskTemplate":{"ContainerSpec":{"Image":"b"}}})"), 501,
         "rolling update");
  expect(post(at(version) + "&rollback=previous", same), 400, "does not have a previous spec");
  EXPECT_EQ(service("web")->meta.version, version);
}

TEST_F(SwarmObjects, ScalingByWhatInspectShowedNeedsNoNewTasks) {
  ASSERT_EQ(create(R"("Name":"web","EndpointSpec":{"Mode":"vip","Ports":[{"TargetPort":80,)"
                   R"("PublishedPort":8081}]})")
                .status,
            201);
  auto shown = json::parse(get("/services/web").body);
  shown["Spec"]["Mode"]["Replicated"]["Replicas"] = 6;
  const int version = shown["Version"]["Index"];
  const Answer scaled =
      post(fmt::format("/services/web/update?version={}", version), shown["Spec"].dump());
  EXPECT_EQ(scaled.status, 200) << scaled.body;
  EXPECT_EQ(std::get<model::ReplicatedMode>(service("web")->spec.mode).replicas, 6u);
}

TEST_F(SwarmObjects, AnUpdateWithoutCredentialsKeepsThoseThatAreStored) {
  Ask with_auth{"POST", "/services/create", fmt::format(R"({{"Name":"web",{}}})", kTask)};
  with_auth.headers.emplace_back("x-registry-auth", "c2VjcmV0");
  ASSERT_EQ(ask(with_auth).status, 201);
  const std::string target =
      fmt::format("/services/web/update?version={}", service("web")->meta.version);
  ASSERT_EQ(post(target, fmt::format(R"({{"Name":"web",{}}})", kTask)).status, 200);
  EXPECT_EQ(service("web")->spec.task->container.registry_auth, "c2VjcmV0");
  EXPECT_THAT(get("/services/web").body, testing::Not(HasSubstr("c2VjcmV0")));
}

TEST_F(SwarmObjects, AManualRollbackSwapsTheSpecs) {
  ASSERT_EQ(create(R"("Name":"web","Mode":{"Replicated":{"Replicas":1}})").status, 201);
  const std::string two =
      fmt::format(R"({{"Name":"web",{},"Mode":{{"Replicated":{{"Replicas":2}}}}}})", kTask);
  const auto target = [&] {
    return fmt::format("/services/web/update?version={}", service("web")->meta.version);
  };
  ASSERT_EQ(post(target(), two).status, 200);
  ASSERT_EQ(post(target() + "&rollback=previous", two).status, 200);
  EXPECT_EQ(std::get<model::ReplicatedMode>(service("web")->spec.mode).replicas, 1u);
  EXPECT_EQ(std::get<model::ReplicatedMode>(service("web")->previous_spec->mode).replicas, 2u);
  EXPECT_EQ(service("web")->update_status->message, "manually requested rollback");
}

TEST_F(SwarmObjects, ServiceFiltersAndStatusWork) {
  ASSERT_EQ(create(R"("Name":"web","Labels":{"a":"b"})").status, 201);
  ASSERT_EQ(create(R"("Name":"db")").status, 201);
  EXPECT_THAT(names(filtered("/services", R"({"name":["we"]})")), ElementsAre("web"));
  EXPECT_THAT(names(filtered("/services", R"({"label":["a=b"]})")), ElementsAre("web"));
  EXPECT_THAT(names(filtered("/services", R"({"label":{"a":true}})")), ElementsAre("web"));
  EXPECT_THAT(names(filtered("/services", R"({"mode":["global"]})")), ElementsAre());
  EXPECT_EQ(filtered("/services", R"({"foo":["x"]})").status, 400);
  EXPECT_EQ(filtered("/services", "garbage").status, 400);
  const auto status = [&](std::string target) {
    return json::parse(get(std::move(target)).body)[0]["ServiceStatus"];
  };
  EXPECT_EQ(status("/services?status=true")["DesiredTasks"], 1);
  EXPECT_TRUE(status("/v1.40/services?status=true").is_null());
  EXPECT_TRUE(status("/services").is_null());
}

TEST_F(SwarmObjects, AGlobalServiceIsCreatedListedInspectedUpdatedAndRemoved) {
  ASSERT_EQ(create(R"("Name":"web")").status, 201);
  const Answer made = create(R"("Name":"agent","Mode":{"Global":{}})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_THAT(names(filtered("/services", R"({"mode":["global"]})")), ElementsAre("agent"));
  EXPECT_THAT(names(filtered("/services", R"({"mode":["replicated"]})")), ElementsAre("web"));
  EXPECT_EQ(json::parse(get("/services/agent").body)["Spec"]["Mode"],
            json::parse(R"({"Global":{}})"));

  const auto update = [&](std::string_view rest) {
    return post(fmt::format("/services/agent/update?version={}", service("agent")->meta.version),
                fmt::format(R"({{"Name":"agent",{},{}}})", kTask, rest));
  };
  EXPECT_EQ(update(R"("Mode":{"Global":{}},"Labels":{"a":"b"})").status, 200);
  EXPECT_EQ(service("agent")->spec.annotations.labels.at("a"), "b");
  const Answer other_mode = update(R"("Mode":{"Replicated":{"Replicas":2}})");
  EXPECT_EQ(other_mode.status, 501);
  EXPECT_THAT(message(other_mode), HasSubstr("service mode change is not allowed"));
  const Answer scaled = update(R"("Mode":{"Global":{"Replicas":2}})");
  EXPECT_EQ(scaled.status, 200) << "Docker passes over what it does not know";
  EXPECT_EQ(ask({"DELETE", "/services/agent", ""}).status, 200);
  EXPECT_EQ(service("agent"), nullptr);
}

TEST_F(SwarmObjects, TheTasksOfAGlobalServiceAreNamedAfterTheirNodesAndCounted) {
  ASSERT_EQ(create(R"("Name":"agent","Mode":{"Global":{}})").status, 201);
  write([&](store::WriteTx& tx) -> Result<void> {
    const auto agent = tx.read().services().by_name("agent");
    model::Task task;
    task.service_id = agent->id;
    task.spec = agent->spec.task;
    task.spec_version = agent->spec_version;
    task.service_annotations = std::make_shared<const model::Annotations>(agent->spec.annotations);
    task.status.state = model::TaskState::Running;
    task.id = model::TaskId::of("t1");
    task.node_id = model::NodeId::of("n1");
    RETURN_IF_ERROR(tx.create(task));
    task.id = model::TaskId::of("t2");
    task.node_id = model::NodeId::of("n2");
    return tx.create(task);
  });
  EXPECT_EQ(json::parse(get("/tasks/agent.n2.t2").body)["ID"], "t2");
  EXPECT_FALSE(json::parse(get("/tasks/t1").body).contains("Slot"));
  const json first = json::parse(filtered("/tasks", R"({"name":["agent.n1"]})").body);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0]["NodeID"], "n1");

  const auto status = [&] {
    return json::parse(get("/services?status=true").body)[0]["ServiceStatus"];
  };
  EXPECT_EQ(status()["RunningTasks"], 2);
  EXPECT_EQ(status()["DesiredTasks"], 2);
  // The node is lost: its task stays as it was last seen, and counts for nothing.
  write([&](store::WriteTx& tx) -> Result<void> {
    model::Node node = *tx.read().nodes().get(model::NodeId::of("n2"));
    node.status.state = model::NodeState::Down;
    RETURN_IF_ERROR(tx.update(node));
    model::Task task = *tx.read().tasks().get(model::TaskId::of("t2"));
    task.desired_state = model::TaskState::Shutdown;
    return tx.update(task);
  });
  EXPECT_EQ(status()["RunningTasks"], 1);
  EXPECT_EQ(status()["DesiredTasks"], 1);
}

TEST_F(SwarmObjects, ReferencesThatFitSeveralOrNoneAreToldApart) {
  write([](store::WriteTx& tx) -> Result<void> {
    for (const auto* id : {"abc1", "abc2"}) {
      model::Service one;
      one.id = model::ServiceId::of(id);
      one.spec.annotations.name = fmt::format("s-{}", id);
      RETURN_IF_ERROR(tx.create(std::move(one)));
    }
    return {};
  });
  EXPECT_EQ(message(get("/services/abc")), "service abc is ambiguous (2 matches found)");
  EXPECT_EQ(get("/services/abc1").status, 200);
  EXPECT_EQ(message(get("/services/nope")), "service nope not found");
  EXPECT_EQ(get("/services/nope").status, 404);
  EXPECT_EQ(message(get("/tasks/nope")), "task nope not found");
  EXPECT_EQ(message(get("/nodes/nope")), "node nope not found");
}

TEST_F(SwarmObjects, TasksAreFilteredByWhatTheyAreAndShouldBe) {
  ASSERT_EQ(create(R"("Name":"web")").status, 201);
  write([&](store::WriteTx& tx) -> Result<void> {
    const auto web = tx.read().services().by_name("web");
    model::Task task;
    task.service_id = web->id;
    task.spec = web->spec.task;
    task.service_annotations = std::make_shared<const model::Annotations>(web->spec.annotations);
    for (int slot = 1; slot <= 20; ++slot) {
      task.id = model::TaskId::of(fmt::format("t{:02}", slot));
      task.slot = uint64_t(slot);
      task.node_id = model::NodeId::of(slot % 2 == 0 ? "n1" : "n2");
      task.spec_version = slot == 1 ? 0 : web->spec_version;
      task.desired_state = slot == 2 ? model::TaskState::Shutdown : model::TaskState::Running;
      RETURN_IF_ERROR(tx.create(task));
    }
    return {};
  });
  const auto count = [](const Answer& answer) { return json::parse(answer.body).size(); };
  EXPECT_EQ(count(get("/tasks")), 20u);
  EXPECT_EQ(count(filtered("/tasks", R"({"service":["web"]})")), 20u);
  EXPECT_EQ(count(filtered("/tasks", R"({"node":["self"]})")), 10u);
  EXPECT_EQ(count(filtered("/tasks", R"({"node":["beta"],"desired-state":["running"]})")), 10u);
  EXPECT_EQ(count(filtered("/tasks", R"({"desired-state":["shutdown"]})")), 1u);
  EXPECT_EQ(count(filtered("/tasks", R"({"name":["web.3"]})")), 1u);
  EXPECT_EQ(count(filtered("/tasks", R"({"id":["t1"]})")), 10u);
  EXPECT_EQ(count(filtered("/tasks", R"({"_up-to-date":["true"]})")), 20u) << "same spec by value";
  EXPECT_EQ(message(filtered("/tasks", R"({"service":["nope"]})")), "service nope not found");
  EXPECT_EQ(message(filtered("/tasks", R"({"node":["nope"]})")), "node nope not found");
  EXPECT_EQ(message(filtered("/tasks", R"({"desired-state":["x"]})")),
            "Invalid desired-state filter: 'x'");
  EXPECT_EQ(json::parse(get("/tasks/t07").body)["Slot"], 7);
  EXPECT_EQ(json::parse(get("/tasks/web.7.t07").body)["Slot"], 7);
}

TEST_F(SwarmObjects, ContainersOfUsersAreShownWhenTheyAreAskedFor) {
  write([](store::WriteTx& tx) { return tx.create(store::attachment("one", "n1", "net1")); });
  const auto ids = [&](const std::string& path) { return json::parse(get(path).body); };
  EXPECT_EQ(ids("/tasks"), json::array());
  EXPECT_EQ(json::parse(filtered("/tasks", R"({"runtime":["container"]})").body), json::array());
  const json shown = json::parse(filtered("/tasks", R"({"runtime":["attachment"]})").body);
  ASSERT_EQ(shown.size(), 1u);
  EXPECT_EQ(shown[0]["Spec"]["NetworkAttachmentSpec"]["ContainerID"], std::string(64, 'c'));
  EXPECT_FALSE(shown[0]["Spec"].contains("ContainerSpec"));
  EXPECT_EQ(ids("/tasks/one")["ServiceID"], "");
}

TEST_F(SwarmObjects, ATaskOfANodeThatIsDownIsNotShownAsRunning) {
  ASSERT_EQ(create(R"("Name":"web")").status, 201);
  write([&](store::WriteTx& tx) -> Result<void> {
    model::Task task;
    task.service_id = tx.read().services().by_name("web")->id;
    task.node_id = model::NodeId::of("n2");
    for (const auto& [id, state] :
         {std::pair{"runs", model::TaskState::Running}, {"failed", model::TaskState::Failed}}) {
      task.id = model::TaskId::of(id);
      task.status.state = state;
      RETURN_IF_ERROR(tx.create(task));
    }
    model::Node node = *tx.read().nodes().get(model::NodeId::of("n2"));
    node.status.state = model::NodeState::Down;
    return tx.update(std::move(node));
  });
  const auto status = json::parse(get("/tasks/runs").body)["Status"];
  EXPECT_EQ(status["State"], "orphaned");
  EXPECT_EQ(status["Err"], "its node is down; it was running before");
  EXPECT_EQ(json::parse(get("/tasks/failed").body)["Status"]["State"], "failed");
  EXPECT_THAT(filtered("/tasks", R"({"id":["runs"]})").body, HasSubstr("\"orphaned\""));
}

TEST_F(SwarmObjects, NodesAreUpdatedAndRemovedByDockersRules) {
  const auto spec = [](std::string_view role, std::string_view availability) {
    return fmt::format(R"({{"Role":"{}","Availability":"{}"}})", role, availability);
  };
  const auto target = [&](std::string id) {
    const auto node = store_.read().nodes().get(model::NodeId::of(id));
    return fmt::format("/nodes/{}/update?version={}", id, node->meta.version);
  };
  EXPECT_EQ(post(target("n2"), spec("worker", "drain")).status, 200);
  EXPECT_EQ(json::parse(get("/nodes/beta").body)["Spec"]["Availability"], "drain");
  EXPECT_EQ(json::parse(get("/nodes/self").body)["ManagerStatus"]["Leader"], true);
  EXPECT_THAT(message(post(target("n1"), spec("worker", "active"))),
              HasSubstr("attempting to demote the last manager of the swarm"));
  EXPECT_EQ(post(target("n2"), spec("manager", "active")).status, 501);
  EXPECT_EQ(post("/nodes/n2/update?version=1", spec("worker", "active")).status, 500);
  EXPECT_EQ(message(post(target("n2"), "{}")), "invalid Role: \"\"");

  EXPECT_THAT(message(ask({"DELETE", "/nodes/n1?force=1", ""})), HasSubstr("is a cluster manager"));
  EXPECT_THAT(message(ask({"DELETE", "/nodes/n2", ""})), HasSubstr("is not down"));
  EXPECT_EQ(ask({"DELETE", "/nodes/n2?force=1", ""}).status, 200);
  EXPECT_EQ(json::parse(get("/nodes").body).size(), 1u);
  EXPECT_EQ(message(filtered("/nodes", R"({"role":["x"]})")), "Invalid role filter: 'x'");
}

TEST_F(SwarmObjects, TheSwarmIsShownUpdatedAndItsTokensRotated) {
  auto swarm = json::parse(get("/swarm").body);
  EXPECT_EQ(swarm["Spec"]["Dispatcher"]["HeartbeatPeriod"], 1'000'000'000);
  EXPECT_EQ(swarm["JoinTokens"]["Worker"], "SWMTKN-1-old");
  const auto target = [&](std::string_view more) {
    const auto& cluster = *store_.read().clusters().all().begin()->second;
    return fmt::format("/swarm/update?version={}{}", cluster.meta.version, more);
  };
  swarm["Spec"]["Orchestration"]["TaskHistoryRetentionLimit"] = 2;
  EXPECT_EQ(post(target("&rotateWorkerToken=true"), swarm["Spec"].dump()).status, 200);
  const auto& cluster = *store_.read().clusters().all().begin()->second;
  EXPECT_EQ(cluster.spec.task_history_limit, 2);
  EXPECT_EQ(cluster.spec.heartbeat_period, Duration{0}) << "what was shown does not become set";
  EXPECT_EQ(cluster.join_token_worker, "SWMTKN-1-new");

  const char* to_given =
      R"({"CAConfig":{"ForceRotate":7,"SigningCACert":"a root","SigningCAKey":"its key"}})";
  EXPECT_EQ(post(target(""), to_given).status, 200);
  EXPECT_EQ(json::parse(get("/swarm").body)["RootRotationInProgress"], true);
  EXPECT_EQ(store_.read().clusters().all().begin()->second->rotation->key, "its key");
  EXPECT_EQ(get("/swarm").body.find("its key"), std::string::npos);
  EXPECT_THAT(
      message(post(target(""), R"({"CAConfig":{"ForceRotate":8,"SigningCACert":"a root"}})")),
      HasSubstr("needs both CAConfig.SigningCACert and CAConfig.SigningCAKey"));
  EXPECT_EQ(post(target(""), R"({"CAConfig":{"ForceRotate":8,"SigningCACert":"bad",)"
                             R"("SigningCAKey":"x"}})")
                .status,
            400);

  EXPECT_EQ(post("/swarm/update?version=1", "{}").status, 500);
  EXPECT_EQ(message(post(target(""), R"({"Name":"foo"})")), "swarm spec must be named \"default\"");
  EXPECT_THAT(message(post(target(""), R"({"CAConfig":{"NodeCertExpiry":5}})")),
              HasSubstr("minimum certificate expiry time is: 1h0m0s"));
  EXPECT_EQ(message(post("/swarm/unlock", R"({"UnlockKey":"x"})")), "swarm is not locked");
  EXPECT_EQ(get("/swarm/unlockkey").body, R"({"UnlockKey":""})");
}

TEST_F(SwarmObjects, InitPassesOnWhatTheClientSaid) {
  const Answer answer = post(
      "/swarm/init",
      R"({"ListenAddr":"0.0.0.0:2377","AdvertiseAddr":"lo","Availability":"drain","SubnetSize":20,)"
      R"("DataPathAddr":"eth1","DataPathPort":7789,)"
      R"("DefaultAddrPool":["10.1.0.0/16"],"Spec":{"Orchestration":{)"
      R"("TaskHistoryRetentionLimit":3}}})");
  EXPECT_EQ(answer.body, "\"n1\"");
  ASSERT_TRUE(backend_.last_init);
  EXPECT_EQ(backend_.last_init->advertise_address, "lo");
  EXPECT_EQ(backend_.last_init->availability, model::Availability::Drain);
  EXPECT_EQ(backend_.last_init->spec.task_history_limit, 3);
  EXPECT_THAT(backend_.last_init->default_address_pools, ElementsAre("10.1.0.0/16"));
  EXPECT_EQ(backend_.last_init->data_path_address, "eth1");
  EXPECT_EQ(backend_.last_init->data_path_port, 7789u);
  EXPECT_EQ(message(post("/swarm/init", R"({"Availability":"x"})")), "invalid Availability: \"x\"");
  EXPECT_EQ(post("/swarm/init", R"({"AutoLockManagers":true})").status, 501);
  EXPECT_EQ(post("/swarm/init", R"({"DefaultAddrPool":["x"]})").status, 400);
  EXPECT_EQ(post("/swarm/init", R"({"DataPathPort":70000})").status, 400);
  EXPECT_EQ(post("/swarm/leave", "").status, 503);
  EXPECT_EQ(post("/swarm/leave?force=true", "").status, 200);
}

TEST_F(SwarmObjects, WithoutASwarmEverySwarmCallSaysHowToGetOne) {
  backend_.store_now = nullptr;
  backend_.state_now = LocalNodeState::Inactive;
  for (const char* path : {"/services", "/tasks", "/nodes", "/swarm", "/services/x", "/nodes/x"}) {
    const Answer answer = get(path);
    EXPECT_EQ(answer.status, 503) << path;
    EXPECT_EQ(
        message(answer),
        "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" "
        "to connect this node to swarm and try again.");
  }
  EXPECT_EQ(create(R"("Name":"web")").status, 503);
  backend_.state_now = LocalNodeState::Locked;
  EXPECT_THAT(message(get("/services")), HasSubstr("Swarm is encrypted"));
  backend_.state_now = LocalNodeState::Active;
  EXPECT_THAT(message(get("/services")), HasSubstr("Worker nodes can't be used"));
}

TEST_F(SwarmObjects, WhatIsMissingAnswers501AndNamesItself) {
  for (const char* path : {"/secrets", "/configs/x", "/distribution/a/json", "/plugins"}) {
    const Answer answer = get(path);
    EXPECT_EQ(answer.status, 501) << path;
    EXPECT_THAT(message(answer), HasSubstr("not supported by this version of Shoal yet")) << path;
  }
}

}  // namespace
}  // namespace shoal::api

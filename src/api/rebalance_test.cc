// Shoal's own calls about rebalancing, through the router.
#include "api/rebalance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/services.h"
#include "api/testing.h"

namespace shoal::api {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kPath = "/shoal/v1/rebalance";

class Rebalances : public testing::Test {
 protected:
  Rebalances() {
    CHECK(store_.load());
    backend_.store_now = &store_;
    rebalance_.add_routes(router_);
    services_.add_routes(router_);
    write([](store::WriteTx& tx) -> Result<void> {
      for (const char* id : {"n1", "n2"}) {
        model::Node node;
        node.id = model::NodeId::of(id);
        node.status.state = model::NodeState::Ready;
        node.description.hostname = fmt::format("host-{}", id);
        RETURN_IF_ERROR(tx.create(node));
      }
      return {};
    });
  }

  void write(const store::Store::Write& write) {
    ASSERT_TRUE(store_.update(loop_.now(), write));
    engine_.inner().flush();
  }
  // Running tasks in the slots 1 … `tasks`, all on n1.
  void service(std::string_view name, model::ServiceMode mode, uint64_t tasks) {
    write([&](store::WriteTx& tx) -> Result<void> {
      model::Service made;
      made.id = model::ServiceId::of(name);
      made.spec.annotations.name = name;
      made.spec.mode = mode;
      RETURN_IF_ERROR(tx.create(made));
      for (uint64_t slot = 1; slot <= tasks; ++slot) {
        model::Task task;
        task.id = model::TaskId::of(fmt::format("{}{}", name, slot));
        task.service_id = made.id;
        task.slot = slot;
        task.node_id = model::NodeId::of("n1");
        task.spec = made.spec.task;
        task.status.state = model::TaskState::Running;
        RETURN_IF_ERROR(tx.create(task));
      }
      return {};
    });
  }

  Answer ask(Ask ask) {
    Answer answer;
    bool done = false;
    loop_.post([&] { os::spawn(run(std::move(ask), answer, done)); });
    loop_.run();
    EXPECT_TRUE(done);
    return answer;
  }
  os::Co<> run(Ask ask, Answer& answer, bool& done) {
    co_await serve_one(router_, std::move(ask), answer, done);
    loop_.stop();
  }
  // The services of an answer that must be 200.
  json services(const Answer& answer) {
    EXPECT_EQ(answer.status, 200) << answer.body;
    return json::parse(answer.body).value("Services", json::array());
  }
  json get(std::string query) { return services(ask({"GET", kPath + query, ""})); }
  json post(std::string tail, std::string body) {
    return services(ask({"POST", kPath + tail, std::move(body)}));
  }
  static std::string message(const Answer& answer) {
    return json::parse(answer.body).value("message", "");
  }
  static std::vector<std::string> names(const json& services) {
    std::vector<std::string> found;
    for (const auto& one : services) found.push_back(one["Name"]);
    return found;
  }

  os::Loop loop_{1};
  NullLog log_;
  LoopEngine engine_{loop_};
  store::Store store_{engine_};
  FakeBackend backend_;
  Router router_{"test"};
  RebalanceApi rebalance_{{loop_, log_, backend_}};
  ServicesApi services_{{loop_, log_, backend_}};
};

TEST_F(Rebalances, APlanNamesSlotsTasksAndNodesAndChangesNothing) {
  service("web", model::ReplicatedMode{4}, 4);
  const auto version = store_.newest_version();
  const json all = get("?plan=true");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0]["State"], "none");
  const json& moves = all[0]["Moves"];
  ASSERT_EQ(moves.size(), 2u);
  EXPECT_EQ(moves[0], json::parse(R"({"Slot":4,"Task":"web4","From":{"ID":"n1",
      "Hostname":"host-n1"},"To":{"ID":"n2","Hostname":"host-n2"}})"));
  EXPECT_EQ(moves[1]["Slot"], 3);
  EXPECT_EQ(store_.newest_version(), version);
  EXPECT_FALSE(get("").at(0).contains("Moves"));
}

TEST_F(Rebalances, WhatOneServiceMovesCountsForTheNext) {
  service("a", model::ReplicatedMode{2}, 2);
  service("b", model::ReplicatedMode{2}, 2);
  write([](store::WriteTx& tx) {
    model::Node node;
    node.id = model::NodeId::of("n3");
    node.status.state = model::NodeState::Ready;
    return tx.create(node);
  });
  const json all = get("?plan=1&service=b&service=a&service=a");
  EXPECT_THAT(names(all), ElementsAre("a", "b"));
  EXPECT_EQ(all[0]["Moves"].at(0)["To"]["ID"], "n2");
  EXPECT_EQ(all[1]["Moves"].at(0)["To"]["ID"], "n3");
}

TEST_F(Rebalances, ItIsBegunOnceAndStopped) {
  service("web", model::ReplicatedMode{2}, 2);
  service("db", model::ReplicatedMode{1}, 1);
  const json begun = post("", R"({"Services":["web"]})");
  EXPECT_THAT(names(begun), ElementsAre("web"));
  EXPECT_EQ(begun[0]["State"], "moving");
  EXPECT_EQ(begun[0]["Moved"], 0);
  const auto before = store_.newest_version();
  post("", R"({"Services":["web"]})");
  EXPECT_EQ(store_.newest_version(), before) << "it goes on";
  EXPECT_EQ(get("?service=db").at(0)["State"], "none");

  const json stopped = post("/stop", "");
  EXPECT_THAT(names(stopped), ElementsAre("db", "web"));
  EXPECT_EQ(stopped[0]["State"], "none");
  EXPECT_EQ(stopped[1]["State"], "ended");
  EXPECT_EQ(stopped[1]["Message"], "stopped by a user");
  EXPECT_TRUE(stopped[1].contains("EndedAt"));
  const json again = post("", "");
  EXPECT_EQ(again[0]["State"], "moving") << "all of them";
  EXPECT_EQ(again[1]["State"], "moving");
  EXPECT_FALSE(again[1].contains("Message"));
}

TEST_F(Rebalances, WhatItWaitsForIsShown) {
  service("web", model::ReplicatedMode{3}, 2);
  post("", R"({"Services":["web"]})");
  EXPECT_EQ(get("").at(0)["Waiting"], "web has 2 of 3 replicas");
}

TEST_F(Rebalances, OnlyReplicatedServicesCanBeNamed) {
  service("agent", model::GlobalMode{}, 0);
  service("once", model::ReplicatedJobMode{}, 0);
  EXPECT_THAT(get(""), testing::IsEmpty());
  EXPECT_THAT(post("", "{}"), testing::IsEmpty());
  for (const char* path : {"?service=agent", "?plan=1&service=agent"}) {
    const Answer answer = ask({"GET", std::string(kPath) + path, ""});
    EXPECT_EQ(answer.status, 400);
    EXPECT_THAT(message(answer), HasSubstr("service agent is global")) << path;
  }
  const Answer job = ask({"POST", kPath, R"({"Services":["once"]})"});
  EXPECT_EQ(job.status, 400);
  EXPECT_THAT(message(job), HasSubstr("service once is a job"));
}

TEST_F(Rebalances, BadRequestsSayWhy) {
  service("web", model::ReplicatedMode{1}, 0);
  for (const Ask& bad : {Ask{"GET", std::string(kPath) + "?service=nope", ""},
                         Ask{"POST", kPath, R"({"Services":["web","nope"]})"},
                         Ask{"POST", std::string(kPath) + "/stop", R"({"Services":["nope"]})"}}) {
    const Answer answer = ask(bad);
    EXPECT_EQ(answer.status, 404) << bad.target;
    EXPECT_EQ(message(answer), "service nope not found");
  }
  EXPECT_FALSE(store_.read().services().by_name("web")->rebalance);
  for (const char* body : {"[", R"({"Services":"web"})", R"({"Services":[1]})"}) {
    const Answer answer = ask({"POST", kPath, body});
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_THAT(message(answer), HasSubstr("invalid JSON")) << body;
  }
  backend_.store_now = nullptr;
  for (const Ask& any : {Ask{"GET", kPath, ""}, Ask{"POST", kPath, "{}"},
                         Ask{"POST", std::string(kPath) + "/stop", "{}"}}) {
    const Answer answer = ask(any);
    EXPECT_EQ(answer.status, 503) << any.target;
    EXPECT_THAT(message(answer), HasSubstr("This node is not a swarm manager")) << any.target;
  }
}

TEST_F(Rebalances, TheLabelTakesTwoWords) {
  const auto create = [&](const char* name, const char* value) {
    return ask({"POST", "/services/create",
                fmt::format(R"({{"Name":"{}","Labels":{{"shoal.rebalance":"{}"}},)"
                            R"("TaskTemplate":{{"ContainerSpec":{{"Image":"demo:v1"}}}}}})",
                            name, value)});
  };
  for (const char* good : {"never", "on-join"}) {
    const Answer made = create(good, good);
    EXPECT_EQ(made.status, 201) << made.body;
    EXPECT_THAT(made.body, testing::Not(HasSubstr("Warnings"))) << good;
  }
  const Answer bad = create("bad", "always");
  EXPECT_EQ(bad.status, 400);
  EXPECT_THAT(message(bad), HasSubstr(R"(label shoal.rebalance: "always" is neither "never" nor)"));
}

}  // namespace
}  // namespace shoal::api

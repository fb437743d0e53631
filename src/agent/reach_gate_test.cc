#include "agent/reach_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::agent {
namespace {

using testing::HasSubstr;

constexpr const char* kTaskLabel = "com.docker.swarm.task.id";

// A node with the containers of a task, of one that is not its any more, of nobody, and of
// somebody who chose his labels himself.
struct ReachGateTest : testing::Test {
  ReachGateTest() {
    containers = {{"mine", {"id-mine", {{kTaskLabel, "t1"}}}},
                  {"gone", {"id-gone", {{kTaskLabel, "t9"}}}},
                  {"private", {"id-private", {}}},
                  {"odd", {"id-odd", {{kTaskLabel, "no id!"}}}}};
    const auto look = [this](const std::string& ref) -> Result<ReachFacts::Owner> {
      const auto at = containers.find(ref);
      if (at == containers.end()) return not_found("No such container: {}", ref);
      return at->second;
    };
    facts.container = look;
    facts.owner_of_exec = look;
    facts.has_task = [](const model::TaskId& id) { return id == model::TaskId::of("t1"); };
  }
  Result<model::ReachRequest> ask(const char* method, const char* path) {
    return admit({.method = method, .path = path, .query = {{"tail", "5"}}, .body = "{}"}, facts);
  }
  Error refused(const char* method, const char* path) {
    const auto asked = ask(method, path);
    return asked ? Error{} : asked.error();
  }

  std::map<std::string, ReachFacts::Owner> containers;
  ReachFacts facts;
};

TEST_F(ReachGateTest, ARequestForATasksContainerIsLetInAndNamesItByItsWholeId) {
  const auto asked = ask("GET", "/containers/mine/logs");
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->path, "/containers/id-mine/logs");
  EXPECT_EQ(asked->query, (std::vector<std::pair<std::string, std::string>>{{"tail", "5"}}));
  EXPECT_EQ(asked->body, "{}");
  EXPECT_EQ(ask("POST", "/exec/mine/start")->path, "/exec/mine/start");
}

TEST_F(ReachGateTest, ContainersOfNoTaskOfThisNodeAreRefused) {
  for (const char* name : {"private", "gone", "odd"}) {
    const Error error = refused("POST", fmt::format("/containers/{}/kill", name).c_str());
    EXPECT_EQ(error, (Error{ErrorCode::PermissionDenied,
                            fmt::format("container id-{} belongs to no task of this node", name)}));
    EXPECT_EQ(refused("POST", fmt::format("/exec/{}/start", name).c_str()).code,
              ErrorCode::PermissionDenied);
  }
}

TEST_F(ReachGateTest, WhateverIsNotOnTheListIsRefused) {
  const Error removal = refused("DELETE", "/containers/mine");
  EXPECT_EQ(removal.code, ErrorCode::PermissionDenied);
  EXPECT_THAT(removal.message, HasSubstr("may not ask a node for DELETE /containers/mine"));
  for (const char* path : {"/containers/create", "/swarm/leave", "/containers/mine/update",
                           "/v1.41/containers/mine/kill", "/containers/mine/../gone/kill"}) {
    EXPECT_EQ(refused("POST", path).code, ErrorCode::PermissionDenied) << path;
  }
}

TEST_F(ReachGateTest, WhatIsNotThereSaysSo) {
  EXPECT_EQ(refused("GET", "/containers/none/json"),
            (Error{ErrorCode::NotFound, "No such container: none"}));
  EXPECT_EQ(refused("GET", "/exec/none/json").code, ErrorCode::NotFound);
}

class Written final : public ReachVisit {
 public:
  os::Co<Result<std::string>> read(os::StopToken) override { co_return std::string(); }
  bool input_ended() const override { return true; }
  os::Co<Result<void>> write(model::ReachOutput output) override {
    outputs.push_back(std::move(output));
    co_return Result<void>{};
  }
  os::StopToken over() const override { return {}; }

  std::vector<model::ReachOutput> outputs;
};

TEST_F(ReachGateTest, ARefusalIsAnAnswerOfDockersApi) {
  struct Case {
    ErrorCode code;
    int status;
  };
  for (const auto& [code, status] :
       {Case{ErrorCode::PermissionDenied, 403}, Case{ErrorCode::NotFound, 404},
        Case{ErrorCode::InvalidArgument, 400}}) {
    Written visit;
    os::spawn([](ErrorCode why, ReachVisit& to) -> os::Co<> {
      Error error{why, "no \"entry\""};
      EXPECT_TRUE(co_await refuse(std::move(error), to));
    }(code, visit));
    ASSERT_EQ(visit.outputs.size(), 1u);
    EXPECT_EQ(visit.outputs[0].head,
              (model::ReachHead{model::ReachForm::Whole, status, "application/json"}));
    EXPECT_EQ(visit.outputs[0].bytes, R"({"message":"no \"entry\""})");
  }
}

}  // namespace
}  // namespace shoal::agent

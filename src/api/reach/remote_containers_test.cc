// A manager's API with a container of a task on another node, which the test plays.
#include "api/reach/remote_containers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/testing.h"
#include "manager/testing.h"
#include "store/testing.h"

namespace shoal::api {
namespace {

using manager::FakeEar;
using manager::FakeLine;
using model::ReachForm;
using model::ReachOutput;
using testing::HasSubstr;

constexpr const char* kTask = "far1aaaaaaaaaaaaaaaaaaaaa";
const std::string kFar(64, 'f');
const std::string kNear(64, 'a');

// Keeps what a handler answers, and plays a client that types `typed` and then closes its half.
class Client final : public Responder, public Hijacked {
 public:
  void header(std::string, std::string) override {}
  void reply(Response response) override {
    status = response.status;
    body = std::move(response.body);
  }
  os::Co<Result<void>> start(Response head) override {
    status = head.status;
    started_ = true;
    co_return Result<void>{};
  }
  os::Co<Result<void>> write(std::string bytes) override {
    body += bytes;
    co_return Result<void>{};
  }
  os::Co<Result<Hijacked*>> hijack(std::string type) override {
    status = 101;
    started_ = true;
    content_type = std::move(type);
    co_return static_cast<Hijacked*>(this);
  }
  os::Co<Result<void>> reserve(size_t) override { co_return Result<void>{}; }
  bool started() const override { return started_; }
  os::Co<Result<std::string>> read(os::StopToken) override { co_return std::exchange(typed, {}); }
  void close_write() override { closed = true; }
  bool input_ended() const override { return typed.empty(); }

  int status = 0;
  std::string body, content_type, typed;
  bool closed = false;
  Result<void> result = internal_error("it still waits");

 private:
  bool started_ = false;
};

struct RemoteContainersTest : testing::Test {
  RemoteContainersTest() {
    backend.store_now = &swarm.store();
    backend.node_reach_now = &reach;
    swarm.node("n1");
    swarm.node("n2", [](model::Node& node) { node.description.hostname = "ocean"; });
    swarm.service("web");
    add_task(1, "n2", kTask, kFar);
    add_task(2, "n1", "near1aaaaaaaaaaaaaaaaaaaa", kNear);
    reach.load(swarm.read());
    reach.listen(model::NodeId::of("n2"), &ear);
    const auto local = [](Request& request, Responder& responder) -> os::Co<Result<void>> {
      responder.json(200, fmt::format("here {}", request.param("id")));
      co_return Result<void>{};
    };
    router.get("/containers/{id}/json", local);
    router.get("/containers/{id}/top", local);
    router.get("/containers/{id}/logs", local);
    router.del("/containers/{id}", local);
    router.post("/containers/{id}/exec", local);
    router.post("/exec/{id}/start", local);
    remote.add_to(router);
  }
  ~RemoteContainersTest() override {
    gone.stop();
    settle();
  }
  void add_task(uint64_t slot, const char* node, const char* id, const std::string& container) {
    model::Task task = *swarm.task("web", slot, model::TaskState::Running, node);
    swarm.remove(task.id);
    task.id = model::TaskId::of(id);
    task.status.container = model::ContainerStatus{.container_id = container};
    swarm.create(task);
  }
  void settle() {
    loop.post([this] { loop.post([this] { loop.post([this] { loop.stop(); }); }); });
    loop.run();
  }
  static os::Co<> serve(Router& router, Ask ask, Client& client, os::StopToken stop) {
    Request request{.method = ask.method, .target = ask.target, .headers = ask.headers};
    TextBody body(std::move(ask.body));
    request.body = &body;
    request.stop = std::move(stop);
    Result<void> result = split_target(request.target, request);
    if (result) result = co_await router.handle(request, client);
    client.result = std::move(result);
  }
  // Asks, and answers as the node.
  void ask(Client& client, Ask ask) {
    const size_t before = ear.heard.size();
    client.result = internal_error("it still waits");
    os::spawn(serve(router, std::move(ask), client, gone.token()));
    if (ear.heard.size() == before) return;
    os::spawn([](RemoteContainersTest& t) -> os::Co<> {
      (void)co_await t.reach.carry(model::NodeId::of("n2"), t.ear.heard.back(), t.line,
                                   t.line.gone.token());
    }(*this));
  }
  std::string here(const char* method, std::string target) {
    Client client;
    ask(client, {.method = method, .target = std::move(target)});
    return client.result ? client.body : client.result.error().message;
  }
  void node_sends(ReachOutput output) {
    line.sent.push_back(std::move(output));
    line.changed.notify();
    settle();
  }
  void node_sends_head(ReachForm form, std::string bytes, int status = 200) {
    node_sends({.head = model::ReachHead{form, status, "text/plain"}, .bytes = std::move(bytes)});
  }
  void node_ends() {
    line.ended = true;
    line.changed.notify();
    settle();
  }

  store::Swarm swarm;
  os::Loop loop{1};
  Rng rng{1};
  manager::NodeReach reach{loop, rng, [this] { return &swarm.read(); }};
  FakeBackend backend;
  Router router{"Shoal/test (linux)"};
  std::string local_exec = "local";
  RemoteContainers remote{{.has_container = [](const std::string& ref) { return ref == kNear; },
                           .has_exec = [this](const std::string& id) { return id == local_exec; }},
                          backend};
  FakeEar ear;
  FakeLine line;
  os::StopSource gone;
};

TEST_F(RemoteContainersTest, AWholeAnswerComesFromTheTasksNode) {
  Client client;
  ask(client, {.method = "GET", .target = "/v1.41/containers/ffffff/top?ps_args=-ef%20x"});
  ASSERT_EQ(line.taken.size(), 1u);
  const auto& asked = *line.taken[0].request;
  EXPECT_EQ(asked.method, "GET");
  EXPECT_EQ(asked.path, "/containers/" + kFar + "/top");
  EXPECT_EQ(asked.query, (Fields{{"ps_args", "-ef x"}}));
  EXPECT_EQ(asked.api_minor, 41u);
  node_sends_head(ReachForm::Whole, "{\"message\":", 403);
  node_sends({.bytes = "\"no\"}"});
  EXPECT_FALSE(client.result);
  node_ends();
  EXPECT_TRUE(client.result);
  EXPECT_EQ(client.status, 403);
  EXPECT_EQ(client.body, "{\"message\":\"no\"}");
}

TEST_F(RemoteContainersTest, WhatIsHereStaysHere) {
  EXPECT_EQ(here("GET", "/containers/" + kNear + "/json"), "here " + kNear);
  EXPECT_EQ(here("GET", "/containers/near1aaaaaaaaaaaaaaaaaaaa/top"), "here " + kNear);
  EXPECT_EQ(here("DELETE", "/containers/" + kFar), "here " + kFar) << "not on the list";
  EXPECT_EQ(here("POST", "/exec/local/start"), "here local");
  EXPECT_EQ(here("POST", "/exec/unknown/start"), "here unknown");
  backend.store_now = nullptr;
  backend.node_reach_now = nullptr;
  EXPECT_EQ(here("GET", "/containers/" + kFar + "/json"), "here " + kFar) << "no manager";
  EXPECT_TRUE(ear.heard.empty());
}

TEST_F(RemoteContainersTest, WhatNobodyHasIsNotFound) {
  EXPECT_EQ(here("GET", "/containers/nobody/json"), "No such container: nobody");
  EXPECT_THAT(here("GET", fmt::format("/containers/{}/json", kTask)),
              HasSubstr("it is a task, whose container is web.1."));
  std::string query = "/containers/" + kFar + "/logs?";
  for (size_t i = 0; i <= model::kReachQueryMax; ++i) query += fmt::format("p{}=1&", i);
  EXPECT_EQ(here("GET", query), "more than 64 parameters");
}

TEST_F(RemoteContainersTest, AStreamIsGivenOnAndEndsWellOrWithTheReason) {
  const std::string frame("\1\0\0\0\0\0\0\2hi", 10);
  for (const bool well : {true, false}) {
    std::destroy_at(&line);
    std::construct_at(&line);
    Client client;
    ask(client, {.method = "GET", .target = "/containers/" + kFar + "/logs?follow=1"});
    node_sends_head(ReachForm::Stream, "");
    EXPECT_TRUE(client.started());
    node_sends({.bytes = frame});
    EXPECT_EQ(client.body, frame);
    if (well) {
      node_ends();
      EXPECT_TRUE(client.result);
      continue;
    }
    line.end({ErrorCode::Unavailable, "the connection is gone"});
    settle();
    const std::string reason = "node ocean was lost: the connection is gone";
    EXPECT_EQ(client.result.error(), (Error{ErrorCode::Unavailable, reason}));
    EXPECT_EQ(client.body, frame + std::string("\3\0\0\0\0\0\0\x2b", 8) + reason);
  }
}

TEST_F(RemoteContainersTest, AnExecIsFoundAgainOnItsNodeAndItsStreamsGoBothWays) {
  Client creator;
  ask(creator, {.method = "POST",
                .target = "/containers/" + kFar + "/exec",
                .body = "{\"Tty\":true,\"Cmd\":[\"sh\"]}"});
  EXPECT_EQ(line.taken[0].request->body, "{\"Tty\":true,\"Cmd\":[\"sh\"]}");
  EXPECT_EQ(line.taken[0].request->content_type, "application/json");
  node_sends_head(ReachForm::Whole, "{\"Id\":\"e1\"}", 201);
  node_ends();
  EXPECT_EQ(creator.status, 201);

  std::destroy_at(&line);
  std::construct_at(&line);
  Client client;
  client.typed = "ls\n";
  ask(client, {.method = "POST", .target = "/exec/e1/start", .body = "{}"});
  EXPECT_EQ(line.taken[0].request->path, "/exec/e1/start");
  node_sends_head(ReachForm::Raw, "");
  EXPECT_EQ(client.content_type, "text/plain");
  ASSERT_EQ(line.taken.size(), 3u);
  EXPECT_EQ(line.taken[1].bytes, "ls\n");
  EXPECT_TRUE(line.taken[2].end);
  node_sends({.bytes = "file\n", .end = true});
  EXPECT_TRUE(client.closed);
  line.end({ErrorCode::Unavailable, "the connection is gone"});
  settle();
  EXPECT_EQ(client.body, "file\n\r\nnode ocean was lost: the connection is gone\r\n");
}

TEST_F(RemoteContainersTest, ANodeThatAnswersAnExecWithSomebodyElsesIdIsAnError) {
  Client client;
  ask(client, {.method = "POST", .target = "/containers/" + kFar + "/exec", .body = "{}"});
  node_sends_head(ReachForm::Whole, "{\"Id\":\"local\"}", 201);
  node_ends();
  EXPECT_EQ(client.result.error().message, "node n2 answered with the id of another exec");
}

TEST_F(RemoteContainersTest, AnswersWithoutAHeadOrEndAreErrors) {
  Client headless;
  ask(headless, {.method = "GET", .target = "/containers/" + kFar + "/top"});
  node_ends();
  EXPECT_EQ(headless.result.error().message, "the node's answer has no head");

  std::destroy_at(&line);
  std::construct_at(&line);
  Client endless;
  ask(endless, {.method = "GET", .target = "/containers/" + kFar + "/top"});
  node_sends_head(ReachForm::Whole, "");
  for (size_t i = 0; i <= kCarriedAnswerMax / model::kReachPieceMax; ++i) {
    node_sends({.bytes = std::string(model::kReachPieceMax, 'x')});
  }
  EXPECT_THAT(endless.result.error().message, HasSubstr("longer than 4194304 bytes"));
}

TEST_F(RemoteContainersTest, AClientThatGoesEndsTheRequestOnTheNode) {
  Client client;
  ask(client, {.method = "GET", .target = "/containers/" + kFar + "/logs?follow=1"});
  node_sends_head(ReachForm::Stream, "");
  gone.stop();
  settle();
  EXPECT_EQ(client.result.error().code, ErrorCode::Cancelled);
  EXPECT_EQ(line.broken->code, ErrorCode::Cancelled);
  EXPECT_EQ(client.body, "");
}

TEST(FrameCursor, KnowsWhereAFrameMayBePutInBetween) {
  const std::string frames = std::string("\1\0\0\0\0\0\0\3abc", 11) +
                             std::string("\2\0\0\0\0\0\0\0", 8) +
                             std::string("\1\0\0\0\0\0\1\0", 8) + std::string(256, 'x');
  FrameCursor at_once;
  at_once.put(frames);
  EXPECT_TRUE(at_once.at_boundary());
  FrameCursor cursor;
  std::vector<size_t> boundaries;
  for (size_t i = 0; i < frames.size(); ++i) {
    if (cursor.at_boundary()) boundaries.push_back(i);
    cursor.put(frames.substr(i, 1));
  }
  EXPECT_TRUE(cursor.at_boundary());
  EXPECT_THAT(boundaries, testing::ElementsAre(0, 11, 19));
  cursor.put("\1");
  EXPECT_EQ(notice_text(Notice::Framed, cursor, "why"), "") << "it would be taken for content";
  EXPECT_EQ(notice_text(Notice::None, at_once, "why"), "");
  EXPECT_EQ(notice_text(Notice::Plain, cursor, "why"), "\r\nwhy\r\n");
}

}  // namespace
}  // namespace shoal::api

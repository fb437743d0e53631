#include "manager/node_reach.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "manager/testing.h"
#include "store/testing.h"

namespace shoal::manager {
namespace {
using model::NodeId;
using model::ReachId;
using model::ReachInput;
using model::ReachOutput;
using testing::HasSubstr;
using testing::IsEmpty;

using Opened = Result<std::unique_ptr<NodeReach::Tunnel>>;
using Read = Result<std::optional<ReachOutput>>;

struct NodeReachTest : testing::Test {
  NodeReachTest() {
    swarm.node("n1", [](model::Node& node) {
      node.description.hostname = "ocean";
      node.description.engine_version = "24.0.7";
    });
    swarm.node("n2");
    watch = swarm.store().watch([this](const store::Batch& batch) { reach->on_batch(batch); });
  }

  ~NodeReachTest() override {
    client.stop();
    settle();
  }

  // What is due now, and what follows from it.
  void settle() {
    loop.post([this] { loop.post([this] { loop.post([this] { loop.stop(); }); }); });
    loop.run();
  }
  template <class T>
  T answer_of(os::OneShot<T> done) {
    settle();
    CHECK(done.is_set(), "it still waits");
    return done.operator co_await().await_resume();
  }
  // Also what has to be waited for.
  template <class T>
  T late_answer_of(os::OneShot<T> done) {
    auto stop = [](os::OneShot<T> awaited, os::Loop& on, std::optional<T>& out) -> os::Co<> {
      out.emplace(co_await awaited);
      on.stop();
    };
    std::optional<T> value;
    os::spawn(stop(done, loop, value));
    if (!value) loop.run();
    return std::move(*value);
  }
  os::OneShot<Opened> open(const char* node) {
    model::ReachRequest request{.method = "GET", .path = "/containers/c/json", .query = {}};
    return begin(reach->open(NodeId::of(node), std::move(request), client.token()));
  }
  os::OneShot<Result<void>> carry(const char* node, const ReachId& id, FakeLine& on) {
    return begin(reach->carry(NodeId::of(node), id, on, on.gone.token()));
  }
  // An open tunnel to n1.
  std::unique_ptr<NodeReach::Tunnel> tunnel() {
    reach->listen(NodeId::of("n1"), &ear);
    auto opening = open("n1");
    carried = carry("n1", ear.heard.back(), line);
    auto opened = answer_of(opening);
    CHECK(opened, "{}", opened ? "" : opened.error().message);
    return std::move(*opened);
  }
  auto read(NodeReach::Tunnel& from) { return begin(from.read(client.token())); }

  store::Swarm swarm;
  os::Loop loop{1};
  Rng rng{1};
  bool ready = true;
  std::optional<NodeReach> reach{std::in_place, loop, rng,
                                 [this] { return ready ? &swarm.read() : nullptr; }, 50ms};
  std::unique_ptr<store::Store::Watch> watch;
  FakeEar ear;
  FakeLine line;
  os::StopSource client;
  os::OneShot<Result<void>> carried;
};

TEST_F(NodeReachTest, ARequestGoesToTheNodeAndItsAnswerComesBack) {
  auto open_tunnel = tunnel();
  ASSERT_EQ(line.taken.size(), 1u);
  EXPECT_EQ(line.taken[0].request->path, "/containers/c/json");
  line.sent.push_back({.head = model::ReachHead{.status = 200}, .bytes = "{}"});
  EXPECT_EQ((*answer_of(read(*open_tunnel)))->bytes, "{}");
  ReachInput more{.request = {}, .bytes = "typed"};
  EXPECT_TRUE(answer_of(begin(open_tunnel->write(std::move(more), client.token()))));
  EXPECT_EQ(line.taken[1].bytes, "typed");
  line.ended = true;
  EXPECT_EQ(answer_of(read(*open_tunnel)), Read(std::nullopt));
  EXPECT_FALSE(carried.is_set());
  open_tunnel.reset();
  EXPECT_TRUE(answer_of(carried));
  EXPECT_FALSE(line.broken) << "it had ended well";
}

TEST_F(NodeReachTest, ANodeThatListensLaterIsAskedThen) {
  auto opening = open("n1");
  EXPECT_FALSE(opening.is_set());
  reach->listen(NodeId::of("n1"), &ear);
  ASSERT_EQ(ear.heard.size(), 1u);
  carried = carry("n1", ear.heard[0], line);
  EXPECT_TRUE(answer_of(opening));
}

TEST_F(NodeReachTest, WhatASessionDidNotAnswerIsAskedOfTheNextOne) {
  reach->listen(NodeId::of("n1"), &ear);
  auto opening = open("n1");
  reach->hang_up(NodeId::of("n1"), &ear);
  EXPECT_EQ(answer_of(carry("n1", ear.heard[0], line)).error().code, ErrorCode::PermissionDenied);
  FakeEar next;
  reach->listen(NodeId::of("n1"), &next);
  EXPECT_EQ(next.heard, ear.heard);
  FakeLine other;
  carried = carry("n1", next.heard[0], other);
  EXPECT_TRUE(answer_of(opening));
}

TEST_F(NodeReachTest, OnlyTheNodeThatWasAskedMayAnswerAndOnlyOnce) {
  reach->listen(NodeId::of("n1"), &ear);
  auto opening = open("n1");
  FakeLine other;
  EXPECT_EQ(answer_of(carry("n2", ear.heard[0], other)).error(),
            (Error{ErrorCode::PermissionDenied, "node n2 was not asked for this"}));
  EXPECT_EQ(answer_of(carry("n1", ReachId::of("guess"), other)).error().code,
            ErrorCode::PermissionDenied);
  carried = carry("n1", ear.heard[0], line);
  EXPECT_EQ(answer_of(carry("n1", ear.heard[0], other)).error().code, ErrorCode::PermissionDenied);
  EXPECT_TRUE(answer_of(opening));
}

TEST_F(NodeReachTest, WhoIsDownUnknownOrNotReadySaysSoAtOnce) {
  swarm.edit_node("n1", [](model::Node& node) {
    node.status = {.state = model::NodeState::Down, .message = "heartbeat failure"};
  });
  EXPECT_EQ(answer_of(open("n1")).error(),
            (Error{ErrorCode::Unavailable, "node ocean is down: heartbeat failure"}));
  EXPECT_EQ(answer_of(open("n9")).error().message, "node n9 is not in the swarm any more");
  ready = false;
  EXPECT_EQ(answer_of(open("n2")).error().message, "the manager is not ready");
}

TEST_F(NodeReachTest, ANodeThatTakesNoRequestsIsGivenUp) {
  const auto opened = late_answer_of(open("n1"));
  EXPECT_EQ(opened.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(opened.error().message, HasSubstr("node ocean takes no requests"));
  EXPECT_THAT(opened.error().message, HasSubstr("its engine (24.0.7)"));
}

TEST_F(NodeReachTest, ANodeThatDoesNotAnswerIsGivenUpAndMayNotAnswerLater) {
  reach->listen(NodeId::of("n1"), &ear);
  const auto opened = late_answer_of(open("n1"));
  EXPECT_EQ(opened.error(), (Error{ErrorCode::Unavailable, "node ocean does not answer"}));
  EXPECT_EQ(answer_of(carry("n1", ear.heard[0], line)).error().code, ErrorCode::PermissionDenied);
}

TEST_F(NodeReachTest, AReaderLearnsWhyItsNodeWasLost) {
  struct Case {
    std::function<void()> happens;
    std::string text;
  };
  const Case cases[] = {
      {[&] { line.end({ErrorCode::Unavailable, "the connection is gone"}); },
       "node ocean was lost: the connection is gone"},
      {[&] { line.end({ErrorCode::Cancelled, "the client cancelled the call"}); },
       "node ocean broke its answer off"},
      {[&] { reach->hang_up(NodeId::of("n1"), &ear); },
       "node ocean was lost: its session has ended"},
      {[&] { reach->end_all({ErrorCode::Unavailable, "the term is over"}); }, "the term is over"},
      {[&] {
         swarm.edit_node("n1", [](model::Node& node) {
           node.status = {.state = model::NodeState::Down, .message = "heartbeat failure"};
         });
       },
       "node ocean is down: heartbeat failure"},
  };
  for (const auto& [happens, text] : cases) {
    std::destroy_at(&line);
    std::construct_at(&line);
    auto open_tunnel = tunnel();
    auto reading = read(*open_tunnel);
    EXPECT_FALSE(reading.is_set());
    happens();
    EXPECT_EQ(answer_of(reading).error(), (Error{ErrorCode::Unavailable, text}));
    EXPECT_TRUE(answer_of(carried)) << "the handler does not wait for its client";
    EXPECT_EQ(answer_of(read(*open_tunnel)).error().code, ErrorCode::Unavailable);
  }
}

TEST_F(NodeReachTest, ANodeThatIsRemovedEndsItsTunnels) {
  auto open_tunnel = tunnel();
  auto reading = read(*open_tunnel);
  swarm.remove(NodeId::of("n1"));
  EXPECT_EQ(answer_of(reading).error().message, "node ocean was removed from the swarm");
}

TEST_F(NodeReachTest, AClientThatGoesCutsTheLineWhateverItWaitsFor) {
  auto open_tunnel = tunnel();
  line.blocked = true;
  auto reading = read(*open_tunnel);
  ReachInput more{.request = {}, .bytes = "typed"};
  auto writing = begin(open_tunnel->write(std::move(more), client.token()));
  EXPECT_FALSE(writing.is_set());
  client.stop();
  EXPECT_EQ(answer_of(reading).error().code, ErrorCode::Cancelled);
  EXPECT_EQ(answer_of(writing).error().code, ErrorCode::Cancelled);
  open_tunnel.reset();
  EXPECT_TRUE(answer_of(carried));
}

TEST_F(NodeReachTest, AClientThatGoesBeforeTheNodeAnswersIsForgotten) {
  reach->listen(NodeId::of("n1"), &ear);
  auto opening = open("n1");
  client.stop();
  EXPECT_EQ(answer_of(opening).error().code, ErrorCode::Cancelled);
  EXPECT_EQ(answer_of(carry("n1", ear.heard[0], line)).error().code, ErrorCode::PermissionDenied);
}

TEST_F(NodeReachTest, ATunnelThatIsDroppedTellsTheNode) {
  auto open_tunnel = tunnel();
  open_tunnel.reset();
  EXPECT_TRUE(answer_of(carried));
  EXPECT_EQ(line.broken->code, ErrorCode::Cancelled);
}

TEST_F(NodeReachTest, TunnelsAreBoundedForANodeAndForAll) {
  std::vector<os::OneShot<Opened>> waiting;
  const auto fill = [&](const char* node, size_t count) {
    for (size_t i = 0; i < count; ++i) waiting.push_back(open(node));
  };
  fill("n1", kTunnelsPerNodeMax);
  EXPECT_EQ(answer_of(open("n1")).error().message,
            "64 requests for containers of node ocean are under way already");
  for (const char* more : {"n3", "n4"}) swarm.node(more);
  for (const char* node : {"n2", "n3", "n4"}) fill(node, kTunnelsPerNodeMax);
  EXPECT_EQ(answer_of(open("n2")).error().message,
            "256 requests for containers of other nodes are under way already");
  client.stop();
  for (auto& one : waiting) EXPECT_EQ(answer_of(one).error().code, ErrorCode::Cancelled);
  client = {};
  waiting.clear();
  fill("n2", 1);
  EXPECT_FALSE(waiting[0].is_set()) << "there is room again";
  client.stop();
}

TEST_F(NodeReachTest, ATunnelOutlivesTheManager) {
  auto open_tunnel = tunnel();
  auto reading = read(*open_tunnel);
  watch.reset();
  reach.reset();
  EXPECT_EQ(answer_of(reading).error().message, "the manager stops");
  open_tunnel.reset();
  EXPECT_TRUE(answer_of(carried));
}

TEST_F(NodeReachTest, LocatesWhatWasThereAndWhatCameSince) {
  swarm.service("web");
  const auto name_container = [&](uint64_t slot, char digit) {
    const auto task = swarm.task("web", slot, model::TaskState::Running, "n2");
    swarm.edit_task(task->id.view(), [&](model::Task& one) {
      one.status.container = model::ContainerStatus{.container_id = std::string(64, digit)};
    });
  };
  name_container(1, 'a');
  EXPECT_EQ(reach->locate("aaaa", NamedBy::Container)->node, NodeId::of("n2"));
  reach->load(swarm.read());
  name_container(2, 'b');
  EXPECT_EQ(reach->locate("aaaa", NamedBy::Container)->container_id, std::string(64, 'a'));
  EXPECT_EQ(reach->locate("bbbb", NamedBy::Container)->container_id, std::string(64, 'b'));
  ready = false;
  EXPECT_EQ(reach->locate("aaaa", NamedBy::Container).error().code, ErrorCode::Unavailable);
}

}  // namespace
}  // namespace shoal::manager

#include "api/events.h"

#include <gtest/gtest.h>

namespace shoal::api {
namespace {

Event started() {
  return {.type = "container",
          .action = "start",
          .id = "abcdef",
          .attributes = {{"name", "web.1"}, {"image", "nginx:demo"}, {"tier", "front"}},
          .time = Time{1'500'000'001}};
}

TEST(Events, LookAsDockersClientsReadThem) {
  EXPECT_EQ(event_json(started()),
            R"({"status":"start","id":"abcdef","from":"nginx:demo","Type":"container",)"
            R"("Action":"start","Actor":{"ID":"abcdef","Attributes":{"image":"nginx:demo",)"
            R"("name":"web.1","tier":"front"}},"scope":"local","time":1,"timeNano":1500000001})"
            "\n");
}

TEST(Events, AreFilteredByWhatDockerFiltersBy) {
  const struct {
    FilterValues filters;
    bool passes;
  } cases[] = {
      {{}, true},
      {{{"type", {"container"}}}, true},
      {{{"type", {"image", "node"}}}, false},
      {{{"event", {"start"}}}, true},
      {{{"event", {"die"}}}, false},
      {{{"container", {"web.1"}}}, true},
      {{{"container", {"abc"}}}, true},
      {{{"container", {"other"}}}, false},
      {{{"image", {"nginx:demo"}}}, true},
      {{{"image", {"busybox"}}}, false},
      {{{"service", {"web"}}}, false},
      {{{"label", {"tier=front"}}}, true},
      {{{"label", {"tier=back"}}}, false},
      {{{"scope", {"swarm"}}}, false},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(event_passes(started(), one.filters), one.passes)
        << (one.filters.empty() ? "none" : one.filters.begin()->first);
  }
}

TEST(Events, AnActionWithDetailsIsFoundByItsVerb) {
  Event event = started();
  event.action = "exec_create: sh";
  EXPECT_TRUE(event_passes(event, {{"event", {"exec_create"}}}));
}

struct EventBusTest : testing::Test {
  static os::Co<> take(EventBus::Listener& listener, std::shared_ptr<const Event>& event,
                       bool& answered) {
    const os::StopToken never;
    event = co_await listener.next(never);
    answered = true;
  }
  static Event long_event() {
    return {.type = "container",
            .action = "start",
            .attributes = {{"fill", std::string(kEventBytesMax / 8, 'x')}},
            .time = Time{1}};
  }
  EventBus bus;
};

TEST_F(EventBusTest, AListenerThatFallsBehindIsCutOffAndHoldsNothing) {
  const auto listener = bus.listen();
  for (size_t i = 0; i < kListenerQueueMax; ++i) bus.post(started());
  EXPECT_EQ(listener->queued_count(), kListenerQueueMax);
  EXPECT_FALSE(listener->too_slow());
  bus.post(started());
  EXPECT_TRUE(listener->too_slow());
  EXPECT_EQ(listener->queued_count(), 0u);
  std::shared_ptr<const Event> event;
  bool answered = false;
  os::spawn(take(*listener, event, answered));
  EXPECT_TRUE(answered);
  EXPECT_FALSE(event);
}

TEST_F(EventBusTest, LongEventsAreKeptAndQueuedUpToTheirBytes) {
  const auto listener = bus.listen();
  for (int i = 0; i < 100; ++i) bus.post(long_event());
  EXPECT_TRUE(listener->too_slow());
  const auto late = bus.listen(Time{0});
  EXPECT_GT(late->queued_count(), 0u);
  EXPECT_LE(late->queued_count(), 8u);
}

TEST_F(EventBusTest, WhatWasHeardBeforeTheStopIsHandedOut) {
  const auto listener = bus.listen();
  bus.post(started());
  const os::StopSource over;
  over.stop();
  std::vector<bool> found;
  const auto take_two = [](EventBus::Listener& from, os::StopToken stop,
                           std::vector<bool>& events) -> os::Co<> {
    for (int i = 0; i < 2; ++i) events.push_back(co_await from.next(stop) != nullptr);
  };
  os::spawn(take_two(*listener, over.token(), found));
  EXPECT_EQ(found, (std::vector<bool>{true, false}));
}

TEST_F(EventBusTest, OneThatReadsGetsAnyNumberOfThem) {
  const auto listener = bus.listen();
  for (int i = 0; i < 100; ++i) {
    bus.post(long_event());
    std::shared_ptr<const Event> event;
    bool answered = false;
    os::spawn(take(*listener, event, answered));
    EXPECT_TRUE(event);
  }
  EXPECT_FALSE(listener->too_slow());
}

// Hands the loop a turn at every write, as a connection does.
class SlowAnswer final : public Responder {
 public:
  explicit SlowAnswer(os::Loop& loop) : loop_(loop) {}
  void header(std::string, std::string) override {}
  void reply(Response) override {}
  os::Co<Result<void>> start(Response) override { co_return Result<void>{}; }
  os::Co<Result<void>> write(std::string bytes) override {
    co_await loop_.turn();
    lines.push_back(std::move(bytes));
    co_return Result<void>{};
  }
  os::Co<Result<Hijacked*>> hijack(std::string) override { co_return unimplemented("none"); }
  os::Co<Result<void>> reserve(size_t) override { co_return Result<void>{}; }
  bool started() const override { return true; }

  std::vector<std::string> lines;

 private:
  os::Loop& loop_;
};

TEST(EventsStream, EverythingUpToAMomentThatIsPastIsToldAndNothingAfterIt) {
  os::Loop loop{1};
  EventBus bus;
  EventsApi events(loop, bus);
  Router router{"test"};
  events.add_routes(router);
  for (const int64_t second : {1, 2, 3, 4, 5, 6}) {
    bus.post({.type = "node", .id = std::to_string(second), .time = Time{second * 1'000'000'000}});
  }
  Request request{.method = "GET",
                  .path = "/events",
                  .query = {{"since", "2"}, {"until", "5"}, {"filters", ""}}};
  SlowAnswer answer(loop);
  const auto body = [](Router& ask, Request& with, SlowAnswer& into, os::Loop& on) -> os::Co<> {
    const auto done = co_await ask.handle(with, into);
    EXPECT_TRUE(done);
    on.stop();
  };
  loop.post([&] { os::spawn(body(router, request, answer, loop)); });
  loop.run();
  ASSERT_EQ(answer.lines.size(), 4u);
  EXPECT_NE(answer.lines.front().find(R"("ID":"2")"), std::string::npos);
  EXPECT_NE(answer.lines.back().find(R"("ID":"5")"), std::string::npos);
}

}  // namespace
}  // namespace shoal::api

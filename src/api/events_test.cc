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

}  // namespace
}  // namespace shoal::api

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

}  // namespace
}  // namespace shoal::api

#include "api/containers/container_filter.h"

#include <gtest/gtest.h>

#include "api/containers/container_json.h"
#include "api/containers/human.h"

namespace shoal::api {
namespace {

using containers::Container;
using containers::HealthStatus;
using containers::Status;

Container web() {
  Container container;
  container.id = "abc123";
  container.name = "web.1";
  container.created_at = Time{100};
  container.image_id = "sha256:1";
  container.config.spec.image = "nginx";
  container.config.spec.labels = {{"tier", "front"}, {"com.docker.swarm.task.id", "t"}};
  container.config.exposed_ports = {"80/tcp"};
  container.state.status = Status::Running;
  container.state.started_at = Time{100};
  container.state.health.status = HealthStatus::Healthy;
  container.mounts = {{.name = "v", .target = "/data"}};
  container.ports = {{.container_port = 80, .host_port = 8081}};
  container.networks = {{.network = "bridge", .network_id = "b1"},
                        {.network = "front", .network_id = "f1"}};
  return container;
}

FilterWorld world() {
  return {.find_container = [](const std::string& ref) -> Result<containers::ContainerRef> {
            if (ref != "other") return not_found("No such container: {}", ref);
            auto other = std::make_shared<Container>(web());
            other->created_at = Time{50};
            return other;
          },
          .image_id =
              [](const std::string& name) {
                return name == "nginx" ? std::string("sha256:1") : std::string();
              }};
}

bool passes(FilterValues values, const Container& container = web()) {
  const auto filter = ContainerFilter::make(std::move(values), world());
  EXPECT_TRUE(filter) << filter.error().message;
  return filter && filter->passes(container);
}

TEST(ContainerFilter, EachFilterTakesAndLeaves) {
  const std::pair<const char*, std::pair<const char*, const char*>> rows[] = {
      {"id", {"abc", "bc"}},
      {"name", {"web", "db"}},
      {"label", {"tier=front", "tier=back"}},
      {"status", {"running", "exited"}},
      {"ancestor", {"nginx", "apache"}},
      {"since", {"other", "other"}},
      {"volume", {"v", "w"}},
      {"network", {"bridge", "host"}},
      {"network", {"front", "back"}},
      {"network", {"f1", "f2"}},
      {"publish", {"8081", "80"}},
      {"expose", {"80/tcp", "81"}},
      {"health", {"healthy", "starting"}},
      {"is-task", {"true", "false"}}};
  for (const auto& [name, values] : rows) {
    EXPECT_TRUE(passes({{name, {values.first}}})) << name;
    if (std::string_view(values.first) != values.second) {
      EXPECT_FALSE(passes({{name, {values.second}}})) << name;
    }
  }
  EXPECT_FALSE(passes({{"before", {"other"}}}));
  EXPECT_TRUE(passes({{"name", {"^/web.1$"}}}));
  EXPECT_FALSE(passes({{"name", {"^web$"}}}));
  EXPECT_TRUE(passes({{"publish", {"8000-9000/tcp"}}}));
  EXPECT_TRUE(passes({}));
}

TEST(ContainerFilter, ExitedIsOfThoseThatRan) {
  Container ended = web();
  ended.state.status = Status::Exited;
  ended.state.exit_code = 3;
  EXPECT_TRUE(passes({{"exited", {"3"}}}, ended));
  EXPECT_FALSE(passes({{"exited", {"0"}}}, ended));
  EXPECT_FALSE(passes({{"exited", {"0"}}}, web()));
}

TEST(ContainerFilter, RefusesWhatItDoesNotKnow) {
  const auto refused = [](FilterValues values) {
    const auto filter = ContainerFilter::make(std::move(values), world());
    return filter ? "" : filter.error().message;
  };
  EXPECT_EQ(refused({{"moon", {"x"}}}), "invalid filter 'moon'");
  EXPECT_EQ(refused({{"status", {"asleep"}}}), "invalid filter 'status=asleep'");
  EXPECT_EQ(refused({{"health", {"fine"}}}), "invalid filter 'health=fine'");
  EXPECT_EQ(refused({{"exited", {"x"}}}), "invalid filter 'exited=x'");
  EXPECT_EQ(refused({{"is-task", {"x"}}}), "invalid filter 'is-task=x'");
  EXPECT_EQ(refused({{"publish", {"x"}}}), "invalid port filter \"x\"");
  EXPECT_EQ(refused({{"before", {"nobody"}}}), "No such container: nobody");
}

TEST(Human, DurationsAsDockerSaysThem) {
  using std::chrono::hours;
  EXPECT_EQ(human_duration(500ms), "Less than a second");
  EXPECT_EQ(human_duration(1s), "1 second");
  EXPECT_EQ(human_duration(59s), "59 seconds");
  EXPECT_EQ(human_duration(61s), "About a minute");
  EXPECT_EQ(human_duration(10min), "10 minutes");
  EXPECT_EQ(human_duration(65min), "About an hour");
  EXPECT_EQ(human_duration(hours(47)), "47 hours");
  EXPECT_EQ(human_duration(hours(24 * 13)), "13 days");
  EXPECT_EQ(human_duration(hours(24 * 21)), "3 weeks");
  EXPECT_EQ(human_duration(hours(24 * 90)), "3 months");
  EXPECT_EQ(human_duration(hours(24 * 800)), "2 years");
}

TEST(Human, TheStatusColumn) {
  containers::State state = web().state;
  const Time now = state.started_at + 300s;
  EXPECT_EQ(status_text(state, now), "Up 5 minutes (healthy)");
  state.health.status = HealthStatus::Starting;
  EXPECT_EQ(status_text(state, now), "Up 5 minutes (health: starting)");
  state.status = Status::Paused;
  EXPECT_EQ(status_text(state, now), "Up 5 minutes (Paused)");
  state.status = Status::Exited;
  state.exit_code = 2;
  state.finished_at = state.started_at;
  EXPECT_EQ(status_text(state, now), "Exited (2) 5 minutes ago");
  state.status = Status::Restarting;
  EXPECT_EQ(status_text(state, now), "Restarting (2) 5 minutes ago");
  state.status = Status::Created;
  EXPECT_EQ(status_text(state, now), "Created");
}

TEST(ContainerJson, ListAndInspectNameWhatTheClientPrints) {
  const Container container = web();
  codec::JsonWriter json;
  write_summary(json, container, std::nullopt, Time{100});
  const std::string line = json.take();
  for (const char* part : {R"("Id":"abc123")", R"("Names":["/web.1"])", R"("Image":"nginx")",
                           R"("State":"running")", R"("PublicPort":8081)", R"("Type":"tcp")"}) {
    EXPECT_NE(line.find(part), std::string::npos) << part << " in " << line;
  }
  const std::string inspected = inspect_text(container, {});
  for (const char* part :
       {R"("Name":"/web.1")", R"("Running":true)", R"("HostPort":"8081")", R"("HostConfig":{)",
        R"("Config":{)", R"("NetworkSettings":{)", R"("Health":{"Status":"healthy")"}) {
    EXPECT_NE(inspected.find(part), std::string::npos) << part << " in " << inspected;
  }
}

}  // namespace
}  // namespace shoal::api

#include "containers/container.h"

#include <gtest/gtest.h>

#include "containers/containers.h"

namespace shoal::containers {
namespace {

TEST(Container, StatusNamesReadBackAsTheyAreWritten) {
  for (const Status status : {Status::Created, Status::Running, Status::Paused, Status::Restarting,
                              Status::Removing, Status::Exited, Status::Dead}) {
    EXPECT_EQ(parse_status(status_name(status)), status);
  }
  EXPECT_EQ(status_name(Status::Exited), "exited");
  EXPECT_EQ(health_name(HealthStatus::Unhealthy), "unhealthy");
  EXPECT_EQ(parse_status("asleep"), std::nullopt);
}

TEST(Container, StopsWithTermAndTenSecondsUnlessToldOtherwise) {
  Container container;
  EXPECT_EQ(container.stop_signal(), "SIGTERM");
  EXPECT_EQ(container.stop_grace_period(), 10s);
  container.config.spec.stop_signal = "SIGQUIT";
  container.config.spec.stop_grace_period = 3s;
  EXPECT_EQ(container.stop_signal(), "SIGQUIT");
  EXPECT_EQ(container.stop_grace_period(), 3s);
}

TEST(Container, AHealthCheckOfNoneIsNone) {
  Container container;
  EXPECT_FALSE(container.has_health_check());
  container.config.spec.healthcheck = model::HealthConfig{.test = {"NONE"}};
  EXPECT_FALSE(container.has_health_check());
  container.config.spec.healthcheck->test = {"CMD-SHELL", "true"};
  EXPECT_TRUE(container.has_health_check());
}

}  // namespace
}  // namespace shoal::containers

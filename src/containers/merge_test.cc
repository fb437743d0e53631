#include "containers/merge.h"

#include <gmock/gmock.h>

namespace shoal::containers {
namespace {

using testing::ElementsAre;

images::ImageConfig nginx() {
  return {.entrypoint = {"/entry.sh"},
          .command = {"nginx", "-g", "daemon off;"},
          .env = {"PATH=/opt/bin", "LANG=C"},
          .user = "www",
          .working_dir = "/srv",
          .exposed_ports = {"443/tcp", "80/tcp"},
          .volumes = {"/cache", "/data"},
          .labels = {{"maker", "image"}, {"version", "1"}},
          .stop_signal = "SIGQUIT"};
}

TEST(Merge, WhatIsLeftOpenComesFromTheImage) {
  model::ContainerConfig config;
  ASSERT_TRUE(merge_image(config, nginx()));
  EXPECT_THAT(config.spec.command, ElementsAre("/entry.sh"));
  EXPECT_THAT(config.spec.args, ElementsAre("nginx", "-g", "daemon off;"));
  EXPECT_THAT(config.spec.env, ElementsAre("PATH=/opt/bin", "LANG=C"));
  EXPECT_EQ(config.spec.user, "www");
  EXPECT_EQ(config.spec.dir, "/srv");
  EXPECT_EQ(config.spec.stop_signal, "SIGQUIT");
  EXPECT_THAT(config.exposed_ports, ElementsAre("443/tcp", "80/tcp"));
}

TEST(Merge, WhatIsAskedForWins) {
  model::ContainerConfig config;
  config.spec.args = {"sh"};
  config.spec.env = {"LANG=de_DE"};
  config.spec.user = "root";
  config.spec.dir = "/";
  config.spec.stop_signal = "SIGTERM";
  config.spec.labels = {{"maker", "me"}};
  config.exposed_ports = {"80/tcp", "9/udp"};
  ASSERT_TRUE(merge_image(config, nginx()));
  EXPECT_THAT(config.spec.command, ElementsAre("/entry.sh"));
  EXPECT_THAT(config.spec.args, ElementsAre("sh"));
  EXPECT_THAT(config.spec.env, ElementsAre("LANG=de_DE", "PATH=/opt/bin"));
  EXPECT_EQ(config.spec.user, "root");
  EXPECT_EQ(config.spec.dir, "/");
  EXPECT_EQ(config.spec.stop_signal, "SIGTERM");
  EXPECT_EQ(config.spec.labels, (model::Labels{{"maker", "me"}, {"version", "1"}}));
  EXPECT_THAT(config.exposed_ports, ElementsAre("443/tcp", "80/tcp", "9/udp"));
}

TEST(Merge, AnOwnEntrypointDropsTheImagesCommand) {
  model::ContainerConfig config;
  config.spec.command = {"top"};
  ASSERT_TRUE(merge_image(config, nginx()));
  EXPECT_THAT(config.spec.command, ElementsAre("top"));
  EXPECT_THAT(config.spec.args, ElementsAre());
}

TEST(Merge, AnEmptyEntrypointIsNone) {
  model::ContainerConfig config;
  config.spec.command = {""};
  config.spec.args = {"ls"};
  ASSERT_TRUE(merge_image(config, nginx()));
  EXPECT_THAT(config.spec.command, ElementsAre());
  EXPECT_THAT(config.spec.args, ElementsAre("ls"));
}

TEST(Merge, NothingToRunIsRefused) {
  model::ContainerConfig config;
  const auto merged = merge_image(config, images::ImageConfig{});
  ASSERT_FALSE(merged);
  EXPECT_EQ(merged.error(), (Error{ErrorCode::InvalidArgument, "no command specified"}));
}

TEST(Merge, VolumesOfTheImageAreAnonymousUnlessSomethingIsMountedThere) {
  model::ContainerConfig config;
  config.spec.mounts = {{.type = model::MountType::Bind, .source = "/tmp", .target = "/data"}};
  ASSERT_TRUE(merge_image(config, nginx()));
  ASSERT_EQ(config.spec.mounts.size(), 2u);
  EXPECT_EQ(config.spec.mounts[1].target, "/cache");
  EXPECT_EQ(config.spec.mounts[1].type, model::MountType::Volume);
  EXPECT_EQ(config.spec.mounts[1].source, "");
}

TEST(Merge, HealthCheckIsFilledFieldByField) {
  images::ImageConfig image = nginx();
  image.healthcheck = model::HealthConfig{.test = {"CMD", "probe"}, .interval = 5s, .retries = 2};
  model::ContainerConfig config;
  config.spec.healthcheck = model::HealthConfig{.interval = 9s};
  ASSERT_TRUE(merge_image(config, image));
  EXPECT_THAT(config.spec.healthcheck->test, ElementsAre("CMD", "probe"));
  EXPECT_EQ(config.spec.healthcheck->interval, 9s);
  EXPECT_EQ(config.spec.healthcheck->retries, 2);
}

TEST(Merge, EnvironmentOfTheProcess) {
  EXPECT_THAT(
      process_environment({"A=1", "B=2", "A=3", "B"}),
      ElementsAre("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=3"));
  EXPECT_THAT(process_environment({"PATH=/bin"}), ElementsAre("PATH=/bin"));
  EXPECT_THAT(process_environment({"PATH"}), ElementsAre());
}

}  // namespace
}  // namespace shoal::containers

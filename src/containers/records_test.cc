#include "containers/records.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace shoal::containers {
namespace {

using testing::HasSubstr;

Entry full_entry() {
  Entry entry;
  entry.id = "abc";
  entry.name = "web";
  entry.created_at = Time{12345};
  entry.image_id = "sha256:1";
  entry.config.spec.args = {"sleep", "1"};
  entry.config.spec.env = {"A=1"};
  entry.config.spec.labels = {{"k", "v"}};
  entry.config.spec.stop_grace_period = 3s;
  entry.config.spec.healthcheck = model::HealthConfig{.test = {"CMD", "x"}, .interval = 2s};
  entry.config.spec.mounts = {{.type = model::MountType::Tmpfs, .target = "/t"}};
  entry.config.spec.init = true;
  entry.config.restart = model::ContainerRestart::OnFailure;
  entry.config.ports = {{.protocol = model::PortProtocol::Udp, .container_port = 53}};
  entry.config.memory_bytes = 1 << 30;
  entry.mounts = {{.type = model::MountType::Volume, .name = "v", .source = "/v", .target = "/d"}};
  entry.state.status = Status::Exited;
  entry.state.exit_code = 3;
  entry.state.finished_at = Time{77};
  entry.stopped_by_user = true;
  entry.config.networks = {{.driver = model::NetworkDriver::Bridge,
                            .network = "n1",
                            .name = "front",
                            .address = "172.18.0.2",
                            .addresses = {},
                            .aliases = {"db"},
                            .internal = true}};
  entry.connections.netns_path = "/run/x";
  entry.connections.bridges = {
      netdriver::Endpoint{.container_id = "abc",
                          .network = "n1",
                          .netns_path = "/run/x",
                          .link = "eth1",
                          .address = network::Subnet{network::IpAddress::v4(172, 17, 0, 2), 16},
                          .gateway = network::IpAddress::v4(172, 17, 0, 1),
                          .default_route = false,
                          .mac = network::MacAddress::of(network::IpAddress::v4(172, 17, 0, 2)),
                          .ports = {{.host_port = 8081, .container_port = 80}}}};
  return entry;
}

struct Folder {
  Folder() {
    char name[] = "/tmp/shoal-records-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

TEST(Records, EverythingReadsBack) {
  const Entry entry = full_entry();
  const auto read = parse_record(record_text(entry));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ((*read)->config, entry.config);
  EXPECT_EQ((*read)->connections, entry.connections);
  EXPECT_EQ((*read)->name, "web");
  EXPECT_EQ((*read)->created_at, entry.created_at);
  EXPECT_EQ((*read)->mounts.at(0).name, "v");
  EXPECT_EQ((*read)->state.status, Status::Exited);
  EXPECT_EQ((*read)->state.exit_code, 3);
  EXPECT_TRUE((*read)->stopped_by_user);
  EXPECT_EQ(record_text(**read), record_text(entry));
}

TEST(Records, TheRegistrysPasswordIsNotWrittenDown) {
  Entry entry = full_entry();
  entry.config.spec.registry_auth = "hunter2";
  EXPECT_THAT(record_text(entry), testing::Not(HasSubstr("hunter2")));
}

TEST(Records, DamagedOnesAreRefusedWithAReason) {
  const std::string good = record_text(full_entry());
  for (const std::string& bad : {std::string(), std::string("{}"), good.substr(0, good.size() / 2),
                                 std::string("[1]"), std::string("{\"id\":7}")}) {
    const auto read = parse_record(bad);
    ASSERT_FALSE(read) << bad;
    EXPECT_THAT(read.error().message, HasSubstr("damaged record of a container"));
  }
}

TEST(Records, AreReplacedOnDisk) {
  const Folder folder;
  Entry entry = full_entry();
  ASSERT_TRUE(write_record(folder.path, record_text(entry), true));
  entry.name = "renamed";
  ASSERT_TRUE(write_record(folder.path, record_text(entry), false));
  const auto read = read_record(folder.path);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ((*read)->name, "renamed");
  EXPECT_EQ((*read)->folder, folder.path);
  EXPECT_EQ(read_record("/nowhere").error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace shoal::containers

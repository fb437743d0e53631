#include "daemon/swarm_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "base/check.h"
#include "os/file.h"

namespace shoal::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SwarmFolderTest : public testing::Test {
 protected:
  SwarmFolderTest() {
    std::string name = testing::TempDir() + "swarm-folder-XXXXXX";
    CHECK(::mkdtemp(name.data()));
    root_ = name;
    CHECK(os::make_folders(root_ + "/swarm"));
  }
  ~SwarmFolderTest() override { std::filesystem::remove_all(root_); }

  std::string root_;
};

TEST_F(SwarmFolderTest, ARecordIsReadAsItWasWritten) {
  const SwarmFolder folder(root_);
  NodeRecord record;
  record.id = model::NodeId::of("n1");
  record.address = "10.0.0.1";
  record.managers = {"10.0.0.1:2377"};
  record.listen_address = "0.0.0.0:2377";
  record.data_path_address = "10.1.0.1";
  ASSERT_TRUE(folder.write_record(record));
  const auto read = folder.read_record();
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->id, record.id);
  EXPECT_EQ((*read)->address, "10.0.0.1");
  EXPECT_THAT((*read)->managers, ElementsAre("10.0.0.1:2377"));
  EXPECT_EQ((*read)->listen_address, "0.0.0.0:2377");
  EXPECT_EQ((*read)->data_path_address, "10.1.0.1");
}

TEST_F(SwarmFolderTest, ARecordOfBeforeNodesHadOverlaysIsReadToo) {
  const std::string old =
      R"({"node_id":"n2","address":"10.0.0.2","role":"worker","managers":["10.0.0.1:2377"],)"
      R"("listen_address":""})";
  ASSERT_TRUE(os::write_file(root_ + "/swarm/node.json", old));
  const auto read = SwarmFolder(root_).read_record();
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->data_path_address, "");
}

TEST_F(SwarmFolderTest, ADamagedRecordIsNamedAndNoneIsNoError) {
  const SwarmFolder folder(root_);
  const auto none = folder.read_record();
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  ASSERT_TRUE(os::write_file(root_ + "/swarm/node.json", R"({"node_id":"n2"})"));
  const auto damaged = folder.read_record();
  ASSERT_FALSE(damaged);
  EXPECT_THAT(damaged.error().message, HasSubstr("node.json is damaged: it has no address"));
}

}  // namespace
}  // namespace shoal::daemon

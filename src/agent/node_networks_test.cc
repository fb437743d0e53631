// What a daemon was told of its networks, and what the next one makes of it: on a machine of its
// own.
#include "agent/node_networks_fixture.h"

namespace shoal::agent {
namespace {

using testing::HasSubstr;

TEST_F(NodeNetworksTest, ContainersKeepANetworkThatWasGoneBeforeThemWhenTheDaemonRestarts) {
  ASSERT_TRUE(tell({net()}, true));
  ASSERT_TRUE(tell({model::NetworkGone{kNet}}));
  ASSERT_TRUE(tell({net()}));
  const auto web = fabric_.add_container(*machine_, "web");
  ASSERT_TRUE(fabric_.connect(web, kNet.str(), {"10.0.1.7/24"}));
  restart();
  EXPECT_TRUE(is_linked(web));
  const auto checked = fabric_.control.run(machine_->overlays->check());
  EXPECT_EQ(checked, netdriver::NetworkCheck{.networks = 1});
  restart();  // What was restored is kept for the next one, too.
  EXPECT_TRUE(is_linked(web));
}

TEST_F(NodeNetworksTest, ANetworkThatIsGoneIsNotMadeAgain) {
  ASSERT_TRUE(tell({net()}, true));
  ASSERT_TRUE(tell({model::NetworkGone{kNet}}));
  restart();
  EXPECT_EQ(fabric_.control.run(machine_->overlays->check()).networks, 0u);
  EXPECT_TRUE(networks_->told());
}

TEST_F(NodeNetworksTest, EverythingThatWasCarriedOutIsTold) {
  int complete = 0;
  networks_->on_complete([&] { ++complete; });
  ASSERT_TRUE(tell({net()}, true));
  EXPECT_EQ(complete, 1);
  ASSERT_TRUE(tell({model::NetworkGone{kNet}}));
  EXPECT_EQ(complete, 1);
}

// What a manager says is known at once and in the kernel a moment later.
TEST_F(NodeNetworksTest, ATaskThatStartsWhileItsNetworkIsMadeWaitsForIt) {
  const auto web = fabric_.add_container(*machine_, "web");
  std::promise<Result<void>> told;
  fabric_.control.loop.post([&] { os::spawn(apply(told)); });
  const auto started = fabric_.control.run(start(web));
  EXPECT_TRUE(started) << started.error().message;
  EXPECT_TRUE(told.get_future().get());
  EXPECT_TRUE(is_linked(web));
}

TEST_F(NodeNetworksTest, ANodeThatHasNoAddressYetSaysSo) {
  address_ = "";
  EXPECT_THAT(tell({net()}, true).error().message,
              HasSubstr("address of this node is not known yet"));
  EXPECT_FALSE(networks_->told());
  address_ = "10.98.0.1";
  EXPECT_TRUE(tell({net()}, true));
}

}  // namespace
}  // namespace shoal::agent

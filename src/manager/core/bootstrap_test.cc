#include "manager/core/bootstrap.h"

#include <gtest/gtest.h>

#include "store/memory_engine.h"

namespace shoal::manager {
namespace {

class Bootstrap : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(store_.load()); }

  Result<store::Ticket> init(NewSwarm swarm) {
    return store_.update(Time{1},
                         [&](store::WriteTx& tx) { return create_swarm(tx, std::move(swarm)); });
  }

  store::MemoryEngine engine_;
  store::Store store_{engine_};
};

TEST_F(Bootstrap, MakesTheClusterAndThisNodeAsItsManager) {
  NewSwarm swarm;
  swarm.cluster_id = model::ClusterId::of("c1");
  swarm.node_id = model::NodeId::of("n1");
  swarm.join_token_worker = "SWMTKN-1-w";
  swarm.join_token_manager = "SWMTKN-1-m";
  swarm.spec.task_history_limit = 7;
  swarm.address = "10.0.0.1";
  swarm.manager_address = "10.0.0.1:2377";
  ASSERT_TRUE(init(swarm));

  const auto cluster = store_.read().clusters().by_name(kClusterName);
  ASSERT_TRUE(cluster);
  EXPECT_EQ(cluster->id, model::ClusterId::of("c1"));
  EXPECT_EQ(cluster->join_token_worker, "SWMTKN-1-w");
  EXPECT_EQ(cluster->join_token_manager, "SWMTKN-1-m");
  EXPECT_EQ(cluster->spec.task_history_limit, 7);
  const auto node = store_.read().nodes().get(model::NodeId::of("n1"));
  ASSERT_TRUE(node);
  EXPECT_EQ(node->role, model::NodeRole::Manager);
  EXPECT_EQ(node->spec.role, model::NodeRole::Manager);
  EXPECT_EQ(node->status.state, model::NodeState::Ready);
  EXPECT_EQ(node->status.address, "10.0.0.1");
  EXPECT_EQ(node->manager_address, "10.0.0.1:2377");
}

TEST_F(Bootstrap, RefusesASecondSwarm) {
  NewSwarm swarm;
  swarm.cluster_id = model::ClusterId::of("c1");
  swarm.node_id = model::NodeId::of("n1");
  ASSERT_TRUE(init(swarm));
  swarm.node_id = model::NodeId::of("n2");
  const auto again = init(swarm);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(store_.read().nodes().size(), 1u);
}

}  // namespace
}  // namespace shoal::manager

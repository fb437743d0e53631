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
  swarm.ingress_id = model::NetworkId::of("i1");
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
  const auto ingress = store_.read().networks().by_name("ingress");
  ASSERT_TRUE(ingress);
  EXPECT_EQ(ingress->id, model::NetworkId::of("i1"));
  EXPECT_TRUE(ingress->spec.ingress);
  EXPECT_EQ(ingress->spec.driver.name, "overlay");
}

TEST_F(Bootstrap, RefusesASecondSwarm) {
  NewSwarm swarm;
  swarm.cluster_id = model::ClusterId::of("c1");
  swarm.node_id = model::NodeId::of("n1");
  swarm.ingress_id = model::NetworkId::of("i1");
  ASSERT_TRUE(init(swarm));
  swarm.node_id = model::NodeId::of("n2");
  const auto again = init(swarm);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::Unavailable);
  EXPECT_EQ(store_.read().nodes().size(), 1u);
}

class IngressNetwork : public Bootstrap {
 protected:
  void create_old_cluster() {
    model::Cluster cluster;
    cluster.id = model::ClusterId::of("c1");
    write([&](store::WriteTx& tx) { return tx.create(cluster); });
  }
  void lead() {
    write([](store::WriteTx& tx) {
      return add_ingress_network_once(tx, model::NetworkId::of("i1"));
    });
  }
  void write(const store::Store::Write& change) {
    ASSERT_TRUE(store_.update(Time{1}, change));
    engine_.flush();
  }
};

TEST_F(IngressNetwork, AnOldSwarmGetsItOnce) {
  create_old_cluster();
  lead();
  ASSERT_TRUE(store_.read().networks().by_name("ingress"));
  write([](store::WriteTx& tx) { return tx.remove(model::NetworkId::of("i1")); });
  lead();
  EXPECT_EQ(store_.read().networks().size(), 0u) << "it was removed on purpose";
}

TEST_F(IngressNetwork, ASwarmWithOneKeepsIt) {
  create_old_cluster();
  model::Network mine;
  mine.id = model::NetworkId::of("mine");
  mine.spec.annotations.name = "mesh";
  mine.spec.ingress = true;
  write([&](store::WriteTx& tx) { return tx.create(mine); });
  lead();
  EXPECT_EQ(store_.read().networks().size(), 1u);
}

TEST_F(IngressNetwork, ATakenNameIsLeftToItsOwner) {
  create_old_cluster();
  model::Network mine;
  mine.id = model::NetworkId::of("mine");
  mine.spec.annotations.name = "Ingress";
  write([&](store::WriteTx& tx) { return tx.create(mine); });
  lead();
  EXPECT_EQ(store_.read().networks().size(), 1u);
}

TEST_F(IngressNetwork, WithoutASwarmThereIsNone) {
  lead();
  EXPECT_EQ(store_.read().networks().size(), 0u);
  EXPECT_EQ(store_.newest_version(), 0u);
}

}  // namespace
}  // namespace shoal::manager

#include "ca/root_rotation.h"

#include <gtest/gtest.h>

#include "store/testing.h"

namespace shoal::ca {
namespace {

class RootRotationTest : public testing::Test {
 protected:
  RootRotationTest() {
    model::Cluster cluster;
    cluster.id = model::ClusterId::of("swarm1");
    cluster.spec.annotations.name = "default";
    cluster.root_ca = {"old root", "ca", "old key"};
    cluster.root_ca_key = "old private key";
    cluster.join_token_worker = "old token";
    swarm.create(cluster);
    for (const char* name : {"n1", "n2"}) {
      swarm.node(name);
      show(name, "old key");
    }
    loop.reset(swarm.read());
    watch = swarm.store().watch([this](const store::Batch& batch) { loop.on_batch(batch); });
  }

  // The node says that its certificate is of this authority.
  void show(const char* node, const char* key) {
    swarm.edit_node(node, [&](model::Node& n) { n.description.tls = {"roots", "ca", key}; });
  }
  const model::Cluster& cluster() { return *swarm.read().clusters().all().begin()->second; }
  void rotate(const char* key) {
    model::Cluster changed = cluster();
    changed.rotation = model::RootRotation{{"new root", "ca", key}, "private", "cross", "w", "m"};
    swarm.update(std::move(changed));
  }
  // What the manager does when the loop is due.
  void settle() {
    while (loop.next_deadline()) {
      auto plan = loop.plan(swarm.read(), swarm.now());
      if (!plan.empty()) swarm.apply(std::move(plan));
    }
  }

  store::Swarm swarm;
  RootRotationLoop loop;
  std::unique_ptr<store::Store::Watch> watch;
};

TEST_F(RootRotationTest, EndsWhenTheLastNodeHasANewCertificate) {
  settle();
  EXPECT_EQ(cluster().root_ca.trust_root, "old root") << "nothing to do";
  rotate("new key");
  settle();
  show("n1", "new key");
  settle();
  EXPECT_TRUE(cluster().rotation) << "n2 has an old one";
  show("n2", "new key");
  settle();
  EXPECT_FALSE(cluster().rotation);
  EXPECT_EQ(cluster().root_ca.trust_root, "new root");
  EXPECT_EQ(cluster().root_ca_key, "private");
  EXPECT_EQ(cluster().join_token_worker, "w");
  EXPECT_EQ(cluster().join_token_manager, "m");
}

TEST_F(RootRotationTest, ANodeThatIsRemovedHoldsNothingUp) {
  rotate("new key");
  show("n1", "new key");
  settle();
  swarm.remove(model::NodeId::of("n2"));
  settle();
  EXPECT_EQ(cluster().root_ca.trust_root, "new root");
}

TEST_F(RootRotationTest, ANodeThatJoinsMeanwhileIsWaitedFor) {
  rotate("new key");
  settle();
  swarm.node("n3");
  for (const char* node : {"n1", "n2"}) show(node, "new key");
  settle();
  EXPECT_TRUE(cluster().rotation);
  show("n3", "new key");
  settle();
  EXPECT_FALSE(cluster().rotation);
}

TEST_F(RootRotationTest, AnotherRotationTakesThePlaceOfTheOneThatIsUnderWay) {
  rotate("new key");
  for (const char* node : {"n1"}) show(node, "new key");
  settle();
  rotate("newer key");
  for (const char* node : {"n2"}) show(node, "new key");
  settle();
  EXPECT_TRUE(cluster().rotation);
  for (const char* node : {"n1", "n2"}) show(node, "newer key");
  settle();
  EXPECT_EQ(cluster().root_ca.issuer_public_key, "newer key");
}

TEST_F(RootRotationTest, GoesOnAfterARestart) {
  rotate("new key");
  for (const char* node : {"n1", "n2"}) show(node, "new key");
  RootRotationLoop fresh;
  fresh.reset(swarm.read());
  loop = fresh;
  settle();
  EXPECT_FALSE(cluster().rotation);
}

}  // namespace
}  // namespace shoal::ca

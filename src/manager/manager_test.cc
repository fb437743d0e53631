#include "manager/manager.h"

#include <gtest/gtest.h>

#include "manager/core/bootstrap.h"
#include "store/memory_engine.h"

namespace shoal::manager {
namespace {

TEST(Manager, SaysWhyTheStateCannotBeOpened) {
  os::Loop loop(1);
  Rng rng(1);
  NullLog log;
  Manager manager(loop, rng, log, []() -> Result<std::unique_ptr<store::Engine>> {
    return internal_error("state.db is damaged");
  });
  const auto opened = manager.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message, "state.db is damaged");
  EXPECT_EQ(manager.store(), nullptr);
  EXPECT_EQ(manager.dispatcher(), nullptr);
}

// What a disk would be: outlives the engines over it. Each engine completes a commit in the next
// turn of the loop.
class LoopEngine final : public store::Engine {
 public:
  LoopEngine(os::Loop& loop, store::MemoryEngine& disk, const bool& full)
      : loop_(loop), disk_(disk), full_(full) {}
  Result<Contents> load() override { return disk_.load(); }
  void commit(std::shared_ptr<const store::Batch> batch, Done done) override {
    disk_.commit(std::move(batch), std::move(done));
    loop_.post([this] { disk_.flush_one(); });
  }
  Result<void> check_writable() override {
    if (full_) return unavailable("disk full");
    return {};
  }

 private:
  os::Loop& loop_;
  store::MemoryEngine& disk_;
  const bool& full_;
};

class SilentSessions final : public Manager::Sessions {
 public:
  void send(dispatcher::Outgoing) override {}
  void end_all(const Error& reason) override { ended.push_back(reason.message); }
  std::vector<std::string> ended;
};

struct ManagerTest : testing::Test {
  ManagerTest() {
    manager.emplace(loop, rng, log, [this]() -> Result<std::unique_ptr<store::Engine>> {
      ++opened;
      return std::make_unique<LoopEngine>(loop, disk, full);
    });
    manager->serve(&sessions);
  }

  Result<store::Ticket> create(const std::string& service) {
    return manager->store()->update(loop.now(), [&](store::WriteTx& tx) {
      model::Service made;
      made.id = model::ServiceId::random(rng);
      made.spec.annotations.name = service;
      made.spec.mode = model::ReplicatedMode{2};
      return tx.create(std::move(made));
    });
  }

  // Runs the loop until the condition holds, asking after every event of the manager's store.
  void run_until(std::function<bool()> condition) {
    const auto ask = std::make_shared<std::function<void()>>();
    *ask = [this, condition, weak = std::weak_ptr(ask)] {
      if (condition()) return loop.stop();
      loop.post([again = weak.lock()] { (*again)(); });
    };
    const auto bound = loop.at(loop.now() + 30s, [this] { loop.stop(); });
    loop.post([ask] { (*ask)(); });
    loop.run();
    EXPECT_TRUE(condition());
  }

  os::Loop loop{1};
  Rng rng{1};
  NullLog log;
  store::MemoryEngine disk;
  bool full = false;
  SilentSessions sessions;
  int opened = 0;
  std::optional<Manager> manager;
};

TEST_F(ManagerTest, RunsTheControlLoopsOnWhatBecomesDurable) {
  ASSERT_TRUE(manager->open());
  ASSERT_TRUE(create("web"));
  run_until([&] { return manager->store()->read().tasks().size() == 2; });
}

TEST_F(ManagerTest, ASwarmOfAnOlderVersionGetsItsIngressNetwork) {
  store::Store old(disk);
  ASSERT_TRUE(old.load());
  ASSERT_TRUE(old.update(loop.now(), [](store::WriteTx& tx) {
    model::Cluster cluster;
    cluster.id = model::ClusterId::of("c");
    return tx.create(std::move(cluster));
  }));
  disk.flush();
  ASSERT_TRUE(manager->open());
  run_until([&] {
    const auto ingress = manager->store()->read().networks().by_name("ingress");
    return ingress && ingress->allocation && ingress->allocation->vni == 4096;
  });
}

TEST_F(ManagerTest, AFailedCommitEndsTheTermAndTheNextOneHasWhatWasDurable) {
  ASSERT_TRUE(manager->open());
  ASSERT_TRUE(create("kept"));
  run_until([&] { return disk.waiting_count() == 0 && manager->store()->read().tasks().size(); });

  disk.fail(Error{ErrorCode::Unavailable, "disk full"});
  store::Store* first = manager->store();
  const auto lost = create("lost");
  ASSERT_TRUE(lost);
  Result<void> outcome;
  first->when_durable(*lost, [&](Result<void> result) { outcome = std::move(result); });
  run_until([&] { return opened == 2 && manager->store() != nullptr; });

  EXPECT_FALSE(outcome);
  EXPECT_EQ(sessions.ended, std::vector<std::string>{"disk full"});
  EXPECT_NE(manager->store(), first);
  EXPECT_FALSE(create("kept"));  // It is there.
  EXPECT_EQ(manager->store()->read().services().by_name("lost"), nullptr);
  EXPECT_EQ(first->update(loop.now(), [](store::WriteTx&) { return Result<void>{}; }).error().code,
            ErrorCode::Unavailable);  // Still there for whoever holds it, but dead.
}

TEST_F(ManagerTest, WhatCannotBeWrittenCanBeReadUntilItCan) {
  ASSERT_TRUE(manager->open());
  ASSERT_TRUE(create("kept"));
  run_until([&] { return disk.waiting_count() == 0 && manager->store()->read().tasks().size(); });

  disk.fail(Error{ErrorCode::Unavailable, "disk full"});
  full = true;
  ASSERT_TRUE(create("lost"));
  run_until([&] { return opened >= 3; });  // It goes on trying.
  ASSERT_NE(manager->store(), nullptr);
  EXPECT_EQ(manager->dispatcher(), nullptr);
  EXPECT_EQ(manager->failure(), "disk full");
  EXPECT_NE(manager->store()->read().services().by_name("kept"), nullptr);
  EXPECT_EQ(manager->store()->read().services().by_name("lost"), nullptr);
  EXPECT_EQ(create("refused").error(),
            (Error{ErrorCode::Unavailable, "the store has failed: disk full"}));

  full = false;
  run_until([&] { return manager->dispatcher() != nullptr; });
  EXPECT_EQ(manager->failure(), "");
  EXPECT_TRUE(create("later"));
}

TEST_F(ManagerTest, AStateThatCanOnlyBeReadAtTheStartIsOpenedAgainToo) {
  full = true;
  ASSERT_TRUE(manager->open());
  EXPECT_NE(manager->store(), nullptr);
  EXPECT_EQ(manager->dispatcher(), nullptr);
  full = false;
  run_until([&] { return manager->dispatcher() != nullptr; });
}

}  // namespace
}  // namespace shoal::manager

#include "store/store.h"

#include <gmock/gmock.h>

#include "store/memory_engine.h"

namespace shoal::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Time kNow{1000};

model::Service service(std::string_view id, std::string_view name) {
  model::Service s;
  s.id = model::ServiceId::of(id);
  s.spec.annotations.name = std::string(name);
  return s;
}

model::Task task(std::string_view id) {
  model::Task t;
  t.id = model::TaskId::of(id);
  t.service_id = model::ServiceId::of("s");
  return t;
}

struct StoreTest : testing::Test {
  StoreTest() { EXPECT_TRUE(store.load()); }

  template <class T>
  Result<Ticket> create(T object) {
    return store.update(kNow, [&](WriteTx& tx) { return tx.create(object); });
  }
  template <class T>
  Result<Ticket> update(T object, Time now = kNow) {
    return store.update(now, [&](WriteTx& tx) { return tx.update(object); });
  }
  template <class IdType>
  Result<Ticket> remove(IdType id) {
    return store.update(kNow, [&](WriteTx& tx) { return tx.remove(id); });
  }
  model::Ref<model::Service> get(std::string_view id) {
    return store.read().services().get(model::ServiceId::of(id));
  }
  // Records versions as they are told.
  auto recorder() {
    return store.watch([this](const Batch& batch) { told.push_back(batch.version); });
  }

  MemoryEngine engine;
  Store store{engine};
  std::vector<model::Version> told;
};

TEST_F(StoreTest, ACreatedObjectIsReadableAtOnceWithVersionAndTimes) {
  const auto ticket = create(service("s1", "web"));
  ASSERT_TRUE(ticket);
  EXPECT_EQ(ticket->version, 1u);
  ASSERT_TRUE(get("s1"));
  EXPECT_EQ(get("s1")->meta, (model::Meta{1, kNow, kNow}));
  EXPECT_EQ(store.durable_version(), 0u);
  EXPECT_EQ(store.newest_version(), 1u);
}

TEST_F(StoreTest, ATakenNameIsRefusedInDockersWords) {
  ASSERT_TRUE(create(service("s1", "web")));
  const auto second = create(service("s2", "web"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::AlreadyExists);
  EXPECT_EQ(second.error().message,
            "name conflicts with an existing object: service web already exists");
  EXPECT_FALSE(create(service("s3", "WEB"))) << "Swarm's names ignore case";
  EXPECT_EQ(store.read().services().size(), 1u);
}

TEST_F(StoreTest, NamesOfDifferentKindsDoNotConflict) {
  model::Network network;
  network.id = model::NetworkId::of("n");
  network.spec.annotations.name = "web";
  EXPECT_TRUE(create(service("s1", "web")));
  EXPECT_TRUE(create(network));
}

TEST_F(StoreTest, ATakenIdIsRefused) {
  ASSERT_TRUE(create(service("s1", "web")));
  const auto second = create(service("s1", "other"));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), (Error{ErrorCode::AlreadyExists, "object already exists"}));
}

TEST_F(StoreTest, AnObjectWithoutAnIdIsRefused) {
  const auto result = create(service("", "web"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::InvalidArgument);
}

TEST_F(StoreTest, AnUpdateKeepsTheCreationTimeAndRaisesTheVersion) {
  ASSERT_TRUE(create(service("s1", "web")));
  model::Service changed = *get("s1");
  changed.spec.annotations.labels["a"] = "b";
  ASSERT_TRUE(update(changed, Time{2000}));
  EXPECT_EQ(get("s1")->meta, (model::Meta{2, kNow, Time{2000}}));
  EXPECT_EQ(get("s1")->spec.annotations.labels.at("a"), "b");
}

TEST_F(StoreTest, AnUpdateOfAnOldVersionIsOutOfSequence) {
  ASSERT_TRUE(create(service("s1", "web")));
  const model::Service read = *get("s1");
  ASSERT_TRUE(update(read));
  const auto late = update(read);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error(), (Error{ErrorCode::OutOfSequence, "update out of sequence"}));
}

TEST_F(StoreTest, AnUpdateOrRemovalOfWhatIsGoneIsNotFound) {
  const auto updated = update(service("s1", "web"));
  ASSERT_FALSE(updated);
  EXPECT_EQ(updated.error(), (Error{ErrorCode::NotFound, "service s1 not found"}));
  EXPECT_EQ(remove(model::NodeId::of("n9")).error().message, "node n9 not found");
  EXPECT_EQ(remove(model::TaskId::of("t9")).error().message, "task t9 not found");
  EXPECT_EQ(remove(model::NetworkId::of("x9")).error().message, "network x9 not found");
}

TEST_F(StoreTest, ARenameFreesTheOldNameAndMayNotTakeAUsedOne) {
  ASSERT_TRUE(create(service("s1", "web")));
  ASSERT_TRUE(create(service("s2", "db")));
  model::Service renamed = *get("s1");
  renamed.spec.annotations.name = "db";
  EXPECT_EQ(update(renamed).error().code, ErrorCode::AlreadyExists);
  renamed.spec.annotations.name = "www";
  ASSERT_TRUE(update(renamed));
  EXPECT_FALSE(store.read().services().by_name("web"));
  EXPECT_EQ(store.read().services().by_name("www")->id.view(), "s1");
  EXPECT_TRUE(create(service("s3", "web")));
}

TEST_F(StoreTest, AFailedTransactionLeavesNothingBehind) {
  ASSERT_TRUE(create(service("s1", "web")));
  const auto result = store.update(kNow, [&](WriteTx& tx) -> Result<void> {
    RETURN_IF_ERROR(tx.create(service("s2", "db")));
    RETURN_IF_ERROR(tx.remove(model::ServiceId::of("s1")));
    RETURN_IF_ERROR(tx.create(task("t1")));
    EXPECT_TRUE(tx.read().services().by_name("db")) << "a transaction sees its own writes";
    EXPECT_FALSE(tx.read().services().by_name("web"));
    return failed_precondition("changed my mind");
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "changed my mind");
  EXPECT_FALSE(store.read().services().by_name("db"));
  EXPECT_EQ(store.read().services().by_name("web"), get("s1"));
  EXPECT_EQ(store.read().tasks().size(), 0u);
  EXPECT_THAT(store.read().tasks().by_service(model::ServiceId::of("s")), IsEmpty());
  EXPECT_EQ(engine.waiting_count(), 1u);
  EXPECT_EQ(store.newest_version(), 1u);
}

TEST_F(StoreTest, ATransactionWithoutChangesCostsNothing) {
  ASSERT_TRUE(create(service("s1", "web")));
  const auto ticket = store.update(kNow, [](WriteTx&) { return Result<void>(); });
  ASSERT_TRUE(ticket);
  EXPECT_EQ(ticket->version, 1u);
  EXPECT_EQ(engine.waiting_count(), 1u);
}

TEST_F(StoreTest, AnObjectWrittenTwiceIsOneChange) {
  ASSERT_TRUE(create(service("s1", "old")));
  const auto old = get("s1");
  std::vector<Change> changes;
  const auto watch = store.watch([&](const Batch& batch) { changes = batch.changes; });
  engine.flush();
  ASSERT_TRUE(store.update(kNow, [&](WriteTx& tx) -> Result<void> {
    RETURN_IF_ERROR(tx.create(task("t1")));
    model::Task t1 = *tx.read().tasks().get(model::TaskId::of("t1"));
    t1.slot = 7;
    RETURN_IF_ERROR(tx.update(t1));
    RETURN_IF_ERROR(tx.create(task("t2")));
    RETURN_IF_ERROR(tx.remove(model::TaskId::of("t2")));
    model::Service s1 = *tx.read().services().get(model::ServiceId::of("s1"));
    s1.spec_version = 1;
    RETURN_IF_ERROR(tx.update(s1));
    return tx.remove(s1.id);
  }));
  engine.flush();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_TRUE(is_null(changes[0].before));
  EXPECT_EQ(std::get<model::Ref<model::Task>>(changes[0].after)->slot, 7u);
  EXPECT_EQ(std::get<model::Ref<model::Service>>(changes[1].before), old);
  EXPECT_TRUE(is_null(changes[1].after));
}

TEST_F(StoreTest, RemovedAndCreatedAnewInOneTransactionIsTwoChanges) {
  ASSERT_TRUE(create(service("s1", "web")));
  ASSERT_TRUE(store.update(kNow, [&](WriteTx& tx) -> Result<void> {
    RETURN_IF_ERROR(tx.remove(model::ServiceId::of("s1")));
    return tx.create(service("s1", "web"));
  }));
  EXPECT_EQ(get("s1")->meta.version, 2u);
  engine.flush();
  Store after(engine);
  ASSERT_TRUE(after.load());
  EXPECT_EQ(*after.read().services().by_name("web"), *get("s1"));
}

TEST_F(StoreTest, CreatedAndRemovedInOneTransactionIsNoChange) {
  const auto ticket = store.update(kNow, [&](WriteTx& tx) -> Result<void> {
    RETURN_IF_ERROR(tx.create(task("t1")));
    return tx.remove(model::TaskId::of("t1"));
  });
  ASSERT_TRUE(ticket);
  EXPECT_EQ(ticket->version, 0u);
  EXPECT_EQ(engine.waiting_count(), 0u);
}

TEST_F(StoreTest, EffectsWaitForDurabilityAndComeInOrder) {
  std::vector<std::string> seen;
  const auto watch = store.watch([&](const Batch& batch) {
    EXPECT_EQ(store.durable_version(), batch.version);
    seen.push_back(fmt::format("watch {}", batch.version));
  });
  const auto note = [&](int id) {
    return [&seen, id](Result<void> result) {
      EXPECT_TRUE(result);
      seen.push_back(fmt::format("done {}", id));
    };
  };
  const Ticket first = *create(service("s1", "a"));
  const Ticket second = *create(service("s2", "b"));
  store.when_durable(second, note(2));
  store.when_durable(first, note(1));
  store.when_durable(second, note(3));
  EXPECT_THAT(seen, IsEmpty());
  engine.flush_one();
  EXPECT_THAT(seen, ElementsAre("watch 1", "done 1"));
  engine.flush_one();
  EXPECT_THAT(seen, ElementsAre("watch 1", "done 1", "watch 2", "done 2", "done 3"));
  store.when_durable(first, note(4));
  EXPECT_EQ(seen.back(), "done 4") << "what is durable already answers at once";
}

TEST_F(StoreTest, AWatcherMayUpdateTheStore) {
  const auto watch = store.watch([&](const Batch& batch) {
    told.push_back(batch.version);
    if (batch.version < 4) {
      const std::string name = fmt::format("s{}", batch.version + 1);
      EXPECT_TRUE(create(service(name, name)));
    }
  });
  ASSERT_TRUE(create(service("s1", "s1")));
  EXPECT_EQ(engine.flush(), 4u);
  EXPECT_THAT(told, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(store.read().services().size(), 4u);
}

TEST_F(StoreTest, AWatchDestroyedInsideItsOwnCallbackEnds) {
  std::unique_ptr<Store::Watch> watch;
  const auto text = std::make_shared<std::string>("alive");
  watch = store.watch([&, text](const Batch& batch) {
    watch.reset();
    EXPECT_EQ(*text, "alive") << "the function outlives its call";
    told.push_back(batch.version);
  });
  const auto other = recorder();
  ASSERT_TRUE(create(service("s1", "a")));
  ASSERT_TRUE(create(service("s2", "b")));
  engine.flush();
  EXPECT_THAT(told, ElementsAre(1, 1, 2));
}

TEST_F(StoreTest, AWatchDestroyedByAnEarlierWatcherIsNotCalled) {
  std::unique_ptr<Store::Watch> second;
  const auto first = store.watch([&](const Batch&) { second.reset(); });
  second = recorder();
  ASSERT_TRUE(create(service("s1", "a")));
  engine.flush();
  EXPECT_THAT(told, IsEmpty());
}

TEST_F(StoreTest, AWatchMadeInsideACallbackSeesTheNextTransaction) {
  std::unique_ptr<Store::Watch> second;
  const auto first = store.watch([&](const Batch&) {
    if (!second) second = recorder();
  });
  ASSERT_TRUE(create(service("s1", "a")));
  ASSERT_TRUE(create(service("s2", "b")));
  engine.flush();
  EXPECT_THAT(told, ElementsAre(2));
}

TEST_F(StoreTest, AWatchMayOutliveItsStore) {
  std::unique_ptr<Store::Watch> watch;
  {
    Store other(engine);
    watch = other.watch([](const Batch&) {});
  }
  watch.reset();
}

TEST_F(StoreTest, ACommitFailureEndsTheStore) {
  std::vector<std::string> seen;
  const auto watch = recorder();
  store.on_failed([&](const Error& error) { seen.push_back("failed: " + error.message); });
  const auto note = [&](Result<void> result) {
    seen.push_back(result ? "durable" : "error: " + result.error().message);
  };
  const Ticket first = *create(service("s1", "a"));
  const Ticket second = *create(service("s2", "b"));
  const Ticket third = *create(service("s3", "c"));
  store.when_durable(first, note);
  store.when_durable(third, note);
  engine.flush_one();
  engine.fail({ErrorCode::Unavailable, "disk full"});
  engine.flush();
  EXPECT_THAT(seen, ElementsAre("durable", "error: disk full", "failed: disk full"));
  EXPECT_THAT(told, ElementsAre(1));
  EXPECT_EQ(store.failure()->message, "disk full");

  const auto later = create(service("s4", "d"));
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error(), (Error{ErrorCode::Unavailable, "the store has failed: disk full"}));
  store.when_durable(second, note);
  EXPECT_EQ(seen.back(), "error: disk full");
  EXPECT_EQ(seen.size(), 4u);
}

TEST_F(StoreTest, AClosedStoreAnswersWhatWaitsAndIgnoresTheEngine) {
  std::vector<std::string> seen;
  {
    Store other(engine);
    const auto ticket =
        other.update(kNow, [](WriteTx& tx) { return tx.create(service("s1", "a")); });
    other.when_durable(*ticket, [&](Result<void> r) { seen.push_back(r.error().message); });
  }
  EXPECT_THAT(seen, ElementsAre("the store was closed before the change was durable"));
  EXPECT_TRUE(engine.flush_one());
  EXPECT_EQ(seen.size(), 1u);
}

TEST_F(StoreTest, ARestartFindsWhatWasDurableAndNothingElse) {
  ASSERT_TRUE(create(service("s1", "a")));
  ASSERT_TRUE(create(task("t1")));
  ASSERT_TRUE(remove(model::ServiceId::of("s1")));
  engine.flush();
  ASSERT_TRUE(create(service("s2", "b")));
  engine.crash();

  Store after(engine);
  ASSERT_TRUE(after.load());
  EXPECT_EQ(after.newest_version(), 3u);
  EXPECT_EQ(after.durable_version(), 3u);
  EXPECT_EQ(after.read().services().size(), 0u);
  EXPECT_EQ(after.read().tasks().by_service(model::ServiceId::of("s")).size(), 1u);
  EXPECT_EQ(after.read().tasks().all(), store.read().tasks().all());
}

TEST_F(StoreTest, AFailedCommitMayHaveReachedTheDiskAllTheSame) {
  ASSERT_TRUE(create(service("s1", "a")));
  ASSERT_TRUE(create(service("s2", "b")));
  engine.fail({ErrorCode::Unavailable, "connection lost"}, true);
  engine.flush();
  Store after(engine);
  ASSERT_TRUE(after.load());
  EXPECT_EQ(after.newest_version(), 1u);
  EXPECT_EQ(after.read().services().size(), 1u);
}

// Answers load() with whatever it is given.
struct FixedEngine final : Engine {
  Result<Contents> load() override { return contents; }
  void commit(std::shared_ptr<const Batch>, Done) override {}
  Contents contents;
};

TEST(StoreLoad, TwoObjectsOfOneNameAreRefusedByName) {
  FixedEngine engine;
  engine.contents.objects = {std::make_shared<const model::Service>(service("s1", "web")),
                             std::make_shared<const model::Service>(service("s2", "web"))};
  Store store(engine);
  const auto loaded = store.load();
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message,
            "loading service s2: name conflicts with an existing object: service web already "
            "exists");
}

TEST(StoreLoad, TwoObjectsOfOneIdAreRefused) {
  FixedEngine engine;
  engine.contents.objects = {std::make_shared<const model::Task>(task("t1")),
                             std::make_shared<const model::Task>(task("t1"))};
  Store store(engine);
  EXPECT_EQ(store.load().error().message, "loading task t1: object already exists");
}

}  // namespace
}  // namespace shoal::store

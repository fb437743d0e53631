#include "store/tables.h"

#include <gmock/gmock.h>

#include "base/rng.h"
#include "store/memory_engine.h"
#include "store/store.h"

namespace shoal::store {
namespace {

using model::TaskState;
using testing::ElementsAre;
using testing::IsEmpty;

template <class Refs>
std::vector<std::string> ids(const Refs& refs) {
  std::vector<std::string> found;
  for (const auto& ref : refs) found.push_back(ref->id.str());
  return found;
}

model::Ref<model::Node> node(std::string_view id, std::string_view hostname) {
  model::Node n;
  n.id = model::NodeId::of(id);
  n.description.hostname = std::string(hostname);
  return std::make_shared<const model::Node>(n);
}

TEST(NodeTable, HostnamesAreFoundWithoutRegardToCaseAndNeedNotBeUnique) {
  Tables tables;
  const auto n1 = node("n1", "Alpha");
  const auto n2 = node("n2", "alpha");
  const auto n3 = node("n3", "beta");
  for (const auto& n : {n2, n3, n1}) tables.apply({model::Ref<model::Node>(), n});
  EXPECT_THAT(ids(tables.nodes().by_hostname("ALPHA")), ElementsAre("n1", "n2"));
  EXPECT_THAT(tables.nodes().by_hostname("alph"), IsEmpty());
  EXPECT_THAT(tables.nodes().by_hostname("zeta"), IsEmpty());

  const auto moved = node("n1", "beta");
  tables.apply({n1, moved});
  EXPECT_THAT(ids(tables.nodes().by_hostname("alpha")), ElementsAre("n2"));
  EXPECT_THAT(ids(tables.nodes().by_hostname("beta")), ElementsAre("n1", "n3"));
}

TEST(Tables, PrefixesFindInIdOrderUpToTheLimit) {
  Tables tables;
  for (const char* id : {"ab2", "ab1", "b", "a", "ab3"}) {
    tables.apply({model::Ref<model::Node>(), node(id, "h")});
  }
  EXPECT_THAT(ids(tables.nodes().by_prefix("ab", 10)), ElementsAre("ab1", "ab2", "ab3"));
  EXPECT_THAT(ids(tables.nodes().by_prefix("ab", 2)), ElementsAre("ab1", "ab2"));
  EXPECT_THAT(ids(tables.nodes().by_prefix("", 1)), ElementsAre("a"));
  EXPECT_THAT(tables.nodes().by_prefix("c", 10), IsEmpty());
  EXPECT_THAT(tables.nodes().by_prefix("abcdefghijklmnopqrstuvwxyz", 10), IsEmpty());
}

// The same tables, kept as one plain list and searched from end to end.
struct NaiveTasks {
  std::map<model::TaskId, model::Ref<model::Task>> tasks;

  template <class Where>
  TaskTable::Tasks where(Where fits) const {
    TaskTable::Tasks found;
    for (const auto& [id, task] : tasks) {
      if (fits(*task)) found.push_back(task);
    }
    return found;
  }
  TaskTable::Tasks by_service(const model::ServiceId& service) const {
    auto found = where([&](const model::Task& t) { return t.service_id == service; });
    std::stable_sort(found.begin(), found.end(),
                     [](const auto& a, const auto& b) { return a->slot < b->slot; });
    return found;
  }
};

constexpr TaskState kStates[] = {TaskState::New, TaskState::Pending, TaskState::Running,
                                 TaskState::Failed};

struct RandomTables {
  explicit RandomTables(uint64_t seed) : rng(seed) { CHECK(store.load()); }

  template <class IdType>
  IdType pick(std::string_view kind, uint64_t count) {
    return IdType::of(fmt::format("{}{}", kind, rng.below(count)));
  }
  void shape(model::Task& task) {
    task.service_id = pick<model::ServiceId>("s", 4);
    task.slot = rng.below(5);
    task.node_id = rng.chance(0.3) ? model::NodeId() : pick<model::NodeId>("n", 6);
    task.status.state = kStates[rng.below(4)];
    task.desired_state = rng.chance(0.5) ? TaskState::Running : TaskState::Shutdown;
  }
  Result<void> write_one(WriteTx& tx) {
    const auto id = pick<model::TaskId>("t", 400);
    const auto stored = tx.read().tasks().get(id);
    if (stored && rng.chance(0.3)) return tx.remove(id);
    model::Task task = stored ? *stored : model::Task{.id = id};
    if (!stored || rng.chance(0.2)) {
      shape(task);
    } else {
      task.status.state = kStates[rng.below(4)];
    }
    return stored ? tx.update(task) : tx.create(task);
  }
  // Half of the transactions fail after their writes and must leave no trace.
  void transaction() {
    const auto before = store.read().tasks().all();
    const bool fails = rng.chance(0.5);
    const auto result = store.update(Time{1}, [&](WriteTx& tx) -> Result<void> {
      for (uint64_t i = 0; i <= rng.below(20); ++i) EXPECT_TRUE(write_one(tx));
      if (fails) return cancelled("on purpose");
      return {};
    });
    EXPECT_EQ(result.has_value(), !fails);
    if (fails) {
      EXPECT_EQ(store.read().tasks().all(), before);
    }
    engine.flush();
  }
  void expect_consistent() {
    const TaskTable& table = store.read().tasks();
    const NaiveTasks naive{table.all()};
    for (int s = 0; s < 4; ++s) expect_service(table, naive, fmt::format("s{}", s));
    for (int n = 0; n < 6; ++n) {
      const auto node = model::NodeId::of(fmt::format("n{}", n));
      const auto want = naive.where([&](const model::Task& t) { return t.node_id == node; });
      EXPECT_EQ(table.by_node(node), want);
      EXPECT_EQ(table.count_node(node), want.size());
    }
    EXPECT_THAT(table.by_node(model::NodeId()), IsEmpty());
    for (const TaskState state : kStates) {
      EXPECT_EQ(table.by_state(state),
                naive.where([&](const model::Task& t) { return t.status.state == state; }));
    }
  }
  void expect_service(const TaskTable& table, const NaiveTasks& naive, std::string_view name) {
    const auto service = model::ServiceId::of(name);
    const auto all = naive.by_service(service);
    EXPECT_EQ(table.by_service(service), all);
    EXPECT_EQ(table.count_service(service), all.size());
    EXPECT_EQ(table.count_live(service), size_t(std::count_if(all.begin(), all.end(), [](auto& t) {
                return t->status.state <= TaskState::Running &&
                       t->desired_state <= TaskState::Running;
              })));
    for (uint64_t slot = 0; slot < 6; ++slot) {
      EXPECT_EQ(table.by_slot(service, slot), naive.where([&](const model::Task& t) {
        return t.service_id == service && t.slot == slot;
      }));
    }
  }

  Rng rng;
  MemoryEngine engine;
  Store store{engine};
};

TEST(TaskTable, EveryIndexAgreesWithAFullSearchUnderRandomTransactions) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    RandomTables tables(seed);
    for (int round = 0; round < 60; ++round) {
      tables.transaction();
      tables.expect_consistent();
      if (testing::Test::HasFailure()) return;
    }
    // Loaded from the engine the indexes are the same.
    Store again(tables.engine);
    ASSERT_TRUE(again.load());
    for (const TaskState state : kStates) {
      EXPECT_EQ(again.read().tasks().by_state(state), tables.store.read().tasks().by_state(state));
    }
  }
}

TEST(TaskTable, AnEmptyTableAnswersEmpty) {
  const Tables tables;
  EXPECT_THAT(tables.tasks().by_service(model::ServiceId::of("s")), IsEmpty());
  EXPECT_THAT(tables.tasks().by_slot(model::ServiceId::of("s"), 1), IsEmpty());
  EXPECT_THAT(tables.tasks().by_node(model::NodeId::of("n")), IsEmpty());
  EXPECT_THAT(tables.tasks().by_state(TaskState::New), IsEmpty());
  EXPECT_EQ(tables.tasks().count_live(model::ServiceId::of("s")), 0u);
  EXPECT_FALSE(tables.tasks().get(model::TaskId::of("t")));
}

}  // namespace
}  // namespace shoal::store

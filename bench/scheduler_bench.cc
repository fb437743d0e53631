// P10: 100,000 tasks with one constraint and one preference placed on 10,000 nodes by a scheduler
// that has just begun, reasons on. Prints one line for each way the tasks are divided into
// services.
//
// Counted is the scheduler's own time: reset() and every plan(), as processor time, because it is
// one computation that waits for nothing. The figure with the store's time to take the plans is
// beside it.
#include <fmt/core.h>

#include <ctime>

#include "base/check.h"
#include "scheduler/scheduler.h"
#include "store/memory_engine.h"
#include "store/store.h"

namespace shoal {
namespace {

Duration processor_time() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
}

constexpr Time kNow{1'700'000'000'000'000'000};
constexpr int kZones = 10;

struct Shape {
  int nodes = 10'000;
  int tasks = 100'000;
  int services = 1;
  bool fits = true;  // otherwise every task is left with its reason
};

model::Node make_node(int number, Rng& rng) {
  model::Node node;
  node.id = model::NodeId::random(rng);
  node.spec.annotations.labels = {{"disk", number % 2 ? "ssd" : "hdd"},
                                  {"zone", fmt::format("z{}", number % kZones)}};
  node.description.hostname = fmt::format("host{}", number);
  node.description.platform = {.architecture = "x86_64", .os = "linux"};
  node.description.resources = {.nano_cpus = 64'000'000'000, .memory_bytes = 256LL << 30};
  node.status = {.state = model::NodeState::Ready, .message = "", .address = "10.0.0.1"};
  return node;
}

model::Ref<model::TaskSpec> make_spec(const Shape& shape) {
  auto spec = std::make_shared<model::TaskSpec>();
  spec->container.image = "nginx:1";
  spec->resources.emplace();
  spec->resources->reservations = {.nano_cpus = 100'000'000, .memory_bytes = 64LL << 20};
  spec->placement = model::Placement{
      .constraints = {shape.fits ? "node.labels.disk == ssd" : "node.labels.disk == tape"},
      .spread = {"node.labels.zone"}};
  return spec;
}

template <class Make>
void fill(store::Store& store, store::MemoryEngine& engine, int count, Make make) {
  for (int from = 0; from < count; from += 10'000) {
    CHECK(store.update(kNow, [&](store::WriteTx& tx) -> Result<void> {
      for (int i = from; i < std::min(count, from + 10'000); ++i) {
        RETURN_IF_ERROR(tx.create(make(i)));
      }
      return {};
    }));
    engine.flush();
  }
}

void run(const Shape& shape) {
  Rng rng(1);
  store::MemoryEngine engine;
  store::Store store(engine);
  CHECK(store.load());
  fill(store, engine, shape.nodes, [&](int i) { return make_node(i, rng); });
  std::vector<model::ServiceId> services;
  std::vector<model::Ref<model::TaskSpec>> specs;
  for (int i = 0; i < shape.services; ++i) {
    services.push_back(model::ServiceId::random(rng));
    specs.push_back(make_spec(shape));
  }
  fill(store, engine, shape.tasks, [&](int i) {
    model::Task task;
    task.id = model::TaskId::random(rng);
    task.service_id = services[size_t(i % shape.services)];
    task.slot = uint64_t(i / shape.services + 1);
    task.spec = specs[size_t(i % shape.services)];
    task.status = {.timestamp = kNow,
                   .state = model::TaskState::Pending,
                   .message = "pending task scheduling"};
    return task;
  });

  Duration own{0}, whole{0}, longest{0};
  size_t changes = 0, plans = 0;
  scheduler::Scheduler scheduler;
  auto start = processor_time();
  scheduler.reset(store.read());
  const Duration reset = processor_time() - start;
  own = whole = reset;
  const auto watch = store.watch([&](const store::Batch& batch) { scheduler.on_batch(batch); });
  while (scheduler.next_deadline()) {
    start = processor_time();
    store::Plan plan = scheduler.plan(store.read(), kNow);
    const auto spent = processor_time() - start;
    own += spent;
    longest = std::max(longest, spent);
    changes += plan.size();
    plans += !plan.empty();
    CHECK(store.update(kNow, [&](store::WriteTx& tx) { return apply(std::move(plan), tx); }));
    engine.flush();
    whole += processor_time() - start;
  }
  CHECK(changes == size_t(shape.tasks));
  const auto seconds = [](Duration d) { return std::chrono::duration<double>(d).count(); };
  fmt::print(
      "P10 scheduler: {} tasks {} of {} services, {} nodes: {:.0f}/s (reset {:.0f} ms, {} plans, "
      "longest {:.1f} ms; with the store {:.0f}/s)\n",
      shape.tasks, shape.fits ? "placed" : "given a reason", shape.services, shape.nodes,
      shape.tasks / seconds(own), seconds(reset) * 1e3, plans, seconds(longest) * 1e3,
      shape.tasks / seconds(whole));
}

}  // namespace
}  // namespace shoal

int main() {
  shoal::run({.services = 1});
  shoal::run({.services = 100});
  shoal::run({.services = 1'000});
  shoal::run({.services = 1, .fits = false});
}

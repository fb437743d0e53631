// bench-allocator: 1,000 networks with a service of 200 tasks each, from nothing to every task with
// its address; what another leader needs to take that over; and 10,000 tasks that wait in a network
// which is full, while one address after the other is freed.
//
// Counted is the allocator's own time (on_batch, plan, reset), as processor time, because it is one
// computation that waits for nothing.
#include <fmt/core.h>

#include <algorithm>
#include <ctime>

#include "allocator/allocator.h"
#include "base/check.h"
#include "store/memory_engine.h"
#include "store/store.h"

namespace shoal {
namespace {

constexpr Time kNow{1'700'000'000'000'000'000};
constexpr size_t kFreed = 200;

Duration processor_time() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
}

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// A store, an allocator over it, and the time that it took.
class Bench {
 public:
  Bench() {
    CHECK(store_.load());
    model::Cluster cluster;
    cluster.id = model::ClusterId::of("c");
    write([&](store::WriteTx& tx) { return tx.create(cluster); });
    watch_ = store_.watch(
        [this](const store::Batch& batch) { timed([&] { allocator_.on_batch(batch); }); });
  }

  void write(const store::Store::Write& change) {
    CHECK(store_.update(kNow, change));
    engine_.flush();
  }
  void settle() {
    while (allocator_.next_deadline()) {
      store::Plan plan;
      const Duration before = own_;
      timed([&] { plan = allocator_.plan(store_.read(), kNow); });
      longest_ = std::max(longest_, own_ - before);
      write([&](store::WriteTx& tx) { return apply(std::move(plan), tx); });
    }
  }
  void reset() {
    timed([&] { allocator_.reset(store_.read()); });
  }
  // Since it was asked last.
  Duration take_time() { return std::exchange(own_, Duration{0}); }
  Duration longest() const { return longest_; }
  const store::Tables& read() const { return store_.read(); }

  void add_network(const std::string& name, const std::string& subnet) {
    model::Network network;
    network.id = model::NetworkId::random(rng_);
    network.spec.annotations.name = name;
    if (!subnet.empty()) network.spec.ipam.emplace_back().subnet = subnet;
    write([&](store::WriteTx& tx) { return tx.create(network); });
  }
  // A service in the network, with its tasks.
  void add_service(const std::string& name, const std::string& network, size_t tasks) {
    auto spec = std::make_shared<model::TaskSpec>();
    spec->networks = {{.target = network}};
    model::Service service;
    service.id = model::ServiceId::random(rng_);
    service.spec.annotations.name = name;
    service.spec.task = spec;
    write([&](store::WriteTx& tx) -> Result<void> {
      RETURN_IF_ERROR(tx.create(service));
      for (size_t slot = 1; slot <= tasks; ++slot) {
        model::Task task;
        task.id = model::TaskId::random(rng_);
        task.service_id = service.id;
        task.slot = slot;
        task.spec = spec;
        RETURN_IF_ERROR(tx.create(std::move(task)));
      }
      return {};
    });
  }

 private:
  template <class Work>
  void timed(Work work) {
    const Duration start = processor_time();
    work();
    own_ += processor_time() - start;
  }

  Rng rng_{1};
  store::MemoryEngine engine_;
  store::Store store_{engine_};
  allocator::Allocator allocator_;
  std::unique_ptr<store::Store::Watch> watch_;
  Duration own_{0}, longest_{0};
};

void many_networks(size_t networks, size_t tasks) {
  Bench bench;
  for (size_t i = 0; i < networks; ++i) {
    const std::string name = fmt::format("net{}", i);
    bench.add_network(name, "");
    bench.add_service(fmt::format("web{}", i), name, tasks);
  }
  bench.settle();
  const double first = seconds(bench.take_time());
  const size_t pending = bench.read().tasks().by_state(model::TaskState::Pending).size();
  CHECK(pending == networks * tasks);
  fmt::print("allocator: {} networks, {} tasks: {:.0f} tasks/s, longest plan {:.2f} ms\n", networks,
             pending, double(pending) / first, seconds(bench.longest()) * 1e3);
  bench.reset();
  fmt::print("allocator: another leader takes them over in {:.0f} ms\n",
             seconds(bench.take_time()) * 1e3);
}

void full_network(size_t waiting) {
  Bench bench;
  bench.add_network("net", "10.1.0.0/24");
  bench.add_service("web", "net", waiting);
  bench.settle();
  (void)bench.take_time();
  const auto held = bench.read().tasks().by_state(model::TaskState::Pending);
  CHECK(held.size() > kFreed);
  for (size_t i = 0; i < kFreed; ++i) {
    bench.write([&](store::WriteTx& tx) { return tx.remove(held[i]->id); });
    bench.settle();
  }
  CHECK(bench.read().tasks().by_state(model::TaskState::Pending).size() == held.size());
  fmt::print(
      "allocator: {} tasks wait, an address is freed and given to one of them in {:.1f} us\n",
      waiting - held.size(), seconds(bench.take_time()) * 1e6 / double(kFreed));
}

}  // namespace
}  // namespace shoal

int main() {
  shoal::many_networks(1'000, 200);
  shoal::full_network(10'000);
}

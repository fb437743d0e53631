// bench-control [FOLDER]: P8 of the targets, in one process: a service of 10,000 replicas that fits
// no node, from its creation to the last task that says why it is pending, by the tasks' own
// timestamps; every change durable in FOLDER (default: the current one). And what it costs: memory
// a task, and the longest that the control thread was busy in one piece.
#include <time.h>

#include <algorithm>
#include <filesystem>

#include "manager/core/control.h"
#include "support.h"

namespace shoal {
namespace {

using bench::Clock;
using bench::figure;
using bench::must;
using store::WriteTx;

constexpr size_t kReplicas = 10'000;

Time now() {
  return Time{
      std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count()};
}

// Of this thread: on a busy machine the wall clock would count the work of others.
double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}

// One leader on its own thread, as the daemon runs it.
class Leader {
 public:
  explicit Leader(const std::string& path)
      : engine_(must(state::SqliteEngine::open({path}, inbox_.post()))), store_(*engine_) {
    must(store_.load());
    control_.emplace(store_, rng_);
    watch_ = store_.watch([this](const store::Batch& batch) {
      for (const store::Change& change : batch.changes) note(change);
    });
  }

  void create_nodes(size_t count) {
    must(store_.update(now(), [&](WriteTx& tx) -> Result<void> {
      for (size_t i = 0; i < count; ++i) {
        model::Node node;
        node.id = model::NodeId::random(rng_);
        node.description.hostname = fmt::format("host{}", i);
        node.description.resources = {.nano_cpus = 4'000'000'000, .memory_bytes = 8LL << 30};
        node.description.shoal_version = model::kShoalVersion;
        node.status.state = model::NodeState::Ready;
        RETURN_IF_ERROR(tx.create(std::move(node)));
      }
      return {};
    }));
  }

  // With room for every task.
  void create_networks() {
    must(store_.update(now(), [&](WriteTx& tx) -> Result<void> {
      model::Cluster cluster;
      cluster.id = model::ClusterId::random(rng_);
      RETURN_IF_ERROR(tx.create(std::move(cluster)));
      RETURN_IF_ERROR(tx.create(bench::large_network(rng_, "ingress", "10.0.0.0/16")));
      RETURN_IF_ERROR(tx.create(bench::large_network(rng_, "net0", "10.1.0.0/16")));
      return tx.create(bench::large_network(rng_, "net1", "10.2.0.0/16"));
    }));
  }

  void run() {
    model::Service service = bench::realistic_service(rng_, kReplicas);
    auto spec = std::make_shared<model::TaskSpec>(*service.spec.task);
    spec->placement = model::Placement{.constraints = {"node.labels.zone==nowhere"}};
    service.spec.task = std::move(spec);
    service.endpoint = nullptr;  // The allocator's to make.
    settle([this] { return store_.durable_version() == store_.newest_version(); });
    const bench::Memory before;
    created_ = now();
    must(store_.update(created_, [&](WriteTx& tx) {
      service.spec_version = tx.version();
      return tx.create(service);
    }));
    settle([this] { return explained_ == kReplicas; });
    ::malloc_trim(0);
    const bench::Memory after;
    const double seconds = std::chrono::duration<double>(last_ - created_).count();
    figure("P8: {} tasks pending with their reason in {:.3f} s: {:.0f} tasks/s (target 40000)",
           kReplicas, seconds, kReplicas / seconds);
    figure("P8: {} resident bytes a task (target 3072)",
           (after.resident_bytes - before.resident_bytes) / kReplicas);
    figure(
        "control thread: longest plan with its commit {:.1f} ms, longest callback {:.1f} ms of CPU "
        "(law: 2 ms)",
        longest_step_ * 1e3, longest_callback_ * 1e3);
  }

 private:
  void note(const store::Change& change) {
    const auto* after = std::get_if<model::Ref<model::Task>>(&change.after);
    if (!after || !*after || (*after)->status.error.empty()) return;
    ++explained_;
    last_ = std::max(last_, (*after)->status.timestamp);
  }

  template <class Done>
  void settle(Done done) {
    while (!done()) {
      bool more = true;
      while (more) {
        const double start = cpu_seconds();
        more = control_->step(now());
        longest_step_ = std::max(longest_step_, cpu_seconds() - start);
        run_callbacks(Clock::now());
      }
      if (done()) return;
      const auto due = control_->next_deadline();
      const Duration wait = due ? std::clamp<Duration>(*due - now(), 0s, 1s) : Duration(1s);
      run_callbacks(Clock::now() + wait);
    }
  }
  void run_callbacks(Clock::time_point deadline) {
    inbox_.wait(deadline);
    while (true) {
      const double start = cpu_seconds();
      if (!inbox_.run_one()) return;
      longest_callback_ = std::max(longest_callback_, cpu_seconds() - start);
    }
  }

  Rng rng_{1};
  bench::Inbox inbox_;
  std::unique_ptr<state::SqliteEngine> engine_;
  store::Store store_;
  std::optional<manager::Control> control_;
  std::unique_ptr<store::Store::Watch> watch_;
  Time created_;
  Time last_;
  size_t explained_ = 0;
  double longest_step_ = 0;
  double longest_callback_ = 0;
};

int run(const std::string& parent) {
  std::string folder = parent + "/bench-control-XXXXXX";
  CHECK(::mkdtemp(folder.data()), "mkdtemp {}", folder);
  {
    Leader leader(folder + "/store.db");
    leader.create_nodes(3);
    leader.create_networks();
    leader.run();
  }
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace shoal

int main(int argc, char** argv) {
  return shoal::run(argc > 1 ? argv[1] : ".");
}

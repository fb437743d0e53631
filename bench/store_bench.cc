// bench-store [FOLDER]: what the store costs. FOLDER (default: the current one) is where the
// durable figures are measured; the time of a bare fsync there is printed beside them.
#include <fcntl.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <deque>
#include <filesystem>

#include "support.h"

namespace shoal {
namespace {

using bench::Clock;
using bench::figure;
using bench::Inbox;
using bench::Memory;
using bench::must;
using bench::seconds_since;
using store::Store;
using store::WriteTx;

constexpr size_t kTaskCount = 100'000;
constexpr size_t kNodeCount = 10'000;
constexpr double kSeconds = 3;

// Appends 4 KB and syncs, again and again.
void raw_fsync(const std::string& folder) {
  const std::string path = folder + "/fsync";
  const int fd = ::open(path.c_str(), O_CREAT | O_RDWR, 0600);
  CHECK(fd >= 0, "open {}", path);
  const std::string page(4096, 'x');
  size_t count = 0;
  const auto start = Clock::now();
  while (seconds_since(start) < kSeconds) {
    CHECK(::write(fd, page.data(), page.size()) == ssize_t(page.size()), "write");
    CHECK(::fdatasync(fd) == 0, "fdatasync");
    ++count;
  }
  figure("fsync of 4 KB, same folder: {:.0f} us, {:.0f}/s", seconds_since(start) / count * 1e6,
         count / seconds_since(start));
  ::close(fd);
  std::filesystem::remove(path);
}

// Every writer creates a service with a label of 1 KB, waits until it is durable, and goes on.
class DurableWriters {
 public:
  DurableWriters(const std::string& folder, size_t writers)
      : engine_(must(state::SqliteEngine::open({folder + "/store.db"}, inbox_.post()))),
        store_(*engine_),
        writers_(writers) {
    must(store_.load());
  }

  void run() {
    start_ = Clock::now();
    for (size_t i = 0; i < writers_; ++i) write();
    while (running_ > 0) inbox_.run_some();
    const auto counters = engine_->counters();
    figure("durable 1 KB writes, {} writers: {:.0f}/s ({:.1f} a transaction, {:.0f} us each)",
           writers_, counters.batches / seconds_since(start_),
           double(counters.batches) / double(counters.transactions),
           seconds_since(start_) / double(counters.transactions) * 1e6);
  }

 private:
  void write() {
    model::Service service;
    service.id = model::ServiceId::random(rng_);
    service.spec.annotations.name = service.id.str();
    service.spec.annotations.labels["fill"] = std::string(1024, 'x');
    service.spec.mode = model::ReplicatedMode{0};
    const auto ticket =
        must(store_.update(Time{1}, [&](WriteTx& tx) { return tx.create(std::move(service)); }));
    ++running_;
    store_.when_durable(ticket, [this](Result<void> result) {
      must(std::move(result));
      --running_;
      if (seconds_since(start_) < kSeconds) write();
    });
  }

  Rng rng_{1};
  Inbox inbox_;
  std::unique_ptr<state::SqliteEngine> engine_;
  Store store_;
  size_t writers_;
  size_t running_ = 0;
  Clock::time_point start_;
};

model::Task realistic_task(const model::Service& service,
                           const model::Ref<model::Annotations>& annotations, uint64_t slot,
                           Rng& rng) {
  model::Task task;
  task.id = model::TaskId::random(rng);
  task.service_id = service.id;
  task.slot = slot;
  task.spec = service.spec.task;
  task.service_annotations = annotations;
  task.endpoint = service.endpoint;
  task.status = {.timestamp = Time{1}, .state = model::TaskState::Pending};
  task.status.message = "pending task scheduling";
  task.status.error = "no suitable node (scheduling constraints not satisfied on 10000 nodes)";
  for (int i = 0; i < 2; ++i) {
    model::NetworkAttachment attachment;
    attachment.network = model::NetworkId::of(fmt::format("net{}", i));
    attachment.addresses = {fmt::format("10.{}.{}.{}/16", i, slot / 256 % 256, slot % 256)};
    task.networks.push_back(std::move(attachment));
  }
  return task;
}

// Creates the service, the nodes and all tasks, a thousand a transaction. Returns the seconds.
template <class Settle>
double fill(Store& store, Rng& rng, std::vector<model::TaskId>& ids, Settle settle) {
  const model::Service service = bench::realistic_service(rng, kTaskCount);
  const auto annotations = std::make_shared<const model::Annotations>(service.spec.annotations);
  must(store.update(Time{1}, [&](WriteTx& tx) { return tx.create(service); }));
  const auto start = Clock::now();
  for (uint64_t first = 1; first <= kTaskCount; first += 1000) {
    must(store.update(Time{1}, [&](WriteTx& tx) -> Result<void> {
      for (uint64_t slot = first; slot < first + 1000; ++slot) {
        model::Task task = realistic_task(service, annotations, slot, rng);
        ids.push_back(task.id);
        RETURN_IF_ERROR(tx.create(std::move(task)));
      }
      return {};
    }));
    settle();
  }
  return seconds_since(start);
}

// Durable at once and kept nowhere: what remains is the store itself.
struct NullEngine final : store::Engine {
  Result<Contents> load() override { return Contents{}; }
  void commit(std::shared_ptr<const store::Batch>, Done done) override {
    waiting.push_back(std::move(done));
  }
  void flush() {
    while (!waiting.empty()) {
      Done done = std::move(waiting.front());
      waiting.pop_front();
      done({});
    }
  }
  std::deque<Done> waiting;
};

// One task a transaction moves on by a state and to a node.
void change_tasks(Store& store, NullEngine& engine, const std::vector<model::TaskId>& ids) {
  constexpr model::TaskState kStates[] = {model::TaskState::Assigned, model::TaskState::Running};
  std::vector<model::NodeId> nodes;
  Rng rng(2);
  for (size_t i = 0; i < kNodeCount; ++i) nodes.push_back(model::NodeId::random(rng));
  const auto start = Clock::now();
  for (const auto state : kStates) {
    for (size_t i = 0; i < ids.size(); ++i) {
      model::Task task = *store.read().tasks().get(ids[i]);
      task.status.state = state;
      task.status.error.clear();
      task.node_id = nodes[i % kNodeCount];
      must(store.update(Time{2}, [&](WriteTx& tx) { return tx.update(std::move(task)); }));
      engine.flush();
    }
  }
  figure("transactions in memory, one task each: {:.0f}/s", 2 * ids.size() / seconds_since(start));
}

void in_memory() {
  NullEngine engine;
  Store store(engine);
  must(store.load());
  Rng rng(1);
  std::vector<model::TaskId> ids;
  ids.reserve(kTaskCount);
  const Memory before;
  const double seconds = fill(store, rng, ids, [&] { engine.flush(); });
  const Memory after;
  figure("tasks created in memory, 1,000 a transaction: {:.0f}/s", kTaskCount / seconds);
  figure("memory of {} tasks: {} bytes of heap, {} resident, a task", kTaskCount,
         (after.heap_bytes - before.heap_bytes) / kTaskCount,
         (after.resident_bytes - before.resident_bytes) / kTaskCount);
  change_tasks(store, engine, ids);
  const Memory running;
  figure("memory once they run on {} nodes: {} bytes of heap, {} resident, a task", kNodeCount,
         (running.heap_bytes - before.heap_bytes) / kTaskCount,
         (running.resident_bytes - before.resident_bytes) / kTaskCount);
}

void write_to_disk(const std::string& path) {
  Inbox inbox;
  const auto engine = must(state::SqliteEngine::open({path}, inbox.post()));
  Store store(*engine);
  must(store.load());
  Rng rng(1);
  std::vector<model::TaskId> ids;
  const Memory before;
  const auto start = Clock::now();
  fill(store, rng, ids, [] {});
  while (store.durable_version() < store.newest_version()) inbox.run_some();
  const double seconds = seconds_since(start);
  ::malloc_trim(0);
  const Memory after;
  figure("tasks created and durable, 1,000 a transaction: {:.0f}/s", kTaskCount / seconds);
  figure("memory of {} tasks with their engine: {} resident bytes a task", kTaskCount,
         (after.resident_bytes - before.resident_bytes) / kTaskCount);
}

void load_from_disk(const std::string& path) {
  figure("disk of {} tasks: {} bytes a task", kTaskCount,
         std::filesystem::file_size(path) / kTaskCount);
  const Memory before;
  const auto start = Clock::now();
  Inbox inbox;
  const auto engine = must(state::SqliteEngine::open({path}, inbox.post()));
  Store store(*engine);
  must(store.load());
  CHECK(store.read().tasks().size() == kTaskCount, "tasks were lost");
  const double seconds = seconds_since(start);
  ::malloc_trim(0);
  const Memory after;
  figure("{} tasks loaded: {:.3f} s, {} resident bytes a task", kTaskCount, seconds,
         (after.resident_bytes - before.resident_bytes) / kTaskCount);
}

// In a process of its own, so that memory freed by one part does not hide what the next one uses.
template <class Part>
void apart(Part part) {
  const pid_t child = ::fork();
  if (child == 0) {
    part();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0, "a part ended with status {}", status);
}

int run(const std::string& parent) {
  std::string folder = parent + "/bench-store-XXXXXX";
  CHECK(::mkdtemp(folder.data()), "mkdtemp {}", folder);
  apart([] { in_memory(); });
  raw_fsync(folder);
  for (const size_t writers : {1, 32, 256}) {
    apart([&] { DurableWriters(fmt::format("{}/{}", folder, writers), writers).run(); });
  }
  apart([&] { write_to_disk(folder + "/tasks.db"); });
  apart([&] { load_from_disk(folder + "/tasks.db"); });
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace shoal

int main(int argc, char** argv) {
  return shoal::run(argc > 1 ? argv[1] : ".");
}

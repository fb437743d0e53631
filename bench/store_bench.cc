// bench-store [FOLDER]: what the store costs. FOLDER (default: the current one) is where the
// durable figures are measured; the time of a bare fsync there is printed beside them.
#include <fcntl.h>
#include <fmt/core.h>
#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "state/sqlite/engine.h"
#include "store/memory_engine.h"
#include "store/store.h"

namespace shoal {
namespace {

using Clock = std::chrono::steady_clock;
using store::Store;
using store::WriteTx;

constexpr size_t kTaskCount = 100'000;
constexpr size_t kNodeCount = 10'000;
constexpr double kSeconds = 3;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

template <class... Args>
void figure(fmt::format_string<Args...> text, Args&&... args) {
  fmt::print("{}\n", fmt::format(text, std::forward<Args>(args)...));
  std::fflush(stdout);
}

// The control thread's loop, for functions posted by the engine's writer.
class Inbox {
 public:
  state::SqliteEngine::Post post() {
    return [this](std::move_only_function<void()> function) {
      const std::lock_guard lock(mutex_);
      functions_.push_back(std::move(function));
      changed_.notify_one();
    };
  }
  // Waits for functions and runs all that are there.
  void run_some() {
    std::deque<std::move_only_function<void()>> functions;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !functions_.empty(); });
      functions.swap(functions_);
    }
    for (auto& function : functions) function();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::move_only_function<void()>> functions_;
};

template <class T>
T must(Result<T> result) {
  CHECK(result, "{}", result ? "" : result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

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

struct Memory {
  size_t heap_bytes = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
  size_t resident_bytes = [] {
    size_t total = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> total >> resident;
    return resident * size_t(::sysconf(_SC_PAGESIZE));
  }();
};

// A service as in P8: 6 variables, 2 networks, a published port.
model::Service realistic_service(Rng& rng) {
  model::Service service;
  service.id = model::ServiceId::random(rng);
  service.spec.annotations = {.name = "web", .labels = {{"team", "a"}}};
  auto spec = std::make_shared<model::TaskSpec>();
  spec->container.image = "registry.example/web:2@sha256:" + std::string(64, 'a');
  for (int i = 0; i < 6; ++i) spec->container.env.push_back(fmt::format("VARIABLE_{}=value", i));
  for (int i = 0; i < 2; ++i) spec->networks.push_back({.target = fmt::format("net{}", i)});
  service.spec.task = spec;
  service.spec.mode = model::ReplicatedMode{kTaskCount};
  service.spec.endpoint = model::EndpointSpec{.ports = {{.target_port = 80}}};
  auto endpoint = std::make_shared<model::Endpoint>();
  endpoint->spec = *service.spec.endpoint;
  endpoint->ports = endpoint->spec.ports;
  service.endpoint = endpoint;
  return service;
}

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
  const model::Service service = realistic_service(rng);
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

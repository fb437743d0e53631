// What one container costs: making, running, removing it, alone and thirty side by side, and the
// memory of the conmon that holds it. Needs root; everything happens below a folder of its own.
#include <fmt/core.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/cgroup.h"
#include "engine/engine.h"
#include "os/file.h"
#include "os/loop.h"

namespace shoal {
namespace {

namespace fs = std::filesystem;
using engine::Container;

constexpr int kAlone = 30;
constexpr int kSideBySide = 30;
constexpr Duration kPause = 300ms;  // Long enough for the kernel to forget the last container.

double ms(Duration d) {
  return double(d.count()) / 1e6;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Bench {
  os::Loop loop{4};
  NullLog log;
  std::string folder;
  std::unique_ptr<engine::Engine> engine;
  int next_id = 1;

  engine::ContainerDescription describe(std::vector<std::string> argv) {
    engine::ContainerDescription description;
    description.id = fmt::format("{:064x}", next_id++);
    description.config.spec.command = std::move(argv);
    description.rootfs = folder + "/rootfs";
    description.log_path = folder + "/" + description.id + ".log";
    return description;
  }
};

struct Phases {
  std::vector<double> create, start, exit, remove, whole;
};

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "{}\n", result.error().message);
  ::exit(1);
}

os::Co<> run_once(Bench& bench, Phases& phases) {
  const auto description = bench.describe({"true"});
  const Time begin = bench.loop.now();
  const auto container = must(co_await bench.engine->create(description));
  const Time created = bench.loop.now();
  (void)co_await container->start();
  const Time started = bench.loop.now();
  (void)co_await container->wait();
  const Time ended = bench.loop.now();
  (void)co_await container->remove();
  const Time removed = bench.loop.now();
  phases.create.push_back(ms(created - begin));
  phases.start.push_back(ms(started - created));
  phases.exit.push_back(ms(ended - started));
  phases.remove.push_back(ms(removed - ended));
  phases.whole.push_back(ms(removed - begin));
}

void print(const char* title, const Phases& phases) {
  fmt::print(
      "{}: create {:.1f} ms, start {:.1f}, exit seen {:.1f}, remove {:.1f}, whole {:.1f} "
      "(median of {})\n",
      title, median(phases.create), median(phases.start), median(phases.exit),
      median(phases.remove), median(phases.whole), phases.whole.size());
}

os::Co<> alone(Bench& bench) {
  Phases first, paused, tight;
  co_await run_once(bench, first);
  print("first container (compiles the seccomp filter)", first);
  for (int i = 0; i < kAlone; ++i) co_await run_once(bench, tight);
  print("one after the other", tight);
  for (int i = 0; i < kAlone / 3; ++i) {
    co_await bench.loop.sleep(kPause);
    co_await run_once(bench, paused);
  }
  print("one now and then", paused);
}

os::Co<> one_of_many(Bench& bench, std::vector<std::shared_ptr<Container>>& made, int& left,
                     os::OneShot<bool> all) {
  const auto description = bench.describe({"sleep", "1000"});
  const auto container = must(co_await bench.engine->create(description));
  (void)co_await container->start();
  made.push_back(container);
  if (--left == 0) all.set(true);
}

// The sum over all conmon processes of the engine.
double pss_kib(const std::string& cgroup, size_t& count) {
  double sum = 0;
  const auto pids = must(engine::Cgroups::open()).processes(cgroup + "/conmon");
  count = pids.size();
  for (const pid_t pid : pids) {
    std::ifstream in(fmt::format("/proc/{}/smaps_rollup", pid));
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("Pss:")) sum += std::atof(line.c_str() + 4);
    }
  }
  return sum;
}

os::Co<> side_by_side(Bench& bench, const std::string& cgroup) {
  std::vector<std::shared_ptr<Container>> made;
  int left = kSideBySide;
  os::OneShot<bool> all;
  const Time begin = bench.loop.now();
  for (int i = 0; i < kSideBySide; ++i) os::spawn(one_of_many(bench, made, left, all));
  co_await all;
  fmt::print("{} side by side, until the last runs: {:.0f} ms\n", kSideBySide,
             ms(bench.loop.now() - begin));
  size_t count = 0;
  const double kib = pss_kib(cgroup, count);
  fmt::print("conmon: {:.0f} KiB PSS each ({} of them)\n", kib / double(count), count);
  std::vector<double> kills;
  for (const auto& container : made) {
    const Time killed = bench.loop.now();
    (void)container->kill(SIGKILL);
    (void)co_await container->wait();
    kills.push_back(ms(bench.loop.now() - killed));
    (void)co_await container->remove();
  }
  fmt::print("killed, until its exit code is known: {:.1f} ms (median)\n", median(kills));
}

os::Co<> run_all(Bench& bench, const std::string& cgroup) {
  co_await alone(bench);
  co_await side_by_side(bench, cgroup);
  bench.loop.stop();
}

int run() {
  if (const auto entered = engine::enter_private_mounts(); !entered) {
    fmt::print(stderr, "{} (needs root)\n", entered.error().message);
    return 1;
  }
  Bench bench;
  char name[] = "/tmp/shoal-bench-XXXXXX";
  bench.folder = ::mkdtemp(name);
  fs::create_directories(bench.folder + "/rootfs/bin");
  fs::copy_file("/bin/busybox", bench.folder + "/rootfs/bin/busybox");
  for (const char* program : {"true", "sleep"}) {
    fs::create_symlink("busybox", bench.folder + "/rootfs/bin/" + program);
  }
  const std::string cgroup = "/" + fs::path(bench.folder).filename().string();
  engine::EngineOptions options;
  options.run_root = bench.folder + "/run";
  options.cgroup_parent = cgroup;
  bench.engine =
      must(engine::Engine::open(bench.loop, bench.log, must(engine::read_host_facts()), options));
  bench.loop.post([&] { os::spawn(run_all(bench, cgroup)); });
  bench.loop.run();
  bench.engine.reset();
  (void)must(engine::Cgroups::open()).destroy(cgroup);
  (void)os::remove_tree(bench.folder);
  return 0;
}

}  // namespace
}  // namespace shoal

int main() {
  return shoal::run();
}

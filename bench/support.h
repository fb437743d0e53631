// What the benchmarks have in common: printing a figure, measuring memory, standing in for the
// control thread's loop, and the service that P8 of the targets speaks of.
#pragma once

#include <fmt/core.h>
#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <fstream>
#include <mutex>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/result.h"
#include "base/rng.h"
#include "model/service.h"
#include "state/sqlite/engine.h"
#include "store/store.h"

namespace shoal::bench {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Prints one line.
template <class... Args>
void figure(fmt::format_string<Args...> text, Args&&... args) {
  fmt::print("{}\n", fmt::format(text, std::forward<Args>(args)...));
  std::fflush(stdout);
}

// The value, or the end of the program with the error.
template <class T>
T must(Result<T> result) {
  CHECK(result, "{}", result ? "" : result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
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
  // Until there is a function, or `deadline`.
  void wait(Clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, deadline, [this] { return !functions_.empty(); });
  }
  // Runs the oldest; false when there is none.
  bool run_one() {
    std::move_only_function<void()> function;
    {
      const std::lock_guard lock(mutex_);
      if (functions_.empty()) return false;
      function = std::move(functions_.front());
      functions_.pop_front();
    }
    function();
    return true;
  }
  // Waits for at least one and runs all that are there.
  void run_some() {
    wait(Clock::now() + std::chrono::hours(1));
    while (run_one()) {
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::move_only_function<void()>> functions_;
};

// What the process uses at this moment.
struct Memory {
  size_t heap_bytes = ::mallinfo2().uordblks + ::mallinfo2().hblkhd;
  size_t resident_bytes = [] {
    size_t total = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> total >> resident;
    return resident * size_t(::sysconf(_SC_PAGESIZE));
  }();
};

// An overlay with the given subnet, not allocated yet.
inline model::Network large_network(Rng& rng, std::string name, std::string subnet) {
  model::Network network;
  network.id = model::NetworkId::random(rng);
  network.spec.ingress = name == "ingress";
  network.spec.annotations.name = std::move(name);
  network.spec.driver.name = "overlay";
  network.spec.ipam.emplace_back().subnet = std::move(subnet);
  return network;
}

// A service as in P8: 6 variables, 2 networks, a published port.
inline model::Service realistic_service(Rng& rng, uint64_t replicas) {
  model::Service service;
  service.id = model::ServiceId::random(rng);
  service.spec.annotations = {.name = "web", .labels = {{"team", "a"}}};
  auto spec = std::make_shared<model::TaskSpec>();
  spec->container.image = "registry.example/web:2@sha256:" + std::string(64, 'a');
  for (int i = 0; i < 6; ++i) spec->container.env.push_back(fmt::format("VARIABLE_{}=value", i));
  for (int i = 0; i < 2; ++i) spec->networks.push_back({.target = fmt::format("net{}", i)});
  service.spec.task = spec;
  service.spec.mode = model::ReplicatedMode{replicas};
  service.spec.endpoint = model::EndpointSpec{.ports = {{.target_port = 80}}};
  auto endpoint = std::make_shared<model::Endpoint>();
  endpoint->spec = *service.spec.endpoint;
  endpoint->ports = endpoint->spec.ports;
  service.endpoint = endpoint;
  return service;
}

}  // namespace shoal::bench

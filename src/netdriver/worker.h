// Worker: one thread that runs jobs in the order they came, so that what they share needs no lock.
//
// The thread starts in the network namespace of the thread that made the Worker. Destroying it runs
// what is queued to the end.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include "os/loop.h"

namespace shoal::netdriver {

class Worker {
 public:
  using Job = std::move_only_function<void()>;

  explicit Worker(os::Loop& loop) : loop_(loop), thread_([this] { run_jobs(); }) {}
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Any thread, also the worker's own.
  void post(Job job);

  // co_await worker.run(f): runs f on the worker, resumes on the control thread with what it
  // returned (not void). f must not throw.
  template <class F>
  auto run(F job);

 private:
  template <class F>
  struct Run;
  void run_jobs();

  os::Loop& loop_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::thread thread_;  // Last: it uses the rest.
};

template <class F>
struct Worker::Run {
  using Value = std::invoke_result_t<F&>;
  Worker& worker;
  F job;
  std::optional<Value> value;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    worker.post([this, handle] {
      auto& loop = worker.loop_;
      value.emplace(job());
      loop.post([handle] { handle.resume(); });  // May destroy *this at once.
    });
  }
  Value await_resume() { return std::move(*value); }
};

template <class F>
auto Worker::run(F job) {
  return Run<F>{*this, std::move(job), std::nullopt};
}

}  // namespace shoal::netdriver

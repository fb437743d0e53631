// Loop: the control thread's event loop (Boost.Asio underneath) and a small pool for work that
// blocks. Everything that decides runs on the loop; nothing there may take longer than 2 ms, so
// disk, decompression, mounts and waiting for programs go through offload().
#pragma once

#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/time.h"
#include "os/co.h"
#include "os/sync.h"

namespace boost::asio {
class io_context;
}

namespace shoal::os {

// Less is no step of the wall clock, but how long it takes to read two clocks, or a slew.
inline constexpr Duration kClockStepMin = 1s;

class Loop {
 public:
  // pool_threads: how many blocking jobs may run side by side, at least 1.
  explicit Loop(int pool_threads);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until stop(). The calling thread becomes the control thread.
  void run();
  void stop();  // any thread

  // The wall clock when the process started, moved on by the monotonic clock (see base/time.h), and
  // never before not_before(). Any thread.
  Time now() const;
  // What is on disk was written at this time: nothing that comes may seem to be older. Moves the
  // clock on if the wall clock was set back meanwhile. Before there are deadlines.
  void not_before(Time newest);
  // The wall clock itself, steps and all: for what others compare with theirs (certificates, the
  // times in a client's request), never for deadlines. Any thread.
  Time wall_now() const;
  // What to add to our times to show them: the wall clock's lead over now(). Changes only when that
  // lead has changed by kClockStepMin or more, so that a time is shown the same twice.
  Duration wall_lead();

  using Work = std::move_only_function<void()>;
  // Runs `work` on the control thread, later, in order. Any thread.
  void post(Work work);
  // Runs `job` on the pool, then `done` on the control thread. Control thread only.
  void offload_job(Work job, Work done);

  // Runs `work` once at `when`, unless the Timer is destroyed before.
  class Timer {
   public:
    virtual ~Timer() = default;
  };
  [[nodiscard]] std::unique_ptr<Timer> at(Time when, Work work);

  // True after `duration`, false when `stop` came first.
  Co<bool> sleep(Duration duration, StopToken stop = {});
  // Lets everything else that is due run first.
  Co<> turn();
  // True when reading (writing) `fd` would not block, also at its end or on its error; false when
  // `stop` came first. The caller keeps the descriptor open meanwhile and waits only once at a
  // time.
  Co<bool> readable(int fd, StopToken stop = {});
  Co<bool> writable(int fd, StopToken stop = {});

  // Runs `handler` on the control thread for each arrival of the signal.
  void on_signal(int signal, std::function<void()> handler);

  // For the rooms that speak to the network with Asio themselves (api/http, rpc).
  boost::asio::io_context& context();

  // co_await loop.offload(f): runs f on the pool, resumes here with what it returned (not void).
  // Let f capture by reference (the frame waits for it): g++ 12 moves the temporary bit by bit,
  // which breaks a captured short std::string.
  template <class F>
  auto offload(F job);

 private:
  enum class Direction { Read, Write };
  Co<bool> wait_fd(int fd, Direction direction, StopToken stop);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

namespace detail {

template <class F>
struct Offload {
  using Value = std::invoke_result_t<F&>;
  Loop& loop;
  F job;
  std::optional<Value> value;
  std::exception_ptr exception;

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    loop.offload_job(
        [this] {
          try {
            value.emplace(job());
          } catch (...) {
            exception = std::current_exception();
          }
        },
        [handle] { handle.resume(); });
  }
  Value await_resume() {
    if (exception) std::rethrow_exception(exception);
    return std::move(*value);
  }
};

}  // namespace detail

template <class F>
auto Loop::offload(F job) {
  return detail::Offload<F>{*this, std::move(job), std::nullopt, nullptr};
}

}  // namespace shoal::os

#include "os/loop.h"

#include <time.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <list>

namespace shoal::os {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

int64_t read_clock(clockid_t clock) {
  timespec at{};
  clock_gettime(clock, &at);
  return at.tv_sec * 1'000'000'000 + at.tv_nsec;
}

}  // namespace

struct Loop::Impl {
  explicit Impl(int pool_threads) : pool(size_t(pool_threads)) {}

  asio::io_context context{1};
  asio::thread_pool pool;
  std::list<asio::signal_set> signals;
  // What is added to the monotonic clock.
  std::atomic<int64_t> anchor = read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC);
  Duration wall_lead{0};
};

namespace {

class AsioTimer final : public Loop::Timer {
 public:
  AsioTimer(asio::io_context& context, Duration in, Loop::Work work)
      : state_(std::make_shared<State>(context, std::move(work))) {
    state_->timer.expires_after(in);
    // The handler may already be queued when the timer is destroyed: `armed` tells it.
    state_->timer.async_wait([state = state_](error_code) {
      if (!std::exchange(state->armed, false)) return;
      auto run = std::move(state->work);
      run();
    });
  }
  ~AsioTimer() override {
    state_->armed = false;
    state_->timer.cancel();
  }

 private:
  struct State {
    State(asio::io_context& context, Loop::Work w) : timer(context), work(std::move(w)) {}
    asio::steady_timer timer;
    Loop::Work work;
    bool armed = true;
  };
  std::shared_ptr<State> state_;
};

}  // namespace

Loop::Loop(int pool_threads) : impl_(std::make_unique<Impl>(pool_threads)) {}

Loop::~Loop() {
  impl_->pool.stop();
  impl_->pool.join();
}

void Loop::run() {
  auto work = asio::make_work_guard(impl_->context);
  impl_->context.restart();  // It may have been stopped before.
  impl_->context.run();
  work.reset();  // Before restart: the last work that goes stops the context again.
  impl_->context.restart();
}

void Loop::stop() {
  impl_->context.stop();
}

Time Loop::now() const {
  return Time{read_clock(CLOCK_MONOTONIC) + impl_->anchor};
}

void Loop::not_before(Time newest) {
  if (newest > now()) impl_->anchor += (newest - now()).count();
}

Time Loop::wall_now() const {
  return Time{read_clock(CLOCK_REALTIME)};
}

Duration Loop::wall_lead() {
  const Duration lead = wall_now() - now();
  if (std::chrono::abs(lead - impl_->wall_lead) >= kClockStepMin) impl_->wall_lead = lead;
  return impl_->wall_lead;
}

void Loop::post(Work work) {
  // Asio wants copyable handlers in places; a shared pointer makes any work fit.
  asio::post(impl_->context, [shared = std::make_shared<Work>(std::move(work))] { (*shared)(); });
}

void Loop::offload_job(Work job, Work done) {
  // The guard keeps run() alive while a job is out.
  asio::post(impl_->pool, [this, guard = asio::make_work_guard(impl_->context),
                           shared_job = std::make_shared<Work>(std::move(job)),
                           shared_done = std::make_shared<Work>(std::move(done))] {
    (*shared_job)();
    asio::post(impl_->context, [shared_done] { (*shared_done)(); });
  });
}

std::unique_ptr<Loop::Timer> Loop::at(Time when, Work work) {
  return std::make_unique<AsioTimer>(impl_->context, when - now(), std::move(work));
}

Co<> Loop::turn() {
  OneShot<bool> due;
  post([due] { due.set(true); });
  co_await due;
}

Co<bool> Loop::sleep(Duration duration, StopToken stop) {
  OneShot<bool> done;
  const auto timer = at(now() + duration, [done] { done.set(true); });
  const auto guard = stop.on_stop([done] { done.set(false); });
  co_return co_await done;
}

Co<bool> Loop::readable(int fd, StopToken stop) {
  return wait_fd(fd, Direction::Read, std::move(stop));
}

Co<bool> Loop::writable(int fd, StopToken stop) {
  return wait_fd(fd, Direction::Write, std::move(stop));
}

Co<bool> Loop::wait_fd(int fd, Direction direction, StopToken stop) {
  asio::posix::stream_descriptor descriptor(impl_->context, fd);
  OneShot<bool> done;
  const auto wait = direction == Direction::Read ? asio::posix::stream_descriptor::wait_read
                                                 : asio::posix::stream_descriptor::wait_write;
  descriptor.async_wait(wait, [done](error_code error) {
    if (error != asio::error::operation_aborted) done.set(true);
  });
  const auto guard = stop.on_stop([done] { done.set(false); });
  const bool ready = co_await done;
  descriptor.release();  // The descriptor stays the caller's; this only ends the watch.
  co_return ready;
}

void Loop::on_signal(int signal, std::function<void()> handler) {
  auto& set = impl_->signals.emplace_back(impl_->context, signal);
  auto wait = std::make_shared<std::function<void()>>();
  *wait = [&set, handler = std::move(handler), wait] {
    set.async_wait([handler, wait](error_code error, int) {
      if (error) return;
      handler();
      (*wait)();
    });
  };
  (*wait)();
}

boost::asio::io_context& Loop::context() {
  return impl_->context;
}

}  // namespace shoal::os

// AsyncLock: one coroutine at a time, in the order of asking. Control thread only.
//
//   const auto held = co_await lock.acquire();
#pragma once

#include <deque>
#include <memory>
#include <utility>

#include "os/co.h"
#include "os/sync.h"

namespace shoal::containers {

class AsyncLock {
  struct State {
    bool held = false;
    std::deque<os::OneShot<bool>> waiting;
  };

 public:
  // Ends the hold when destroyed. It keeps the lock's state alive, so the lock may go first.
  class Held {
   public:
    explicit Held(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Held(Held&&) noexcept = default;
    Held& operator=(Held&&) = delete;
    ~Held() {
      if (state_) release(*state_);
    }

   private:
    std::shared_ptr<State> state_;
  };

  os::Co<Held> acquire() {
    const auto state = state_;
    if (std::exchange(state->held, true)) {
      os::OneShot<bool> turn;
      state->waiting.push_back(turn);
      co_await turn;  // The one before hands `held` over.
    }
    co_return Held(state);
  }

 private:
  static void release(State& state) {
    if (state.waiting.empty()) {
      state.held = false;
      return;
    }
    const auto next = std::move(state.waiting.front());
    state.waiting.pop_front();
    next.set(true);
  }

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace shoal::containers

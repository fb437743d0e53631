// What coroutines wait for on the control thread: a result that comes once, a signal that comes
// again and again, and being told to stop.
#pragma once

#include <coroutine>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"

namespace shoal::os {

// A value that somebody sets once and one coroutine awaits. Copies share the same state.
template <class T>
class OneShot {
 public:
  OneShot() : state_(std::make_shared<State>()) {}

  bool is_set() const { return state_->value.has_value(); }
  // The first value stays; returns false when there was one.
  bool set(T value) const {
    auto state = state_;  // The awaiter may destroy the last other copy.
    if (state->value) return false;
    state->value.emplace(std::move(value));
    if (auto waiter = std::exchange(state->waiter, nullptr)) waiter.resume();
    return true;
  }

  auto operator co_await() const {
    struct Awaiter {
      std::shared_ptr<State> state;
      bool await_ready() const { return state->value.has_value(); }
      void await_suspend(std::coroutine_handle<> handle) const {
        CHECK(!state->waiter, "two coroutines await one OneShot");
        state->waiter = handle;
      }
      T await_resume() const { return std::move(*state->value); }
    };
    return Awaiter{state_};
  }

 private:
  struct State {
    std::optional<T> value;
    std::coroutine_handle<> waiter;
  };
  std::shared_ptr<State> state_;
};

// Carries "please stop" down a call tree. Copies share the same state; the default one never stops.
class StopToken {
 public:
  StopToken() = default;
  bool stopped() const { return state_ && state_->stopped; }
  // Runs once on stop, at once when already stopped. The registration ends with the returned guard.
  using Guard = std::shared_ptr<void>;
  [[nodiscard]] Guard on_stop(std::function<void()> callback) const {
    if (!state_) return nullptr;
    if (state_->stopped) {
      callback();
      return nullptr;
    }
    auto at = state_->callbacks.insert(state_->callbacks.end(), std::move(callback));
    return Guard(static_cast<void*>(&*at), [state = state_, at](void*) {
      if (!state->stopped) state->callbacks.erase(at);
    });
  }

 private:
  friend class StopSource;
  struct State {
    bool stopped = false;
    std::list<std::function<void()>> callbacks;
  };
  explicit StopToken(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

class StopSource {
 public:
  StopSource() : state_(std::make_shared<StopToken::State>()) {}
  StopToken token() const { return StopToken(state_); }
  void stop() const {
    auto state = state_;
    if (std::exchange(state->stopped, true)) return;
    for (auto& callback : state->callbacks) callback();
    state->callbacks.clear();
  }

 private:
  std::shared_ptr<StopToken::State> state_;
};

// "Something changed, look again": wakes every coroutine that waits. Waiters re-check their own
// condition in a loop; a notify that nobody awaits is not remembered.
class Signal {
 public:
  Signal() : state_(std::make_shared<State>()) {}

  void notify() const {
    auto waiting = std::exchange(state_->waiting, {});
    for (auto& waiter : waiting) waiter.set(true);
  }
  // True on notify, false when the token stops first.
  auto wait(StopToken stop = {}) const { return Wait{state_, std::move(stop)}; }

 private:
  struct State {
    std::vector<OneShot<bool>> waiting;
  };
  struct Wait {
    std::shared_ptr<State> state;
    StopToken stop;
    OneShot<bool> woken;
    StopToken::Guard guard;

    bool await_ready() {
      if (stop.stopped()) return true;
      guard = stop.on_stop([w = woken] { w.set(false); });
      std::erase_if(state->waiting, [](const auto& w) { return w.is_set(); });  // Stopped ones.
      state->waiting.push_back(woken);
      return false;
    }
    void await_suspend(std::coroutine_handle<> handle) {
      waiter.emplace(woken.operator co_await());
      waiter->await_suspend(handle);
    }
    bool await_resume() { return woken.is_set() && waiter->await_resume(); }
    std::optional<decltype(std::declval<OneShot<bool>>().operator co_await())> waiter;
  };
  std::shared_ptr<State> state_;
};

}  // namespace shoal::os

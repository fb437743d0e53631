// For the tests of whoever reaches other nodes: a node with the test at its other end.
#pragma once

#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "manager/node_reach.h"

namespace shoal::manager {

// Writes down what the node is asked.
class FakeEar final : public NodeReach::Listener {
 public:
  void call(const model::ReachId& id) override { heard.push_back(id); }
  std::vector<model::ReachId> heard;
};

// A node's call, with the test at its other end.
class FakeLine final : public NodeReach::Line {
 public:
  os::Co<Result<std::optional<model::ReachOutput>>> read() override {
    while (sent.empty() && !ended && !broken) (void)co_await changed.wait();
    if (broken) co_return std::unexpected(*broken);
    if (sent.empty()) co_return std::nullopt;
    model::ReachOutput next = std::move(sent.front());
    sent.pop_front();
    co_return std::move(next);
  }
  os::Co<Result<void>> write(model::ReachInput input) override {
    while (blocked && !broken) (void)co_await changed.wait();
    if (broken) co_return std::unexpected(*broken);
    taken.push_back(std::move(input));
    co_return Result<void>{};
  }
  void cut(Error why) override { end(std::move(why)); }
  // As the connection does: whoever is inside returns, and the handler learns.
  void end(Error why) {
    if (broken) return;
    broken = std::move(why);
    gone.stop();
    changed.notify();
  }

  std::deque<model::ReachOutput> sent;
  bool ended = false;
  bool blocked = false;
  std::vector<model::ReachInput> taken;
  std::optional<Error> broken;
  os::StopSource gone;
  os::Signal changed;
};

template <class T>
os::OneShot<T> begin(os::Co<T> co) {
  os::OneShot<T> done;
  os::spawn([](os::Co<T> running, os::OneShot<T> answer) -> os::Co<> {
    answer.set(co_await running);
  }(std::move(co), done));
  return done;
}

}  // namespace shoal::manager

// One control loop as Control drives it: the shape of store/plan.h as an interface, and drive() to
// get it from any class of that shape.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "store/plan.h"

namespace shoal::manager {

class ControlLoop {
 public:
  virtual ~ControlLoop() = default;

  // For the debug log and the metrics: "scheduler".
  virtual std::string_view name() const = 0;
  virtual void reset(const store::Tables& tables) = 0;
  virtual void on_batch(const store::Batch& batch) = 0;
  virtual store::Plan plan(const store::Tables& tables, Time now) = 0;
  virtual std::optional<Time> next_deadline() const = 0;
};

namespace detail {

template <class Planner>
class Driven final : public ControlLoop {
 public:
  Driven(std::string_view name, Planner& planner) : name_(name), planner_(planner) {}

  std::string_view name() const override { return name_; }
  void reset(const store::Tables& tables) override { planner_.reset(tables); }
  void on_batch(const store::Batch& batch) override { planner_.on_batch(batch); }
  store::Plan plan(const store::Tables& tables, Time now) override {
    return planner_.plan(tables, now);
  }
  std::optional<Time> next_deadline() const override { return planner_.next_deadline(); }

 private:
  std::string_view name_;
  Planner& planner_;
};

}  // namespace detail

// `planner` and the text of `name` must outlive the result.
template <class Planner>
std::unique_ptr<ControlLoop> drive(std::string_view name, Planner& planner) {
  return std::make_unique<detail::Driven<Planner>>(name, planner);
}

}  // namespace shoal::manager

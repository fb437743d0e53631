#include "manager/core/control.h"

#include <algorithm>

namespace shoal::manager {

Control::Control(store::Store& store, Rng& rng)
    : store_(store),
      replicated_(rng),
      global_(rng),
      rebalance_(rng),
      restart_(rng),
      dispatcher_(rng) {
  add_loop(drive("replicated", replicated_));
  add_loop(drive("global", global_));
  add_loop(drive("rebalance", rebalance_));
  add_loop(drive("restart", restart_));
  add_loop(drive("allocator", allocator_));
  add_loop(drive("scheduler", scheduler_));
  add_loop(drive("dispatcher", dispatcher_));
  add_loop(drive("constraints", constraints_));
  add_loop(drive("reaper", reaper_));
  add_loop(drive("root rotation", root_rotation_));
  watch_ = store_.watch([this](const store::Batch& batch) { on_batch(batch); });
}

bool Control::step(Time now) {
  for (size_t asked = 0; asked < loops_.size(); ++asked) {
    if (store_.failure()) return false;
    Entry& entry = loops_[turn_];
    turn_ = (turn_ + 1) % loops_.size();
    const auto due = entry.next_deadline();
    if (!due || *due > now) continue;
    run(entry, now);
    const auto next = next_deadline();
    return next && *next <= now;
  }
  return false;
}

std::optional<Time> Control::next_deadline() const {
  if (store_.failure()) return std::nullopt;
  std::optional<Time> earliest;
  for (const Entry& entry : loops_) {
    const auto due = entry.next_deadline();
    if (due && (!earliest || *due < *earliest)) earliest = due;
  }
  return earliest;
}

void Control::add_loop(std::unique_ptr<ControlLoop> loop) {
  loop->reset(store_.read());
  loops_.push_back({.loop = std::move(loop), .held_until = {}});
}

std::optional<Time> Control::Entry::next_deadline() const {
  const auto due = loop->next_deadline();
  return due ? std::optional(std::max(*due, held_until)) : std::nullopt;
}

void Control::run(Entry& entry, Time now) {
  store::Plan plan = entry.loop->plan(store_.read(), now);
  if (plan.empty()) return;
  if (on_plan_) on_plan_(entry.loop->name(), plan);
  const size_t size = plan.size();
  const auto ticket =
      store_.update(now, [&](store::WriteTx& tx) { return store::apply(std::move(plan), tx); });
  if (ticket) {
    ++counters_.plans;
    counters_.changes += size;
  } else if (!store_.failure()) {
    ++counters_.refused;
    counters_.last_refusal = fmt::format("{}: {}", entry.loop->name(), ticket.error().message);
    entry.loop->reset(store_.read());
    entry.held_until = now + kRefusedPause;
  }
}

void Control::on_batch(const store::Batch& batch) {
  for (const Entry& entry : loops_) entry.loop->on_batch(batch);
  if (wake_) wake_();
}

}  // namespace shoal::manager

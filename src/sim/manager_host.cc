#include "sim/manager_host.h"

#include <algorithm>

namespace shoal::sim {
namespace {

constexpr Duration kCommitMax = 20ms;
constexpr Duration kAwayMax = 8s;
// A plan a step; a loop that never rests would turn here for ever.
constexpr int kStepsMax = 10'000;

}  // namespace

// Makes the memory engine take its time, and fail.
class ManagerHost::DelayedEngine final : public store::Engine {
 public:
  explicit DelayedEngine(ManagerHost& host) : host_(host) {}

  Result<Contents> load() override { return host_.disk_.load(); }

  void commit(std::shared_ptr<const store::Batch> batch, Done done) override {
    host_.disk_.commit(std::move(batch), std::move(done));
    const Time due = host_.loop_.now() + random_delay(host_.rng_, kCommitMax);
    last_due_ = std::max(last_due_, due);
    host_.loop_.at(last_due_, [&host = host_, leadership = host_.leadership_] {
      if (leadership != host.leadership_) return;
      if (host.rng_.chance(host.faults_.commit_failed)) {
        const bool written = host.rng_.chance(0.5);
        host.trace_.note("commit fails, written: {}", written);
        host.disk_.fail(internal_error("the disk failed").error(), written);
        host.disk_.flush();
        return;
      }
      host.disk_.flush_one();
    });
  }

 private:
  ManagerHost& host_;
  Time last_due_;
};

ManagerHost::ManagerHost(VirtualLoop& loop, Rng& rng, const Faults& faults, Trace& trace, Send send)
    : loop_(loop), rng_(rng), faults_(faults), trace_(trace), send_(std::move(send)) {}

ManagerHost::~ManagerHost() {
  watch_.reset();
  control_.reset();
  store_.reset();
}

void ManagerHost::start() {
  engine_ = std::make_unique<DelayedEngine>(*this);
  lead();
}

void ManagerHost::lead() {
  ++leadership_;
  store_ = std::make_unique<store::Store>(*engine_);
  const auto loaded = store_->load();
  CHECK(loaded, "{}", loaded ? "" : loaded.error().message);
  trace_.note("manager leads from version {}", store_->durable_version());
  for (ManagerObserver* observer : observers_) observer->on_load(store_->read());
  watch_ = store_->watch([this](const store::Batch& batch) {
    for (ManagerObserver* observer : observers_) observer->on_batch(batch);
  });
  store_->on_failed([this, leadership = leadership_](const Error& error) {
    loop_.after(0s, [this, leadership, why = error.message] {
      if (leadership == leadership_) end_leadership(why);
    });
  });
  control_ = std::make_unique<manager::Control>(*store_, rng_);
  control_->on_wake([this] { wake(); });
  control_->on_plan([this](std::string_view name, const store::Plan& plan) {
    for (ManagerObserver* observer : observers_) observer->on_plan(name, store_->read(), plan);
  });
  if (on_lead_) on_lead_(*control_);
  alarm_ = Time::max();
  woken_ = false;
  wake();
}

void ManagerHost::crash() {
  if (is_up()) end_leadership("killed");
}

void ManagerHost::end_leadership(std::string_view why) {
  trace_.note("manager is down: {}", why);
  ++leadership_;
  watch_.reset();
  control_.reset();
  store_.reset();
  disk_.crash();
  loop_.after(random_delay(rng_, kAwayMax), [this] { lead(); });
}

const store::Tables& ManagerHost::read() const {
  CHECK(is_up());
  return store_->read();
}

Result<void> ManagerHost::write(const store::Store::Write& change) {
  if (!is_up()) return unavailable("the manager is down");
  RETURN_IF_ERROR(store_->update(loop_.now(), change));
  return {};
}

// Many causes at one instant lead to one round of work.
void ManagerHost::wake() {
  if (std::exchange(woken_, true)) return;
  loop_.after(random_delay(rng_, 1ms), [this, leadership = leadership_] {
    if (leadership != leadership_) return;
    woken_ = false;
    work();
  });
}

void ManagerHost::work() {
  int steps = 0;
  while (control_->step(loop_.now())) CHECK(++steps < kStepsMax, "the control loops never rest");
  if (control_->counters().refused != 0) {
    trace_.breach("a plan was refused: {}", control_->counters().last_refusal);
  }
  for (auto& outgoing : control_->dispatcher().take_outgoing()) send_(std::move(outgoing));
  const auto next = control_->next_deadline();
  if (!next || *next >= alarm_) return;
  alarm_ = *next;
  loop_.at(alarm_, [this, leadership = leadership_, at = alarm_] {
    if (leadership != leadership_ || alarm_ != at) return;
    alarm_ = Time::max();
    wake();
  });
}

}  // namespace shoal::sim

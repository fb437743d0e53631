#include "sim/agent_host.h"

#include <algorithm>
#include <utility>

#include "sim/wire_hop.h"

namespace shoal::sim {
namespace {

constexpr Duration kLatencyMax = 30ms;
constexpr Duration kCallTimeout = 2s;
constexpr Duration kSessionTimeout = 3s;  // from opening a session to its first message
constexpr Duration kApplyMax = 50ms;      // until the kernel has what a message says
constexpr Duration kApplyPause = 500ms;   // after it failed
constexpr Duration kAgentAwayMax = 3s;
constexpr Duration kRebootMax = 20s;
constexpr Duration kBackOffMin = 100ms;
constexpr Duration kBackOffMax = 8s;

}  // namespace

AgentHost::AgentHost(model::NodeId node, VirtualLoop& loop, Rng& rng, const Faults& faults,
                     Trace& trace, ManagerHost& manager, ContainerObserver& observer,
                     NetworkObserver& acknowledgements)
    : node_(node),
      loop_(loop),
      rng_(rng),
      faults_(faults),
      trace_(trace),
      manager_(manager),
      acknowledgements_(acknowledgements),
      executor_(node, loop, rng, faults, trace, observer) {}

void AgentHost::start() {
  begin_life();
}

void AgentHost::restart() {
  if (agent_) end_life(random_delay(rng_, kAgentAwayMax), "agent restarts");
}

void AgentHost::reboot() {
  if (!agent_) return;
  end_life(random_delay(rng_, kRebootMax), "node reboots");
  executor_.lose_power();
  networks_.clear();
}

void AgentHost::cut_off(Duration time) {
  trace_.note("{} is cut off for {} ms", node_, time / 1ms);
  cut_until_ = std::max(cut_until_, loop_.now() + time);
}

void AgentHost::begin_life() {
  ++life_;
  agent_ = std::make_unique<agent::Agent>();
  agent_->adopt(executor_.found(), loop_.now());
  executor_.attach([this](agent::Outcome outcome) {
    agent_->on_outcome(outcome, loop_.now());
    wake();
  });
  session_ = last_session_ = {};
  untold_.clear();
  applying_ = false;
  back_off_ = kBackOffMin;
  woken_ = false;
  alarm_ = Time::max();
  connect();
  wake();
}

void AgentHost::end_life(Duration away, std::string_view why) {
  trace_.note("{}: {}", node_, why);
  ++life_;
  ++connection_;
  executor_.detach();
  agent_.reset();
  loop_.after(away, [this, life = life_] {
    if (life == life_) begin_life();
  });
}

bool AgentHost::is_lost() {
  return is_cut_off() || rng_.chance(faults_.message_lost);
}

void AgentHost::later(Duration delay, std::function<void()> action) {
  loop_.after(delay, [this, life = life_, connection = connection_, action = std::move(action)] {
    if (life == life_ && connection == connection_) action();
  });
}

// The request may reach the manager and its reply get lost: for the agent both are a timeout.
template <class T>
void AgentHost::call(Call<T> request, Reply<T> reply) {
  const auto time_out = [this, reply] {
    later(kCallTimeout, [reply] { reply(unavailable("no answer")); });
  };
  if (is_lost()) return time_out();
  if (rng_.chance(faults_.message_twice)) {
    loop_.after(random_delay(rng_, 10 * kLatencyMax),
                [this, request] { (void)manager_.call<T>(request); });
  }
  loop_.after(random_delay(rng_, kLatencyMax),
              [this, life = life_, connection = connection_, request, reply, time_out] {
                const Result<T> result = manager_.call<T>(request);
                if (life != life_ || connection != connection_) return;
                if (is_lost()) return time_out();
                later(random_delay(rng_, kLatencyMax), [reply, result] { reply(result); });
              });
}

void AgentHost::connect() {
  ++connection_;
  broken_ = {};
  const model::SessionRequest request = over_the_wire(model::SessionRequest{
      .description = {.hostname = node_.str(), .shoal_version = model::kShoalVersion},
      .previous = last_session_,
      .address = "10.0.0.1"});
  call<model::SessionId>(
      [this, request](dispatcher::Dispatcher& dispatcher, const store::Tables&) {
        return dispatcher.open_session(node_, request, loop_.now());
      },
      [this](const Result<model::SessionId>& opened) {
        if (!opened && opened.error().code == ErrorCode::NotFound) return leave();
        if (!opened) return lose_session(opened.error().message);
        later(kSessionTimeout, [this, id = *opened] {
          if (session_ != id) lose_session("no session message");
        });
      });
}

void AgentHost::lose_session(std::string_view why) {
  trace_.note("{} has no session: {}", node_, why);
  ++connection_;
  session_ = {};
  agent_->on_session_lost();
  later(random_pause(rng_, back_off_), [this] { connect(); });
  back_off_ = std::min(back_off_ * 2, kBackOffMax);
}

void AgentHost::leave() {
  trace_.note("{} is removed and leaves", node_);
  ++life_;
  ++connection_;
  executor_.detach();
  agent_.reset();
  executor_.lose_power();
  networks_.clear();
}

void AgentHost::receive(const dispatcher::Outgoing& sent) {
  if (!agent_ || sent.session == broken_) return;
  if (is_lost()) {
    broken_ = sent.session;
    return notice_broken_stream(random_delay(rng_, kCallTimeout));
  }
  const dispatcher::Outgoing outgoing = over_the_wire(sent);
  const int copies = rng_.chance(faults_.message_twice) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    stream_arrival_ = std::max(stream_arrival_, loop_.now() + random_delay(rng_, kLatencyMax));
    loop_.at(stream_arrival_, [this, life = life_, outgoing] {
      if (life == life_ && agent_) deliver(outgoing);
    });
  }
}

// What was sent before the loss may still be on its way, the session's first message among it.
void AgentHost::notice_broken_stream(Duration delay) {
  loop_.after(delay, [this, life = life_, id = broken_] {
    if (life != life_ || broken_ != id) return;
    if (session_ == id) return lose_session("the stream broke");
    notice_broken_stream(kCallTimeout);
  });
}

void AgentHost::deliver(const dispatcher::Outgoing& outgoing) {
  const bool opens = std::holds_alternative<model::SessionMessage>(outgoing.message);
  // What a stream that broke still brings does not open the next one.
  const bool awaited = opens && session_.empty() && outgoing.session != broken_;
  if (outgoing.session != session_ && !awaited) return;
  std::visit([this](const auto& message) { on_message(message); }, outgoing.message);
  wake();
}

void AgentHost::on_message(const model::SessionMessage& message) {
  const bool fresh = session_ != message.session;
  agent_->on_session(message);
  if (!fresh) return;
  ++connection_;
  session_ = last_session_ = message.session;
  back_off_ = kBackOffMin;
  trace_.note("{} has session {}", node_, session_);
  subscribe();
  watch_networks();
  beat();
}

void AgentHost::on_message(const model::AssignmentsMessage& message) {
  if (const auto taken = agent_->on_assignments(message, loop_.now()); !taken) {
    trace_.note("{} subscribes again: {}", node_, taken.error().message);
    subscribe();
  }
}

// What a complete message makes of the networks, whatever waits before it need not be done.
void AgentHost::on_message(const model::NetworksMessage& message) {
  if (message.complete) untold_.clear();
  untold_.emplace_back(session_, message);
  if (!std::exchange(applying_, true)) apply_networks();
}

void AgentHost::apply_networks() {
  const bool fails = rng_.chance(faults_.networks_failed);
  const Duration delay = fails ? random_pause(rng_, kApplyPause) : random_delay(rng_, kApplyMax);
  loop_.after(delay, [this, life = life_, fails] {
    if (life != life_) return;
    if (fails) return apply_networks();
    const auto [session, message] = std::move(untold_.front());
    untold_.pop_front();
    if (!rng_.chance(faults_.networks_untrue)) networks_.apply(message);
    acknowledge_networks(session, message.version);
    applying_ = !untold_.empty();
    if (applying_) apply_networks();
  });
}

void AgentHost::acknowledge_networks(const model::SessionId& session, uint64_t version) {
  if (session != session_) return;
  const model::NetworksAck ack = over_the_wire(model::NetworksAck{session, version});
  call<void>(
      [this, ack](dispatcher::Dispatcher& dispatcher, const store::Tables&) {
        auto taken = dispatcher.acknowledge_networks(node_, ack);
        if (taken) acknowledgements_.on_acknowledged(node_, ack.version);
        return taken;
      },
      [this](const Result<void>& taken) {
        if (!taken) lose_session(taken.error().message);
      });
}

void AgentHost::watch_networks() {
  call<void>(
      [this, session = session_](dispatcher::Dispatcher& dispatcher, const store::Tables&) {
        return dispatcher.watch_networks(node_, session);
      },
      [this](const Result<void>& done) {
        if (!done) lose_session(done.error().message);
      });
}

void AgentHost::on_message(const dispatcher::SessionEnd& message) {
  lose_session(message.reason.message);
}

void AgentHost::subscribe() {
  call<void>(
      [this, session = session_](dispatcher::Dispatcher& dispatcher, const store::Tables&) {
        return dispatcher.subscribe(node_, session);
      },
      [this](const Result<void>& done) {
        if (!done) lose_session(done.error().message);
      });
}

void AgentHost::beat() {
  call<Duration>(
      [this, session = session_](dispatcher::Dispatcher& dispatcher, const store::Tables&) {
        return dispatcher.heartbeat(node_, session, loop_.now());
      },
      [this](const Result<Duration>& period) {
        if (!period) return lose_session(period.error().message);
        later(*period, [this] { beat(); });
      });
}

void AgentHost::wake() {
  if (std::exchange(woken_, true)) return;
  loop_.after(0s, [this, life = life_] {
    if (life != life_) return;
    woken_ = false;
    work();
  });
}

void AgentHost::work() {
  agent::Effects effects = agent_->step(loop_.now());
  for (const agent::Operation& operation : effects.operations) executor_.run(operation);
  if (!effects.reports.empty()) {
    const model::StatusReport report =
        over_the_wire({.session = session_, .updates = std::move(effects.reports)});
    call<void>(
        [this, report](dispatcher::Dispatcher& dispatcher, const store::Tables& tables) {
          return dispatcher.update_task_status(tables, node_, report.session, report.updates,
                                               loop_.now());
        },
        [this](const Result<void>& taken) {
          if (!taken) lose_session(taken.error().message);
        });
  }
  const auto next = agent_->next_deadline();
  if (!next || *next >= alarm_) return;
  alarm_ = *next;
  loop_.at(alarm_, [this, life = life_, at = alarm_] {
    if (life != life_ || alarm_ != at) return;
    alarm_ = Time::max();
    wake();
  });
}

}  // namespace shoal::sim

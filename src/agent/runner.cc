#include "agent/runner.h"

#include <algorithm>

namespace shoal::agent {

Runner::Runner(os::Loop& loop, Link& link, Executor& executor, Rng& rng, Log& log)
    : loop_(loop),
      link_(link),
      executor_(executor),
      rng_(rng),
      log_(log),
      networks_(loop, executor, log,
                [this](const model::NetworksAck& ack) { os::spawn(acknowledge(ack)); }) {}

Runner::~Runner() {
  *alive_ = false;
}

void Runner::start() {
  CHECK(!started_);
  started_ = true;
  executor_.on_outcome([this, alive = alive_](const Outcome& outcome) {
    if (!*alive) return;
    core_.on_outcome(outcome, loop_.now());
    pump_soon();
  });
  core_.adopt(executor_.found(), loop_.now());
  os::spawn(keep_session());
}

os::Co<> Runner::stop() {
  if (!started_ || stopping_.token().stopped()) co_return;
  stopping_.stop();
  deadline_.reset();
  if (session_) link_.close(session_);
  end_session(Error{ErrorCode::Cancelled, "the agent stops"});
  co_await finished_;
  co_await networks_.stop();
}

os::Co<> Runner::keep_session() {
  Duration backoff = kSessionBackoffMin;
  while (!stopping_.token().stopped()) {
    const Result<void> ended = co_await one_session(backoff);
    if (stopping_.token().stopped()) break;
    failure_ = ended.error().message;
    log_.debug("session ended", {{"reason", failure_}});
    // Spread out, or all nodes of a manager that restarts come back in the same instant.
    const auto jitter = Duration(int64_t(rng_.below(uint64_t(backoff.count()))));
    co_await loop_.sleep(backoff / 2 + jitter / 2, stopping_.token());
    backoff = std::min(backoff * 2, kSessionBackoffMax);
  }
  finished_.set(true);
}

os::Co<Result<void>> Runner::one_session(Duration& backoff) {
  model::SessionRequest request;
  request.description = co_await describe();
  request.previous = last_session_;
  described_ = request.description;
  session_over_ = {};
  const Result<model::SessionId> answer = co_await link_.open(request, *this);
  removed_ = !answer && answer.error().code == ErrorCode::NotFound;
  if (removed_) {
    core_.on_removed();
    pump_soon();
  }
  if (!answer) co_return std::unexpected(answer.error());
  const model::SessionId opened = *answer;
  if (stopping_.token().stopped()) {
    link_.close(opened);
    co_return cancelled("the agent stops");
  }
  last_session_ = opened;
  backoff = kSessionBackoffMin;

  os::StopSource over;
  os::OneShot<bool> beats_done, refresh_done;
  os::spawn(beat(opened, over.token(), beats_done));
  os::spawn(refresh_description(opened, over.token(), refresh_done));

  Error reason = co_await session_over_;
  over.stop();
  co_await beats_done;
  co_await refresh_done;
  co_return std::unexpected(std::move(reason));
}

os::Co<> Runner::beat(model::SessionId session, os::StopToken stop, os::OneShot<bool> done) {
  while (!stop.stopped()) {
    const Result<Duration> next = co_await link_.heartbeat(session);
    if (!next) {
      if (session_ == session) end_session(next.error());
      break;
    }
    co_await loop_.sleep(*next, stop);
  }
  done.set(true);
}

os::Co<> Runner::refresh_description(model::SessionId session, os::StopToken stop,
                                     os::OneShot<bool> done) {
  const auto guard = stop.on_stop([this] { refresh_.stop(); });
  while (!stop.stopped()) {
    refresh_ = {};
    (void)co_await loop_.sleep(kDescriptionRefresh, refresh_.token());
    if (stop.stopped()) break;
    model::NodeDescription now = co_await describe();
    if (stop.stopped() || now == described_) continue;
    described_ = now;
    model::SessionRequest request{.description = std::move(now), .previous = session};
    const auto kept = co_await link_.open(request, *this);
    if (!kept && session_ == session) end_session(kept.error());
  }
  done.set(true);
}

os::Co<model::NodeDescription> Runner::describe() {
  model::NodeDescription description = co_await executor_.describe();
  description.tls = tls_;
  description.data_path_address = data_path_address_;
  co_return description;
}

void Runner::show_tls(model::TlsInfo tls) {
  tls_ = std::move(tls);
  refresh_.stop();
}

os::Co<> Runner::subscribe(model::SessionId session) {
  const Result<void> subscribed = co_await link_.subscribe(session);
  if (!subscribed && session_ == session) end_session(subscribed.error());
}

os::Co<> Runner::begin(model::SessionId session) {
  co_await subscribe(session);
  if (session_ != session) co_return;
  const Result<void> watched = co_await link_.watch_networks(session);
  if (!watched && session_ == session) end_session(watched.error());
}

os::Co<> Runner::acknowledge(model::NetworksAck ack) {
  if (session_ != ack.session) co_return;  // The next session begins with everything.
  const Result<void> taken = co_await link_.acknowledge(ack.session, ack.version);
  if (!taken && session_ == ack.session) end_session(taken.error());
}

os::Co<> Runner::send(std::vector<model::StatusUpdate> reports) {
  const model::SessionId session = session_;
  const Result<void> taken = co_await link_.report(session, std::move(reports));
  // A new session gets every status again, so nothing is lost with a report that was not taken.
  if (!taken && session_ == session) end_session(taken.error());
  pump_soon();
}

void Runner::pump_soon() {
  if (std::exchange(pump_queued_, true)) return;
  loop_.post([this, alive = alive_] {
    if (!*alive) return;
    pump_queued_ = false;
    pump();
  });
}

void Runner::pump() {
  if (stopping_.token().stopped()) return;
  Effects effects = core_.step(loop_.now());
  for (auto& operation : effects.operations) executor_.run(std::move(operation));
  if (!effects.reports.empty() && session_) {
    os::spawn(send(std::move(effects.reports)));
  }
  deadline_.reset();
  if (const auto next = core_.next_deadline()) {
    deadline_ = loop_.at(*next, [this] { pump(); });
  }
}

void Runner::end_session(Error reason) {
  if (session_) core_.on_session_lost();
  session_ = {};
  session_over_.set(std::move(reason));
}

void Runner::on_session(const model::SessionMessage& message) {
  core_.on_session(message);
  executor_.on_node(message.node);
  if (std::exchange(session_, message.session) != message.session) {
    os::spawn(begin(message.session));
  }
  failure_.clear();
  if (watcher_) watcher_(message);
  pump_soon();
}

void Runner::on_assignments(const model::AssignmentsMessage& message) {
  const Result<void> applied = core_.on_assignments(message, loop_.now());
  if (!applied) {
    log_.warn("assignments out of order, asking for all of them",
              {{"reason", applied.error().message}});
    os::spawn(subscribe(session_));
    return;
  }
  for (const auto& change : message.changes) {
    if (change.task) executor_.on_task(change.task);
  }
  pump_soon();
}

void Runner::on_networks(const model::NetworksMessage& message) {
  const Result<void> taken = networks_.add(session_, message);
  if (!taken) end_session(taken.error());
}

void Runner::on_end(const Error& reason) {
  end_session(reason);
}

}  // namespace shoal::agent

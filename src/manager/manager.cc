#include "manager/manager.h"

#include <algorithm>

#include "manager/core/bootstrap.h"

namespace shoal::manager {

// At its end the engine goes at once: its file must be free for the next term.
struct Manager::Term {
  std::unique_ptr<store::Engine> engine;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<store::Store::Watch> watch;
  Result<void> writable;
  std::unique_ptr<Control> control;
};

namespace {

// Set by an earlier run of the daemon, whose clock may have been ahead of the wall clock now.
Time newest_time(const store::Tables& tables) {
  Time newest;
  const auto look = [&newest](const auto& table) {
    for (const auto& [id, object] : table.all()) {
      newest = std::max(newest, object->meta.updated_at);
      if constexpr (requires { object->status.timestamp; }) {
        newest = std::max(newest, object->status.timestamp);
      }
    }
  };
  look(tables.tasks());
  look(tables.services());
  look(tables.nodes());
  look(tables.clusters());
  look(tables.networks());
  return newest;
}

}  // namespace

Manager::Manager(os::Loop& loop, Rng& rng, Log& log, OpenEngine open_engine)
    : loop_(loop),
      rng_(rng),
      log_(log),
      open_engine_(std::move(open_engine)),
      log_broker_(loop, rng, [this] { return tables(); }),
      node_reach_(loop, rng, [this] { return tables(); }) {}

Manager::~Manager() {
  *alive_ = false;
  closing_.stop();
  if (sessions_ && term_) sessions_->end_all(Error{ErrorCode::Unavailable, "the manager stops"});
}

Result<void> Manager::open() {
  ASSIGN_OR_RETURN(auto term, open_term());
  if (term->writable) {
    begin(std::move(term));
  } else {
    read_only(std::move(term));
    os::spawn(reopen());
  }
  return {};
}

store::Store* Manager::store() const {
  if (term_) return term_->store.get();
  return readable_ ? readable_->store.get() : nullptr;
}

const store::Tables* Manager::tables() const {
  return store() ? &store()->read() : nullptr;
}

dispatcher::Dispatcher* Manager::dispatcher() {
  return term_ ? &term_->control->dispatcher() : nullptr;
}

Result<std::shared_ptr<Manager::Term>> Manager::open_term() {
  auto term = std::make_shared<Term>();
  ASSIGN_OR_RETURN(term->engine, open_engine_());
  term->writable = term->engine->check_writable();
  term->store = std::make_unique<store::Store>(*term->engine);
  RETURN_IF_ERROR(term->store->load());
  return term;
}

void Manager::begin(std::shared_ptr<Term> term) {
  loop_.not_before(newest_time(term->store->read()));
  term_ = std::move(term);
  began_ = loop_.now();
  node_reach_.load(term_->store->read());
  term_->store->on_failed([this, alive = alive_](const Error& reason) {
    // Later: the failing commit is still on the stack.
    loop_.post([this, alive, reason] {
      if (*alive && term_ && term_->store->failure()) {
        end_term(reason);
        os::spawn(reopen());
      }
    });
  });
  term_->watch = term_->store->watch([this](const store::Batch& batch) {
    log_broker_.on_batch(batch);
    node_reach_.on_batch(batch);
    if (watcher_) watcher_(batch);
  });
  add_what_is_missing();
  term_->control = std::make_unique<Control>(*term_->store, rng_);
  term_->control->on_wake([this] { wake(); });
  wake();
}

// A swarm that was made by an older version.
void Manager::add_what_is_missing() {
  const auto id = model::NetworkId::random(rng_);
  const auto added = term_->store->update(
      loop_.now(), [&](store::WriteTx& tx) { return add_ingress_network_once(tx, id); });
  if (!added) log_.error("no ingress network", {{"reason", added.error().message}});
}

void Manager::end_term(const Error& reason) {
  log_.error("leadership ends", {{"reason", reason.message}});
  failure_ = reason.message;
  if (loop_.now() - began_ > kReopenPauseMax) reopen_pause_ = kReopenPauseMin;
  deadline_.reset();
  if (sessions_) sessions_->end_all(reason);
  log_broker_.end_all(reason);
  node_reach_.end_all(reason);
  ended_ = std::exchange(term_, nullptr);
  ended_->control.reset();
  ended_->engine.reset();
}

// Without its engine: the file must be free for the next try.
void Manager::read_only(std::shared_ptr<Term> term) {
  failure_ = term->writable.error().message;
  log_.error("the state can be read only", {{"reason", failure_}});
  term->store->refuse_writes(term->writable.error());
  term->engine.reset();
  if (readable_) ended_ = std::move(readable_);
  readable_ = std::move(term);
  node_reach_.load(readable_->store->read());
}

os::Co<> Manager::reopen() {
  const auto alive = alive_;
  const os::StopToken closing = closing_.token();
  for (;;) {
    const Duration pause = reopen_pause_;
    reopen_pause_ = std::min(pause * 2, kReopenPauseMax);
    if (!co_await loop_.sleep(pause, closing)) co_return;
    auto term = co_await loop_.offload([this] { return open_term(); });
    if (!*alive) co_return;
    if (term && (*term)->writable) {
      log_.info("leadership begins again", {{"version", (*term)->store->durable_version()}});
      if (readable_) ended_ = std::move(readable_);
      begin(std::move(*term));
      co_return;
    }
    if (term) {
      read_only(std::move(*term));
    } else {
      failure_ = term.error().message;
      log_.error("the state cannot be opened", {{"reason", failure_}});
    }
  }
}

void Manager::wake() {
  if (std::exchange(turn_queued_, true)) return;
  loop_.post([this, alive = alive_] {
    if (!*alive) return;
    turn_queued_ = false;
    turn();
  });
}

void Manager::turn() {
  if (!term_) return;
  Control& control = *term_->control;
  bool more = true;
  for (int i = 0; i < kStepsPerTurn && more; ++i) more = control.step(loop_.now());
  for (auto& message : control.dispatcher().take_outgoing()) {
    if (sessions_) sessions_->send(std::move(message));
  }
  deadline_.reset();
  if (more) {
    wake();
  } else if (const auto next = control.next_deadline()) {
    deadline_ = loop_.at(*next, [this] { turn(); });
  }
}

}  // namespace shoal::manager

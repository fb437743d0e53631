#include "manager/manager.h"

#include <algorithm>

namespace shoal::manager {

// At its end the engine goes at once: its file must be free for the next term.
struct Manager::Term {
  std::unique_ptr<store::Engine> engine;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<store::Store::Watch> watch;
  std::unique_ptr<Control> control;
};

Manager::Manager(os::Loop& loop, Rng& rng, Log& log, OpenEngine open_engine)
    : loop_(loop), rng_(rng), log_(log), open_engine_(std::move(open_engine)) {}

Manager::~Manager() {
  *alive_ = false;
  closing_.stop();
  if (sessions_ && term_) sessions_->end_all(Error{ErrorCode::Unavailable, "the manager stops"});
}

Result<void> Manager::open() {
  ASSIGN_OR_RETURN(auto term, open_term());
  begin(std::move(term));
  return {};
}

store::Store* Manager::store() const {
  return term_ ? term_->store.get() : nullptr;
}

dispatcher::Dispatcher* Manager::dispatcher() {
  return term_ ? &term_->control->dispatcher() : nullptr;
}

Result<std::shared_ptr<Manager::Term>> Manager::open_term() {
  auto term = std::make_shared<Term>();
  ASSIGN_OR_RETURN(term->engine, open_engine_());
  term->store = std::make_unique<store::Store>(*term->engine);
  RETURN_IF_ERROR(term->store->load());
  return term;
}

void Manager::begin(std::shared_ptr<Term> term) {
  term_ = std::move(term);
  term_->store->on_failed([this, alive = alive_](const Error& reason) {
    // Later: the failing commit is still on the stack.
    loop_.post([this, alive, reason] {
      if (*alive && term_ && term_->store->failure()) {
        end_term(reason);
        os::spawn(reopen());
      }
    });
  });
  if (watcher_) term_->watch = term_->store->watch(watcher_);
  term_->control = std::make_unique<Control>(*term_->store, rng_);
  term_->control->on_wake([this] { wake(); });
  wake();
}

void Manager::end_term(const Error& reason) {
  log_.error("leadership ends", {{"reason", reason.message}});
  deadline_.reset();
  if (sessions_) sessions_->end_all(reason);
  ended_ = std::exchange(term_, nullptr);
  ended_->control.reset();
  ended_->engine.reset();
}

os::Co<> Manager::reopen() {
  const auto alive = alive_;
  const os::StopToken closing = closing_.token();
  for (Duration pause = kReopenPauseMin;; pause = std::min(pause * 2, kReopenPauseMax)) {
    if (!co_await loop_.sleep(pause, closing)) co_return;
    auto term = co_await loop_.offload([this] { return open_term(); });
    if (!*alive) co_return;
    if (term) {
      log_.info("leadership begins again", {{"version", (*term)->store->durable_version()}});
      begin(std::move(*term));
      co_return;
    }
    log_.error("the state cannot be opened", {{"reason", term.error().message}});
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

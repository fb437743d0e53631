// Manager: leadership over one store, on the control loop. It opens the state, runs the control
// loops whenever they have something to do, and hands what the dispatcher says to the sessions.
//
// A commit that fails ends a term: memory is dropped, the engine closed, and both are opened again,
// after a pause that grows while terms are short. Agents open new sessions in
// the next term. Between two terms, what could be loaded but not written (a full disk) can be read:
// every update answers Unavailable with the reason. Until then store() is null.
//
// Control thread.
#pragma once

#include <functional>
#include <memory>

#include "base/log.h"
#include "base/rng.h"
#include "manager/core/control.h"
#include "manager/log_broker.h"
#include "manager/node_reach.h"
#include "os/loop.h"
#include "os/sync.h"
#include "store/store.h"

namespace shoal::manager {

// Between two tries to open the state again.
inline constexpr Duration kReopenPauseMin = 100ms;
inline constexpr Duration kReopenPauseMax = 5s;
// Control steps in one turn of the loop, so that the API and the agents get theirs.
inline constexpr int kStepsPerTurn = 4;

class Manager {
 public:
  // Opens the engine over the same state each time it is called; blocks.
  using OpenEngine = std::function<Result<std::unique_ptr<store::Engine>>()>;

  Manager(os::Loop& loop, Rng& rng, Log& log, OpenEngine open_engine);
  // What waits for a commit gets an error; nothing that was acknowledged is lost.
  ~Manager();
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // The first term, or what can be read until it is possible. Blocks; an error says why the state
  // cannot be used.
  Result<void> open();

  // The store of this term, or null. It stays where it is until the end of the next term, so that
  // an API call that was waiting finds it dead (every update answers Unavailable), not gone.
  store::Store* store() const;
  // Why there is no term now; empty while there is one.
  std::string failure() const { return term_ ? std::string() : failure_; }

  // The dispatcher of this term, or null; call wake() after calling into it.
  dispatcher::Dispatcher* dispatcher();
  void wake();

  // Brings the logs of tasks to those who read them; of all terms.
  LogBroker& log_broker() { return log_broker_; }
  // Carries requests to the containers of other nodes; of all terms.
  NodeReach& node_reach() { return node_reach_; }

  // Sees every durable change, of this term and of those to come. Before open().
  void on_change(store::Store::Watcher watcher) { watcher_ = std::move(watcher); }

  // Where the dispatcher's messages go, one at a time and in order; and, at the end of a term, that
  // all sessions are over.
  class Sessions {
   public:
    virtual ~Sessions() = default;
    virtual void send(dispatcher::Outgoing message) = 0;
    virtual void end_all(const Error& reason) = 0;
  };
  void serve(Sessions* sessions) { sessions_ = sessions; }  // null: to nobody

 private:
  struct Term;
  Result<std::shared_ptr<Term>> open_term();
  void begin(std::shared_ptr<Term> term);
  void add_what_is_missing();
  void end_term(const Error& reason);
  void read_only(std::shared_ptr<Term> term);
  const store::Tables* tables() const;
  os::Co<> reopen();
  void turn();

  os::Loop& loop_;
  Rng& rng_;
  Log& log_;
  OpenEngine open_engine_;
  store::Store::Watcher watcher_;
  LogBroker log_broker_;
  NodeReach node_reach_;
  Sessions* sessions_ = nullptr;
  std::shared_ptr<Term> term_;
  std::shared_ptr<Term> readable_;  // between two terms: without an engine
  std::shared_ptr<Term> ended_;     // the term before, for those who still hold its store
  std::string failure_;             // why the last term ended or the next one cannot begin
  Time began_;                      // the last term
  Duration reopen_pause_ = kReopenPauseMin;
  std::unique_ptr<os::Loop::Timer> deadline_;
  bool turn_queued_ = false;
  os::StopSource closing_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // false once destroyed
};

}  // namespace shoal::manager

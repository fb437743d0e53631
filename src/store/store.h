// The store: the one place where the control loops meet. Tables in memory, changed by transactions,
// made durable by an Engine, watched by everyone.
//
// A write transaction applies to the newest state at once and returns a Ticket; later transactions
// build on it without waiting. Watchers and when_durable() callbacks run only when the engine has
// made the ticket durable, in ticket order (architecture, law 7). When a commit fails the store is
// dead: every later update answers Unavailable, on_failed runs once, the owner loads a new one.
//
// Thread: the control thread only. Refs handed out may be read anywhere.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "store/engine.h"
#include "store/tables.h"
#include "store/write_tx.h"

namespace shoal::store {

// Names a transaction; durable once durable_version() has reached it.
struct Ticket {
  model::Version version = 0;
};

class Store {
 public:
  // `engine` outlives the store.
  explicit Store(Engine& engine);
  // Answers what still waits with Unavailable. Not from within a callback of this store.
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Reads everything from the engine. Once, before anything else. An error names what is damaged.
  Result<void> load();

  // The newest state, durable or not. Valid until the next update.
  const Tables& read() const { return tables_; }

  // Runs `write` and queues its changes. On an error nothing is changed. A transaction without
  // changes costs nothing and returns the newest ticket. `write` must not call update() itself.
  using Write = std::function<Result<void>(WriteTx&)>;
  Result<Ticket> update(Time now, const Write& write);

  // Runs `done` when the ticket is durable (at once when it is), or with the error of the commit.
  using Done = std::move_only_function<void(Result<void>)>;
  void when_durable(Ticket ticket, Done done);

  // Durable changes, one call per transaction, in order; each object at most once a transaction.
  // For one transaction the watchers run in the order in which they came, then the callbacks of
  // when_durable(). Stops when the Watch is destroyed, at once, even from within a watcher. A
  // watcher may update the store and may create watches (they see the next transaction first). A
  // Watch may outlive the store.
  using Watcher = std::function<void(const Batch&)>;
  class Watch {
   public:
    virtual ~Watch() = default;
  };
  [[nodiscard]] std::unique_ptr<Watch> watch(Watcher watcher);

  model::Version durable_version() const { return durable_; }
  model::Version newest_version() const { return newest_; }
  // Makes the store one to read only, before anything was written: every update answers Unavailable
  // with this reason.
  void refuse_writes(Error reason);
  // Why the store is dead, if it is.
  const std::optional<Error>& failure() const { return failure_; }
  // Runs once, after every waiting when_durable() has its error. It must not destroy the store.
  void on_failed(std::function<void(const Error&)> callback) { on_failed_ = std::move(callback); }

 private:
  class Subscription;
  // Shared with the watches and with the engine's callbacks, so that either may outlive the store.
  struct Shared {
    Store* store;                              // null once the store is gone
    std::vector<Subscription*> subscriptions;  // null: destroyed meanwhile
    bool calling = false;                      // watchers or when_durable() callbacks are running
  };
  struct Waiting {
    model::Version version;
    Done done;
  };
  Result<void> insert_loaded(const Object& object);
  void queue(Batch batch);
  void completed(const Batch& batch, Result<void> result);
  void tell(const Batch& batch);
  void release(model::Version version);
  void failed(Error error);

  Engine& engine_;
  Tables tables_;
  model::Version newest_ = 0;
  model::Version durable_ = 0;
  bool writing_ = false;
  std::deque<Waiting> waiting_;  // ordered by version
  std::shared_ptr<Shared> shared_;
  std::optional<Error> failure_;
  std::function<void(const Error&)> on_failed_;
};

}  // namespace shoal::store

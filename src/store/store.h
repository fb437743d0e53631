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

#include "base/rng.h"
#include "store/engine.h"
#include "store/tables.h"

namespace shoal::store {

// Names a transaction; durable once durable_version() has reached it.
struct Ticket {
  model::Version version = 0;
};

// What a writing function may do. Reads see the transaction's own writes. Objects go in by value;
// version and times in their meta are set here.
class WriteTx {
 public:
  const Tables& read() const { return tables_; }
  Time now() const { return now_; }
  model::Version version() const { return version_; }  // the version this transaction will get

  // AlreadyExists when the id or the unique name is taken ("name conflicts with an existing
  // object").
  Result<void> create(model::Cluster object);
  Result<void> create(model::Node object);
  Result<void> create(model::Service object);
  Result<void> create(model::Task object);
  Result<void> create(model::Network object);
  // NotFound when it is gone, OutOfSequence ("update out of sequence") when meta.version is not the
  // stored one.
  Result<void> update(model::Cluster object);
  Result<void> update(model::Node object);
  Result<void> update(model::Service object);
  Result<void> update(model::Task object);
  Result<void> update(model::Network object);
  // NotFound when there is none.
  Result<void> remove(const model::NodeId& id);
  Result<void> remove(const model::ServiceId& id);
  Result<void> remove(const model::TaskId& id);
  Result<void> remove(const model::NetworkId& id);

 private:
  friend class Store;
  WriteTx(Tables& tables, model::Version version, Time now)
      : tables_(tables), version_(version), now_(now) {}
  template <class T>
  Result<void> put_new(T object, bool name_taken);
  template <class T>
  Result<void> put(T object, const model::Ref<T>& stored, bool name_taken);
  template <class T>
  Result<void> drop(const model::Ref<T>& stored);
  void record(Change change);
  void undo();

  Tables& tables_;
  model::Version version_;
  Time now_;
  std::vector<Change> changes_;
};

class Store {
 public:
  explicit Store(Engine& engine);
  ~Store();

  // Reads everything from the engine. Once, before anything else.
  Result<void> load();

  // The newest state, durable or not. Valid until the next update.
  const Tables& read() const { return tables_; }

  // Runs `write` and queues its changes. On an error nothing is changed. A transaction without
  // changes costs nothing and returns the newest ticket.
  using Write = std::function<Result<void>(WriteTx&)>;
  Result<Ticket> update(Time now, const Write& write);

  // Runs `done` when the ticket is durable (at once when it is), or with the error of the commit.
  using Done = std::move_only_function<void(Result<void>)>;
  void when_durable(Ticket ticket, Done done);

  // Durable changes, one call per transaction, in order. Stops when the Watch is destroyed. A
  // watcher may update the store, but must not create or destroy watches of others.
  using Watcher = std::function<void(const Batch&)>;
  class Watch {
   public:
    virtual ~Watch() = default;
  };
  [[nodiscard]] std::unique_ptr<Watch> watch(Watcher watcher);

  model::Version durable_version() const { return durable_; }
  model::Version newest_version() const { return newest_; }
  // Why the store is dead, if it is.
  const std::optional<Error>& failure() const { return failure_; }
  void on_failed(std::function<void(const Error&)> callback) { on_failed_ = std::move(callback); }

 private:
  class Subscription;
  struct Waiting {
    model::Version version;
    Done done;
  };
  void committed(const Batch& batch);
  void failed(Error error);

  Engine& engine_;
  Tables tables_;
  model::Version newest_ = 0;
  model::Version durable_ = 0;
  std::deque<Waiting> waiting_;  // ordered by version
  std::shared_ptr<std::vector<Subscription*>> subscriptions_;
  std::optional<Error> failure_;
  std::function<void(const Error&)> on_failed_;
};

}  // namespace shoal::store

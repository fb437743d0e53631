#include "store/store.h"

#include <algorithm>

namespace shoal::store {

// Keeps its function alive while it runs: a watcher may destroy its own Watch.
class Store::Subscription final : public Store::Watch {
 public:
  Subscription(std::shared_ptr<Shared> shared, Watcher watcher)
      : shared_(std::move(shared)), watcher_(std::make_shared<Watcher>(std::move(watcher))) {
    shared_->subscriptions.push_back(this);
  }
  ~Subscription() override {
    auto& all = shared_->subscriptions;
    const auto place = std::find(all.begin(), all.end(), this);
    if (shared_->calling) {
      *place = nullptr;
    } else {
      all.erase(place);
    }
  }
  Subscription(const Subscription&) = delete;
  Subscription& operator=(const Subscription&) = delete;

  std::shared_ptr<Watcher> watcher() const { return watcher_; }

 private:
  std::shared_ptr<Shared> shared_;
  std::shared_ptr<Watcher> watcher_;
};

Store::Store(Engine& engine) : engine_(engine), shared_(std::make_shared<Shared>(this)) {}

Store::~Store() {
  CHECK(!shared_->calling, "a store destroyed by one of its own callbacks");
  shared_->store = nullptr;
  for (Waiting& waiting : std::exchange(waiting_, {})) {
    waiting.done(unavailable("the store was closed before the change was durable"));
  }
}

Result<void> Store::load() {
  CHECK(newest_ == 0 && tables_.clusters().size() == 0, "a store is loaded once, when it is new");
  ASSIGN_OR_RETURN(Engine::Contents contents, engine_.load());
  for (const Object& object : contents.objects) RETURN_IF_ERROR(insert_loaded(object));
  newest_ = durable_ = contents.version;
  return {};
}

// What comes from outside is checked here, because the tables only CHECK.
Result<void> Store::insert_loaded(const Object& object) {
  CHECK(!is_null(object), "an engine loaded a null object");
  RETURN_IF_ERROR(check_loaded(tables_, object));
  const Object none =
      std::visit([](const auto& ref) { return Object(std::decay_t<decltype(ref)>()); }, object);
  tables_.apply({none, object});
  return {};
}

Result<Ticket> Store::update(Time now, const Write& write) {
  if (failure_) return unavailable("the store has failed: {}", failure_->message);
  CHECK(!writing_, "update() called from within a transaction");
  writing_ = true;
  WriteTx tx(tables_, newest_ + 1, now);
  const Result<void> result = write(tx);
  writing_ = false;
  if (!result) {
    tx.undo();
    return std::unexpected(result.error());
  }
  Batch batch{tx.version(), tx.take_changes()};
  if (!batch.changes.empty()) queue(std::move(batch));
  return Ticket{newest_};
}

void Store::queue(Batch batch) {
  newest_ = batch.version;
  auto kept = std::make_shared<const Batch>(std::move(batch));
  engine_.commit(kept, [shared = shared_, kept](Result<void> result) {
    if (shared->store) shared->store->completed(*kept, std::move(result));
  });
}

void Store::when_durable(Ticket ticket, Done done) {
  CHECK(ticket.version <= newest_, "a ticket of another store");
  if (ticket.version <= durable_) return done({});
  if (failure_) return done(std::unexpected(*failure_));
  const auto place = std::upper_bound(
      waiting_.begin(), waiting_.end(), ticket.version,
      [](model::Version version, const Waiting& w) { return version < w.version; });
  waiting_.insert(place, {ticket.version, std::move(done)});
}

std::unique_ptr<Store::Watch> Store::watch(Watcher watcher) {
  return std::make_unique<Subscription>(shared_, std::move(watcher));
}

// After a failure nothing is released any more, whatever the engine still reports.
void Store::completed(const Batch& batch, Result<void> result) {
  if (failure_) return;
  CHECK(batch.version > durable_, "the engine reports batches out of order");
  CHECK(!shared_->calling, "the engine completed a batch from within a callback");
  shared_->calling = true;
  if (result) {
    durable_ = batch.version;
    tell(batch);
    release(batch.version);
  } else {
    failed(std::move(result).error());
  }
  shared_->calling = false;
  std::erase(shared_->subscriptions, nullptr);
}

void Store::tell(const Batch& batch) {
  const size_t count = shared_->subscriptions.size();  // New ones wait for the next transaction.
  for (size_t i = 0; i < count; ++i) {
    const Subscription* subscription = shared_->subscriptions[i];
    if (!subscription) continue;
    const auto watcher = subscription->watcher();
    (*watcher)(batch);
  }
}

void Store::release(model::Version version) {
  while (!waiting_.empty() && waiting_.front().version <= version) {
    Done done = std::move(waiting_.front().done);
    waiting_.pop_front();
    done({});
  }
}

void Store::refuse_writes(Error reason) {
  CHECK(newest_ == durable_, "a store that has been written to");
  failure_ = std::move(reason);
}

void Store::failed(Error error) {
  failure_ = std::move(error);
  for (Waiting& waiting : std::exchange(waiting_, {})) waiting.done(std::unexpected(*failure_));
  if (on_failed_) on_failed_(*failure_);
}

}  // namespace shoal::store

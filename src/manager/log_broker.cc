#include "manager/log_broker.h"

#include <algorithm>
#include <utility>

namespace shoal::manager {

using model::LogSubscriptionId;
using model::NodeId;

namespace {

// What one node still owes a reader.
struct Share {
  enum class State { Silent, Asked, Done };
  State state = State::Silent;
  Time newest;  // of the lines that came
};

bool selects(const model::LogSelector& selector, const model::Task& task) {
  const auto has = [](const auto& ids, const auto& id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  return has(selector.services, task.service_id) || has(selector.tasks, task.id) ||
         has(selector.nodes, task.node_id);
}

// The selected nodes, and the selected tasks that no node has yet.
struct Places {
  std::set<NodeId> nodes;
  std::set<model::TaskId> unplaced;

  void add(const model::Ref<model::Task>& task) {
    if (task->node_id) {
      nodes.insert(task->node_id);
    } else if (task->desired_state <= model::TaskState::Running) {
      unplaced.insert(task->id);
    }
  }
};

Places places_of(const model::LogSelector& selector, const store::Tables& tables) {
  Places places;
  places.nodes.insert(selector.nodes.begin(), selector.nodes.end());
  for (const auto& service : selector.services) {
    for (const auto& task : tables.tasks().by_service(service)) places.add(task);
  }
  for (const auto& id : selector.tasks) {
    if (const auto task = tables.tasks().get(id)) places.add(task);
  }
  return places;
}

}  // namespace

struct LogBroker::Subscription {
  model::LogSubscription what;
  std::map<NodeId, Share> shares;
  std::deque<std::vector<model::LogMessage>> batches;
  std::vector<std::string> missing;
  std::optional<Error> failure;
  bool abandoned = false;  // its reader is gone
  os::Signal changed;
  std::unique_ptr<os::Loop::Timer> deadline;

  bool follows() const { return what.options.follow; }
  bool complete() const {
    return !follows() && std::all_of(shares.begin(), shares.end(), [](const auto& share) {
      return share.second.state == Share::State::Done;
    });
  }
  void finish(const NodeId& node, std::string reason) {
    Share& share = shares[node];
    if (share.state == Share::State::Done) return;
    share.state = Share::State::Done;
    if (!reason.empty()) missing.push_back(std::move(reason));
    changed.notify();
  }
};

LogBroker::LogBroker(os::Loop& loop, Rng& rng, Tables tables, Duration listen_within)
    : loop_(loop),
      rng_(rng),
      tables_(std::move(tables)),
      listen_within_(listen_within),
      self_(std::make_shared<LogBroker*>(this)) {}

LogBroker::~LogBroker() {
  *self_ = nullptr;
  end_all(Error{ErrorCode::Unavailable, "the manager stops"});
}

Result<std::unique_ptr<LogBroker::Reader>> LogBroker::read(model::LogSelector selector,
                                                           model::LogOptions options) {
  const store::Tables* tables = tables_();
  if (!tables) return unavailable("the manager is not ready");
  if (subscriptions_.size() >= kReadersMax) {
    return unavailable("{} readers of logs already, no more are taken", kReadersMax);
  }
  auto mine = std::make_shared<Subscription>();
  mine->what.id = LogSubscriptionId::random(rng_);
  mine->what.selector = std::move(selector);
  mine->what.options = options;
  subscriptions_.emplace(mine->what.id, mine);
  const Places places = places_of(mine->what.selector, *tables);
  for (const NodeId& node : places.nodes) involve(*mine, node, *tables);
  for (const auto& task : places.unplaced) {
    mine->missing.push_back(fmt::format("task {} has not been scheduled", task));
  }
  if (!mine->follows() && !mine->complete()) {
    mine->deadline =
        loop_.at(loop_.now() + listen_within_, [this, raw = mine.get()] { give_up_silent(*raw); });
  }
  return std::make_unique<Reader>(std::move(mine), self_);
}

void LogBroker::involve(Subscription& subscription, const NodeId& node,
                        const store::Tables& tables) {
  if (!subscription.shares.try_emplace(node).second) return;
  const auto stored = tables.nodes().get(node);
  const bool down = !stored || stored->status.state == model::NodeState::Down;
  if (listeners_.contains(node)) {
    tell(subscription, node);
  } else if (down && !subscription.follows()) {
    subscription.finish(node, fmt::format("node {} is not available", node));
  }
}

void LogBroker::tell(Subscription& subscription, const NodeId& node) {
  Share& share = subscription.shares[node];
  if (share.state != Share::State::Silent) return;
  share.state = Share::State::Asked;
  model::LogSubscription what = subscription.what;
  if (share.newest.is_set()) {
    what.options.since = share.newest + Duration(1);
    what.options.tail.reset();
  }
  listeners_.at(node)->send(what);
}

void LogBroker::give_up_silent(Subscription& subscription) {
  std::vector<NodeId> silent;
  for (const auto& [node, share] : subscription.shares) {
    if (share.state == Share::State::Silent) silent.push_back(node);
  }
  for (const NodeId& node : silent) {
    subscription.finish(node, fmt::format("node {} is not available", node));
  }
}

void LogBroker::listen(const NodeId& node, Listener* listener) {
  const auto before = listeners_.find(node);
  if (before != listeners_.end()) hang_up(node, before->second);
  listeners_[node] = listener;
  for (const auto& [id, subscription] : subscriptions_) {
    if (subscription->shares.contains(node)) tell(*subscription, node);
  }
}

void LogBroker::hang_up(const NodeId& node, Listener* listener) {
  const auto at = listeners_.find(node);
  if (at == listeners_.end() || at->second != listener) return;
  listeners_.erase(at);
  for (const auto& [id, subscription] : subscriptions_) {
    if (subscription->shares.contains(node)) publication_broke(node, id);
  }
}

void LogBroker::publication_broke(const NodeId& node, const LogSubscriptionId& id) {
  const auto at = subscriptions_.find(id);
  if (at == subscriptions_.end()) return;
  const auto share = at->second->shares.find(node);
  if (share == at->second->shares.end() || share->second.state != Share::State::Asked) return;
  if (!at->second->follows()) {
    at->second->finish(node, fmt::format("node {} disconnected unexpectedly", node));
    return;
  }
  share->second.state = Share::State::Silent;
  if (listeners_.contains(node)) tell(*at->second, node);
}

os::Co<Result<void>> LogBroker::publish(NodeId node, model::LogPublication publication,
                                        os::StopToken stop) {
  const auto at = subscriptions_.find(publication.subscription);
  if (at == subscriptions_.end()) co_return not_found("no such log subscription");
  const SubscriptionRef mine = at->second;
  const auto share = mine->shares.find(node);
  if (share == mine->shares.end() || share->second.state != Share::State::Asked) {
    co_return permission_denied("node {} was not asked for these logs", node);
  }
  for (const auto& message : publication.messages) {
    if (message.node != node) co_return permission_denied("a log line names another node");
    share->second.newest = std::max(share->second.newest, message.time);
  }
  if (!publication.messages.empty()) {
    while (mine->batches.size() >= kBatchesMax && !mine->abandoned && !mine->failure) {
      if (!co_await mine->changed.wait(stop)) co_return cancelled("the publication ended");
    }
    if (mine->abandoned || mine->failure) co_return not_found("no such log subscription");
    mine->batches.push_back(std::move(publication.messages));
    mine->changed.notify();
  }
  if (publication.close) mine->finish(node, "");
  co_return Result<void>{};
}

void LogBroker::on_batch(const store::Batch& batch) {
  if (subscriptions_.empty()) return;
  const store::Tables* tables = tables_();
  for (const store::Change& change : batch.changes) {
    const auto* after = std::get_if<model::Ref<model::Task>>(&change.after);
    if (!after || !*after || !(*after)->node_id) continue;
    for (const auto& [id, subscription] : subscriptions_) {
      if (!tables || !subscription->follows()) continue;
      if (selects(subscription->what.selector, **after)) {
        involve(*subscription, (*after)->node_id, *tables);
      }
    }
  }
}

void LogBroker::end_all(const Error& reason) {
  for (const auto& [id, subscription] : std::exchange(subscriptions_, {})) {
    subscription->failure = reason;
    subscription->deadline.reset();
    subscription->changed.notify();
  }
}

void LogBroker::close(Subscription& subscription) {
  const SubscriptionRef held = subscriptions_.contains(subscription.what.id)
                                   ? subscriptions_.at(subscription.what.id)
                                   : nullptr;
  subscription.abandoned = true;
  subscription.deadline.reset();
  subscriptions_.erase(subscription.what.id);
  model::LogSubscription what = subscription.what;
  what.close = true;
  for (const auto& [node, share] : subscription.shares) {
    if (share.state != Share::State::Asked) continue;
    if (const auto at = listeners_.find(node); at != listeners_.end()) at->second->send(what);
  }
  subscription.changed.notify();
}

LogBroker::Reader::Reader(SubscriptionRef subscription, std::shared_ptr<LogBroker*> broker)
    : subscription_(std::move(subscription)), broker_(std::move(broker)) {}

LogBroker::Reader::~Reader() {
  if (*broker_) (*broker_)->close(*subscription_);
}

os::Co<Result<std::vector<model::LogMessage>>> LogBroker::Reader::next(os::StopToken stop) {
  Subscription& mine = *subscription_;
  while (mine.batches.empty()) {
    if (mine.failure) co_return std::unexpected(*mine.failure);
    if (mine.complete()) co_return std::vector<model::LogMessage>{};
    if (!co_await mine.changed.wait(stop)) co_return cancelled("nobody reads any more");
  }
  auto batch = std::move(mine.batches.front());
  mine.batches.pop_front();
  mine.changed.notify();
  co_return batch;
}

const std::vector<std::string>& LogBroker::Reader::missing() const {
  return subscription_->missing;
}

}  // namespace shoal::manager

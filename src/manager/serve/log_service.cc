#include "manager/serve/log_service.h"

#include <set>
#include <utility>

#include "codec/wire/log_broker.h"
#include "manager/serve/outbox.h"

namespace shoal::manager {
namespace {

// A stream to a node, as the broker sees it.
class Ear final : public LogBroker::Listener {
 public:
  Ear(os::Loop& loop, LogBroker& broker, model::NodeId node)
      : broker_(broker), node_(node), outbox_(loop) {
    broker_.listen(node_, this);
  }
  ~Ear() override { broker_.hang_up(node_, this); }

  void send(const model::LogSubscription& subscription) override { outbox_.put(subscription); }
  os::Co<Result<model::LogSubscription>> next(os::StopToken stop) { return outbox_.take(stop); }

 private:
  LogBroker& broker_;
  const model::NodeId node_;
  Outbox<model::LogSubscription> outbox_;
};

// Publications that a call has begun and not closed; they break with it.
class Open {
 public:
  Open(LogBroker& broker, model::NodeId node) : broker_(broker), node_(node) {}
  ~Open() {
    for (const auto& id : ids_) broker_.publication_broke(node_, id);
  }
  void note(const model::LogSubscriptionId& id, bool closed) {
    if (closed) {
      ids_.erase(id);
    } else {
      ids_.insert(id);
    }
  }

 private:
  LogBroker& broker_;
  const model::NodeId node_;
  std::set<model::LogSubscriptionId> ids_;
};

}  // namespace

void LogService::add_to(rpc::Server& server) {
  const std::string service = "/docker.swarmkit.v1.LogBroker/";
  const rpc::MethodOptions options = peers_.for_nodes();
  server.stream(
      service + "ListenSubscriptions",
      [this](rpc::Call& call) { return listen_subscriptions(call); }, options);
  server.stream(
      service + "PublishLogs", [this](rpc::Call& call) { return publish_logs(call); }, options);
}

os::Co<Result<void>> LogService::listen_subscriptions(rpc::Call& call) {
  const auto request = co_await call.read();  // It is empty.
  if (!request) co_return std::unexpected(request.error());
  Ear ear(loop_, broker_, peers_.node_of(call));
  const os::StopToken gone = call.cancelled();
  for (;;) {
    auto subscription = co_await ear.next(gone);
    if (!subscription) co_return std::unexpected(subscription.error());
    std::string bytes = wire::encode(*subscription);
    CO_RETURN_IF_ERROR(co_await call.write(std::move(bytes)));
  }
}

os::Co<Result<void>> LogService::publish_logs(rpc::Call& call) {
  const model::NodeId node = peers_.node_of(call);
  const os::StopToken gone = call.cancelled();
  Open open(broker_, node);
  for (;;) {
    auto bytes = co_await call.read();
    if (!bytes) co_return std::unexpected(bytes.error());
    if (!*bytes) break;
    CO_ASSIGN_OR_RETURN(auto publication, wire::decode_log_publication(**bytes));
    const model::LogSubscriptionId id = publication.subscription;
    const bool closes = publication.close;
    CO_RETURN_IF_ERROR(co_await broker_.publish(node, std::move(publication), gone));
    open.note(id, closes);
  }
  co_return co_await call.write(std::string());
}

}  // namespace shoal::manager

#include "agent/log_publications.h"

#include <utility>

#include "codec/wire/log_broker.h"

namespace shoal::agent {
namespace {

constexpr std::string_view kListen = "/docker.swarmkit.v1.LogBroker/ListenSubscriptions";
constexpr std::string_view kPublish = "/docker.swarmkit.v1.LogBroker/PublishLogs";

}  // namespace

os::Co<Result<void>> LogPublications::run(os::StopToken stop) {
  Result<void> ended = co_await listen(stop);
  for (const auto& [id, over] : running_) over.stop();
  while (!running_.empty()) (void)co_await ended_.wait();
  if (!ended && ended.error().code == ErrorCode::Unimplemented) co_return Result<void>{};
  co_return ended;
}

os::Co<Result<void>> LogPublications::listen(os::StopToken stop) {
  const rpc::CallOptions options{.metadata = {}, .stop = stop};
  CO_ASSIGN_OR_RETURN(const auto call, co_await channel_.open(kListen, options));
  CO_RETURN_IF_ERROR(co_await call->write(std::string()));
  call->finish_writing();
  for (;;) {
    auto bytes = co_await call->read();
    if (!bytes) co_return std::unexpected(bytes.error());
    if (!*bytes) co_return unavailable("the manager ended the stream of log subscriptions");
    CO_ASSIGN_OR_RETURN(auto what, wire::decode_log_subscription(**bytes));
    const auto known = running_.find(what.id);
    if (what.close) {
      if (known != running_.end()) known->second.stop();
    } else if (known == running_.end()) {
      os::StopSource& over = running_[what.id];
      os::spawn(publish(std::move(what), over.token()));
    }
  }
}

os::Co<> LogPublications::publish(model::LogSubscription what, os::StopToken stop) {
  const model::LogSubscriptionId id = what.id;
  // Whoever reads learns of an error by the broken call.
  (void)co_await carry(std::move(what), stop);
  running_.erase(id);
  ended_.notify();
}

os::Co<Result<void>> LogPublications::carry(model::LogSubscription what, os::StopToken stop) {
  const rpc::CallOptions options{.metadata = {}, .stop = stop};
  CO_ASSIGN_OR_RETURN(const auto call, co_await channel_.open(kPublish, options));
  const model::LogSubscriptionId id = what.id;
  const auto send = [&call, id](std::vector<model::LogMessage> lines) -> os::Co<Result<void>> {
    std::string bytes = wire::encode(
        model::LogPublication{.subscription = id, .messages = std::move(lines), .close = false});
    co_return co_await call->write(std::move(bytes));
  };
  LogSource::Sink sink = send;
  CO_RETURN_IF_ERROR(co_await source_.read(std::move(what), std::move(sink), stop));
  std::string last =
      wire::encode(model::LogPublication{.subscription = id, .messages = {}, .close = true});
  CO_RETURN_IF_ERROR(co_await call->write(std::move(last)));
  call->finish_writing();
  const auto answer = co_await call->read();
  if (!answer) co_return std::unexpected(answer.error());
  co_return Result<void>{};
}

}  // namespace shoal::agent

#include "manager/serve/networks_service.h"

#include <utility>

#include "codec/wire/networks.h"
#include "manager/serve/streams.h"

namespace shoal::manager {

void NetworksService::add_to(rpc::Server& server) {
  const std::string service = "/shoal.v1.Networks/";
  const rpc::MethodOptions options = peers_.for_nodes();
  server.stream(service + "Watch", [this](rpc::Call& call) { return watch(call); }, options);
  server.unary(
      service + "Acknowledge",
      [this](const rpc::Call& call, std::string request) {
        return acknowledge(call, std::move(request));
      },
      options);
}

os::Co<Result<void>> NetworksService::watch(rpc::Call& call) {
  const model::NodeId node = peers_.node_of(call);
  CO_ASSIGN_OR_RETURN(const std::string bytes, co_await opening(call));
  CO_ASSIGN_OR_RETURN(const model::SessionId session, wire::decode_watch_request(bytes));
  auto* dispatcher = manager_.dispatcher();
  if (!dispatcher) co_return no_leader();
  CO_RETURN_IF_ERROR(dispatcher->watch_networks(node, session));
  end(node, replaced());
  NetworksOutbox outbox(loop_);
  streams_[node] = {.session = session, .outbox = &outbox};
  manager_.wake();

  auto ended = co_await write_out(loop_, call, outbox);
  const auto at = streams_.find(node);
  if (at != streams_.end() && at->second.outbox == &outbox) streams_.erase(at);
  co_return ended;
}

os::Co<Result<std::string>> NetworksService::acknowledge(const rpc::Call& call,
                                                         std::string request) {
  CO_ASSIGN_OR_RETURN(const model::NetworksAck ack, wire::decode_networks_ack(request));
  auto* dispatcher = manager_.dispatcher();
  if (!dispatcher) co_return no_leader();
  CO_RETURN_IF_ERROR(dispatcher->acknowledge_networks(peers_.node_of(call), ack));
  manager_.wake();
  co_return std::string();
}

void NetworksService::send(const model::NodeId& node, const model::SessionId& session,
                           model::NetworksMessage message) {
  const auto at = streams_.find(node);
  if (at == streams_.end() || at->second.session != session) return;
  at->second.outbox->put(std::move(message));
}

void NetworksService::end(const model::NodeId& node, const Error& reason) {
  const auto at = streams_.find(node);
  if (at != streams_.end()) at->second.outbox->end(reason);
}

void NetworksService::end_all(const Error& reason) {
  for (auto& [node, stream] : streams_) stream.outbox->end(reason);
}

}  // namespace shoal::manager

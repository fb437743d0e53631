#include "manager/serve/dispatcher_service.h"

#include <utility>

#include "manager/serve/streams.h"

namespace shoal::manager {
namespace {

// "10.0.0.7:51234" -> "10.0.0.7", "[fd00::7]:51234" -> "fd00::7".
std::string host_of(std::string_view address) {
  std::string_view host = address.substr(0, address.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return std::string(host);
}

}  // namespace

DispatcherService::DispatcherService(os::Loop& loop, Manager& manager, const Peers& peers,
                                     NetworksService& networks)
    : loop_(loop), manager_(manager), peers_(peers), networks_(networks) {
  manager_.serve(this);
}

DispatcherService::~DispatcherService() {
  manager_.serve(nullptr);
}

void DispatcherService::add_to(rpc::Server& server) {
  const std::string service = "/docker.swarmkit.v1.Dispatcher/";
  const rpc::MethodOptions options = peers_.for_nodes();
  rpc::MethodOptions large = options;
  large.request_bytes_max = rpc::kLargeMessageBytesMax;
  server.stream(service + "Session", [this](rpc::Call& call) { return session(call); }, options);
  server.stream(
      service + "Assignments", [this](rpc::Call& call) { return assignments(call); }, options);
  server.unary(
      service + "Heartbeat",
      [this](const rpc::Call& call, std::string request) {
        return heartbeat(call, std::move(request));
      },
      options);
  server.unary(
      service + "UpdateTaskStatus",
      [this](const rpc::Call& call, std::string request) {
        return update_task_status(call, std::move(request));
      },
      large);
}

void DispatcherService::Streams::end(const Error& reason) {
  if (messages) messages->end(reason);
  if (assignments) assignments->end(reason);
}

void DispatcherService::attach(const model::NodeId& node, const model::SessionId& session,
                               SessionOutbox& outbox) {
  Streams& streams = streams_[node];
  if (streams.messages) streams.messages->end(replaced());
  if (streams.session != session) {
    if (streams.assignments) streams.assignments->end(replaced());
    networks_.end(node, replaced());
  }
  streams.session = session;
  streams.messages = &outbox;
}

void DispatcherService::detach(const model::NodeId& node, const SessionOutbox& outbox) {
  const auto at = streams_.find(node);
  if (at == streams_.end() || at->second.messages != &outbox) return;
  at->second.messages = nullptr;
  const Error over{ErrorCode::Cancelled, "the session is over"};
  at->second.end(over);
  networks_.end(node, over);
  if (auto* dispatcher = manager_.dispatcher()) {
    dispatcher->end_session(node, at->second.session);
    manager_.wake();
  }
  if (!at->second.assignments) streams_.erase(at);
}

os::Co<Result<void>> DispatcherService::session(rpc::Call& call) {
  const model::NodeId node = peers_.node_of(call);
  CO_ASSIGN_OR_RETURN(const std::string bytes, co_await opening(call));
  CO_ASSIGN_OR_RETURN(model::SessionRequest request, wire::decode_session_request(bytes));
  request.address = host_of(call.peer().address);
  auto* dispatcher = manager_.dispatcher();
  if (!dispatcher) co_return no_leader();
  CO_ASSIGN_OR_RETURN(const model::SessionId opened,
                      dispatcher->open_session(node, std::move(request), loop_.now()));
  SessionOutbox outbox(loop_);
  attach(node, opened, outbox);
  manager_.wake();

  auto ended = co_await write_out(loop_, call, outbox);
  detach(node, outbox);
  co_return ended;
}

os::Co<Result<void>> DispatcherService::assignments(rpc::Call& call) {
  const model::NodeId node = peers_.node_of(call);
  CO_ASSIGN_OR_RETURN(const std::string bytes, co_await opening(call));
  CO_ASSIGN_OR_RETURN(const model::SessionId session, wire::decode_assignments_request(bytes));
  auto* dispatcher = manager_.dispatcher();
  if (!dispatcher) co_return no_leader();
  CO_RETURN_IF_ERROR(dispatcher->subscribe(node, session));
  AssignmentsOutbox outbox(loop_);
  Streams& mine = streams_[node];
  if (mine.assignments) mine.assignments->end(replaced());
  mine.session = session;
  mine.assignments = &outbox;
  manager_.wake();

  auto ended = co_await write_out(loop_, call, outbox);
  const auto at = streams_.find(node);
  if (at != streams_.end() && at->second.assignments == &outbox) {
    at->second.assignments = nullptr;
    if (!at->second.messages) streams_.erase(at);
  }
  co_return ended;
}

os::Co<Result<std::string>> DispatcherService::heartbeat(const rpc::Call& call,
                                                         std::string request) {
  CO_ASSIGN_OR_RETURN(const model::SessionId session, wire::decode_heartbeat_request(request));
  auto* dispatcher = manager_.dispatcher();
  if (!dispatcher) co_return no_leader();
  CO_ASSIGN_OR_RETURN(const Duration period,
                      dispatcher->heartbeat(peers_.node_of(call), session, loop_.now()));
  manager_.wake();
  co_return wire::encode_heartbeat_response(period);
}

os::Co<Result<std::string>> DispatcherService::update_task_status(const rpc::Call& call,
                                                                  std::string request) {
  CO_ASSIGN_OR_RETURN(auto report, wire::decode_status_report(request));
  auto* dispatcher = manager_.dispatcher();
  const store::Store* store = manager_.store();
  if (!dispatcher || !store) co_return no_leader();
  CO_RETURN_IF_ERROR(dispatcher->update_task_status(
      store->read(), peers_.node_of(call), report.session, std::move(report.updates), loop_.now()));
  manager_.wake();
  co_return std::string();
}

void DispatcherService::send(dispatcher::Outgoing outgoing) {
  if (auto* networks = std::get_if<model::NetworksMessage>(&outgoing.message)) {
    return networks_.send(outgoing.node, outgoing.session, std::move(*networks));
  }
  const auto at = streams_.find(outgoing.node);
  if (at == streams_.end() || at->second.session != outgoing.session) return;
  Streams& streams = at->second;
  if (auto* message = std::get_if<model::SessionMessage>(&outgoing.message)) {
    if (streams.messages) streams.messages->put_newest(std::move(*message));
  } else if (auto* changes = std::get_if<model::AssignmentsMessage>(&outgoing.message)) {
    if (streams.assignments) streams.assignments->put(std::move(*changes));
  } else if (const auto* end = std::get_if<dispatcher::SessionEnd>(&outgoing.message)) {
    streams.end(end->reason);
    networks_.end(outgoing.node, end->reason);
  }
}

void DispatcherService::end_all(const Error& reason) {
  for (auto& [node, streams] : streams_) streams.end(reason);
  networks_.end_all(reason);
}

}  // namespace shoal::manager

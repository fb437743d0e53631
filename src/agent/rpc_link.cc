#include "agent/rpc_link.h"

#include <utility>

#include "codec/wire/attachments.h"
#include "codec/wire/dispatcher.h"
#include "codec/wire/networks.h"

namespace shoal::agent {
namespace {

constexpr std::string_view kSession = "/docker.swarmkit.v1.Dispatcher/Session";
constexpr std::string_view kAssignments = "/docker.swarmkit.v1.Dispatcher/Assignments";
constexpr std::string_view kHeartbeat = "/docker.swarmkit.v1.Dispatcher/Heartbeat";
constexpr std::string_view kStatus = "/docker.swarmkit.v1.Dispatcher/UpdateTaskStatus";
constexpr std::string_view kWatchNetworks = "/shoal.v1.Networks/Watch";
constexpr std::string_view kAcknowledge = "/shoal.v1.Networks/Acknowledge";
constexpr std::string_view kAttach = "/docker.swarmkit.v1.ResourceAllocator/AttachNetwork";
constexpr std::string_view kDetach = "/docker.swarmkit.v1.ResourceAllocator/DetachNetwork";

// Decoding more than this takes longer than the control thread may be held up.
constexpr size_t kBytesOnLoopMax = size_t{64} << 10;

// How a stream ended, as an error in either case.
Error end_of(const Result<std::optional<std::string>>& read) {
  if (!read) return read.error();
  return Error{ErrorCode::Unavailable, "the manager ended the stream"};
}

rpc::ChannelOptions with_address(rpc::ChannelOptions options, const std::string& address) {
  options.address = address;
  return options;
}

}  // namespace

RpcLink::RpcLink(os::Loop& loop, Log& log, LogSource& logs, ReachHost& host,
                 rpc::ChannelOptions manager, Remotes& remotes)
    : loop_(loop),
      remotes_(remotes),
      dialled_(remotes.current()),
      channel_(loop, log, with_address(manager, dialled_)),
      logs_(channel_, logs),
      reach_(loop, log, channel_, std::move(manager), host) {}

RpcLink::~RpcLink() {
  CHECK(running_ == 0, "a link goes only when its calls have ended");
}

os::Co<Result<std::unique_ptr<rpc::ClientCall>>> RpcLink::begin(std::string_view method,
                                                                std::string request) {
  auto call = co_await channel_.open(method);
  if (!call) co_return std::unexpected(call.error());
  CO_RETURN_IF_ERROR(co_await (*call)->write(std::move(request)));
  (*call)->finish_writing();
  co_return std::move(*call);
}

os::Co<Result<model::SessionMessage>> RpcLink::first_message(rpc::ClientCall& call) {
  const auto bound = loop_.at(loop_.now() + kCallTimeout, [&call] { call.cancel(); });
  const auto bytes = co_await call.read();
  if (!bytes || !*bytes) co_return std::unexpected(end_of(bytes));
  co_return wire::decode_session_message(**bytes);
}

os::Co<Result<model::SessionId>> RpcLink::open(model::SessionRequest request, Listener& listener) {
  if (!listener_ && dialled_ != remotes_.current()) {
    dialled_ = remotes_.current();
    channel_.redirect(dialled_);
  }
  auto opened = co_await open_here(std::move(request), listener);
  if (!opened && !listener_) {
    // Over a connection that leads nowhere any more (a cut cable) no answer ever comes.
    channel_.disconnect();
    remotes_.failed();
  }
  co_return opened;
}

os::Co<Result<model::SessionId>> RpcLink::open_here(model::SessionRequest request,
                                                    Listener& listener) {
  // The manager ends the stream that is there when it sees the new one.
  if (listener_ && request.previous == session_) ++messages_.turn;
  std::string encoded = wire::encode(request);
  auto call = co_await begin(kSession, std::move(encoded));
  if (!call) co_return std::unexpected(call.error());
  CO_ASSIGN_OR_RETURN(model::SessionMessage first, co_await first_message(**call));
  const model::SessionId opened = first.session;
  const bool renewed = listener_ && session_ == opened;
  if (!renewed) {
    listener_ = nullptr;  // It knows.
    end(Error{ErrorCode::Cancelled, "another session begins"});
    over_ = {};
  }
  listener_ = &listener;
  session_ = opened;
  os::spawn(hear(std::move(*call), messages_, &wire::decode_session_message, &Listener::on_session,
                 std::optional(std::move(first))));
  if (!renewed) {
    os::spawn(serve_logs(over_.token()));
    os::spawn(serve_reach(over_.token()));
  }
  co_return opened;
}

template <class Message>
os::Co<> RpcLink::hear(std::unique_ptr<rpc::ClientCall> call, Stream& stream,
                       Result<Message> (*decode)(std::string_view),
                       void (Listener::*deliver)(const Message&), std::optional<Message> first) {
  ++running_;
  const uint64_t turn = ++stream.turn;
  stream.call = call.get();
  if (first) {
    co_await loop_.turn();  // Whoever opened the stream has its answer before it hears of it.
    if (turn == stream.turn && listener_) (listener_->*deliver)(*first);
  }
  Error reason;
  for (;;) {
    const auto bytes = co_await call->read();
    if (turn != stream.turn) break;
    if (!bytes || !*bytes) {
      reason = end_of(bytes);
      break;
    }
    const std::string& encoded = **bytes;
    Result<Message> message = internal_error("not decoded");
    if (encoded.size() > kBytesOnLoopMax) {
      message = co_await loop_.offload([&encoded, decode] { return decode(encoded); });
    } else {
      message = decode(encoded);
    }
    if (turn != stream.turn) break;
    if (!message) {
      reason = message.error();
      break;
    }
    if (listener_) (listener_->*deliver)(*message);
  }
  // Also when another one is to take its place: that may fail to come.
  if (stream.call == call.get()) stream.call = nullptr;
  call.reset();
  if (turn == stream.turn && !may_be_missing(stream, reason)) end(reason);
  --running_;
  ended_.notify();
}

bool RpcLink::may_be_missing(const Stream& stream, const Error& reason) const {
  return &stream == &networks_ && reason.code == ErrorCode::Unimplemented;
}

os::Co<> RpcLink::serve_logs(os::StopToken over) {
  ++running_;
  const Result<void> served = co_await logs_.run(over);
  if (!over.stopped() && !served) end(served.error());
  --running_;
  ended_.notify();
}

os::Co<> RpcLink::serve_reach(os::StopToken over) {
  ++running_;
  std::string address = dialled_;
  const Result<void> served = co_await reach_.run(std::move(address), over);
  if (!over.stopped() && !served) end(served.error());
  --running_;
  ended_.notify();
}

os::Co<Result<void>> RpcLink::subscribe(model::SessionId session) {
  std::string request = wire::encode_assignments_request(session);
  auto call = co_await begin(kAssignments, std::move(request));
  if (!call) co_return std::unexpected(call.error());
  if (session != session_ || !listener_) co_return cancelled("the session is over");
  if (assignments_.call) std::exchange(assignments_.call, nullptr)->cancel();
  os::spawn(hear(std::move(*call), assignments_, &wire::decode_assignments,
                 &Listener::on_assignments, {}));
  co_return Result<void>{};
}

os::Co<Result<void>> RpcLink::watch_networks(model::SessionId session) {
  auto call = co_await channel_.open(kWatchNetworks);
  if (!call) co_return std::unexpected(call.error());
  std::string request = wire::encode_watch_request(session);
  // A manager that has no such call may have refused it already: what is read says so.
  (void)co_await (*call)->write(std::move(request));
  (*call)->finish_writing();
  if (session != session_ || !listener_) co_return cancelled("the session is over");
  if (networks_.call) std::exchange(networks_.call, nullptr)->cancel();
  os::spawn(hear(std::move(*call), networks_, &wire::decode_networks, &Listener::on_networks, {}));
  co_return Result<void>{};
}

os::Co<Result<std::string>> RpcLink::call(std::string_view method, std::string request) {
  const rpc::CallOptions options{.timeout = kCallTimeout, .metadata = {}};
  co_return co_await channel_.call(method, std::move(request), options);
}

os::Co<Result<Duration>> RpcLink::heartbeat(model::SessionId session) {
  std::string request = wire::encode_heartbeat_request(session);
  const auto answer = co_await call(kHeartbeat, std::move(request));
  if (answer) co_return wire::decode_heartbeat_response(*answer);
  if (answer.error().code == ErrorCode::DeadlineExceeded) channel_.disconnect();
  co_return std::unexpected(answer.error());
}

os::Co<Result<void>> RpcLink::report(model::SessionId session,
                                     std::vector<model::StatusUpdate> updates) {
  std::string request = wire::encode(model::StatusReport{session, std::move(updates)});
  CO_ASSIGN_OR_RETURN(const std::string answer, co_await call(kStatus, std::move(request)));
  co_return Result<void>{};
}

os::Co<Result<void>> RpcLink::acknowledge(model::SessionId session, uint64_t version) {
  std::string request = wire::encode(model::NetworksAck{session, version});
  CO_ASSIGN_OR_RETURN(const std::string answer, co_await call(kAcknowledge, std::move(request)));
  co_return Result<void>{};
}

os::Co<Result<model::TaskId>> RpcLink::attach_network(model::AttachRequest request) {
  std::string bytes = wire::encode(request);
  CO_ASSIGN_OR_RETURN(const std::string answer, co_await call(kAttach, std::move(bytes)));
  co_return wire::decode_attachment(answer);
}

os::Co<Result<void>> RpcLink::detach_network(model::TaskId attachment) {
  std::string bytes = wire::encode_attachment(attachment);
  CO_ASSIGN_OR_RETURN(const std::string answer, co_await call(kDetach, std::move(bytes)));
  co_return Result<void>{};
}

void RpcLink::close(model::SessionId session) {
  if (session != session_) return;
  listener_ = nullptr;
  end(Error{ErrorCode::Cancelled, "the agent ends its session"});
}

void RpcLink::end(const Error& reason) {
  over_.stop();
  for (Stream* stream : {&messages_, &assignments_, &networks_}) {
    ++stream->turn;
    if (stream->call) std::exchange(stream->call, nullptr)->cancel();
  }
  if (listener_) std::exchange(listener_, nullptr)->on_end(reason);
}

os::Co<> RpcLink::finished() {
  while (running_ > 0) (void)co_await ended_.wait();
}

}  // namespace shoal::agent

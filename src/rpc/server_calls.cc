#include <exception>

#include "rpc/server_impl.h"

namespace shoal::rpc {
namespace {

constexpr int kMethodNotAllowed = 405, kUnsupportedMediaType = 415;

class ServerCall final : public Call {
 public:
  ServerCall(std::shared_ptr<Connection> connection, std::shared_ptr<Stream> stream, Time deadline)
      : connection_(std::move(connection)), stream_(std::move(stream)), deadline_(deadline) {}

  const Peer& peer() const override { return connection_->peer(); }
  std::string_view method() const override { return stream_->head.path; }
  std::string_view metadata(std::string_view name) const override {
    for (const auto& [key, value] : stream_->head.metadata) {
      if (key == name) return value;
    }
    return {};
  }
  Time deadline() const override { return deadline_; }
  os::StopToken cancelled() const override { return stream_->ended(); }

  os::Co<Result<std::optional<std::string>>> read() override { return stream_->read(); }
  os::Co<Result<void>> write(std::string message) override {
    return stream_->write(std::move(message));
  }
  void cancel(Error why) override { stream_->abort(std::move(why)); }

 private:
  const std::shared_ptr<Connection> connection_;
  const std::shared_ptr<Stream> stream_;
  const Time deadline_;
};

// The one message of the request, which has to come in time.
os::Co<Result<std::string>> read_request(os::Loop& loop, Stream& stream, Duration patience) {
  std::unique_ptr<os::Loop::Timer> timer;
  if (!stream.input_ready()) {
    timer = loop.at(loop.now() + patience, [&stream] {
      stream.expire({ErrorCode::DeadlineExceeded, "the request took too long to arrive"});
    });
  }
  Result<std::optional<std::string>> request = co_await stream.read();
  if (!request) co_return std::unexpected(request.error());
  if (!*request) co_return invalid_argument("the request has no message");
  co_return std::move(**request);
}

os::Co<Result<void>> run_handler(os::Loop& loop, const Method& method, ServerCall& call,
                                 Stream& stream, Duration patience) {
  if (const auto* handler = std::get_if<StreamHandler>(&method.handler)) {
    co_return co_await (*handler)(call);
  }
  Result<std::string> request = co_await read_request(loop, stream, patience);
  if (!request) co_return std::unexpected(request.error());
  const auto& handler = std::get<UnaryHandler>(method.handler);
  Result<std::string> answer = co_await handler(call, std::move(*request));
  if (!answer) co_return std::unexpected(answer.error());
  co_return co_await call.write(std::move(*answer));
}

// What keeps the peer from calling this method at all.
Result<void> admit(const Method& method, const Call& call) {
  if (method.options.needs_identity && !call.peer().identity) {
    return unauthenticated("{} needs a client certificate", call.method());
  }
  return method.options.authorize ? method.options.authorize(call) : Result<void>();
}

}  // namespace

void Server::Impl::on_head(Stream& stream) {
  const auto method = methods.find(stream.head.path);
  stream.set_message_bytes_max(method == methods.end() ? 0
                                                       : method->second.options.request_bytes_max);
}

void Server::Impl::on_request(Connection& connection, std::shared_ptr<Stream> stream) {
  if (stream->head.verb != "POST") return connection.refuse(*stream, kMethodNotAllowed);
  if (!stream->head.is_grpc()) return connection.refuse(*stream, kUnsupportedMediaType);
  const auto method = methods.find(stream->head.path);
  if (method == methods.end()) {
    return stream->finish(unimplemented("unknown method {}", stream->head.path));
  }
  if (stream->head.bad_timeout) return stream->finish(invalid_argument("invalid grpc-timeout"));
  os::spawn(run_call(connection.shared_from_this(), std::move(stream), method->second));
}

os::Co<> Server::Impl::run_call(std::shared_ptr<Connection> connection,
                                std::shared_ptr<Stream> stream, const Method& method) {
  const auto self = shared_from_this();
  ++running_calls;
  const std::optional<Duration> timeout = stream->head.timeout;
  const bool limited = timeout && *timeout != Duration::max();
  ServerCall call(connection, stream, limited ? loop.now() + *timeout : Time::max());
  std::unique_ptr<os::Loop::Timer> timer;
  if (limited) {
    timer = loop.at(call.deadline(), [s = stream.get()] {
      s->expire({ErrorCode::DeadlineExceeded, "the deadline of the call has passed"});
    });
  }
  Result<void> result = admit(method, call);
  if (result) {
    try {
      result = co_await run_handler(loop, method, call, *stream, limits.request_timeout);
    } catch (const std::exception& exception) {
      log.error("call failed", {{"method", call.method()}, {"reason", exception.what()}});
      result = internal_error("{}", exception.what());
    }
  }
  stream->finish(result);
  --running_calls;
  changed.notify();
}

}  // namespace shoal::rpc

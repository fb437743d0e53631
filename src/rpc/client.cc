#include "rpc/client.h"

#include <set>
#include <vector>

#include "os/tcp.h"
#include "rpc/connection.h"
#include "rpc/handshake.h"
#include "rpc/status.h"

namespace shoal::rpc {
namespace {

// A unary call that a server never looked at is sent once more, unless it is larger than this.
constexpr size_t kRepeatBytesMax = size_t{64} << 10;

// When a call has to end: its deadline and its caller's stop, with the reason.
class Scope {
 public:
  Scope(os::Loop& loop, const CallOptions& options) {
    if (options.timeout < kLongest) {
      deadline_ = loop.now() + options.timeout;
      timer_ = loop.at(deadline_, [this] {
        end({ErrorCode::DeadlineExceeded, "the deadline of the call has passed"});
      });
    }
    guard_ = options.stop.on_stop([this] { end({ErrorCode::Cancelled, "the call was stopped"}); });
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  Time deadline() const { return deadline_; }
  os::StopToken over() const { return over_.token(); }
  // Once it is over.
  const Error& reason() const { return *reason_; }

 private:
  static constexpr Duration kLongest = 24h * 365;

  void end(Error reason) {
    if (reason_) return;
    reason_ = std::move(reason);
    over_.stop();
  }

  Time deadline_ = Time::max();
  os::StopSource over_;
  std::optional<Error> reason_;
  std::unique_ptr<os::Loop::Timer> timer_;
  os::StopToken::Guard guard_;
};

class StreamCall final : public ClientCall {
 public:
  StreamCall(std::shared_ptr<Stream> stream, std::unique_ptr<Scope> scope)
      : stream_(std::move(stream)), scope_(std::move(scope)) {
    guard_ = scope_->over().on_stop([this] { stream_->cancel(scope_->reason()); });
  }
  ~StreamCall() override { cancel(); }

  os::Co<Result<void>> write(std::string message) override {
    return stream_->write(std::move(message));
  }
  void finish_writing() override { stream_->finish_writing(); }
  os::Co<Result<std::optional<std::string>>> read() override { return stream_->read(); }
  void cancel() override { stream_->cancel({ErrorCode::Cancelled, "the call was cancelled"}); }
  os::StopToken ended() const override { return stream_->ended(); }

 private:
  const std::shared_ptr<Stream> stream_;
  const std::unique_ptr<Scope> scope_;
  os::StopToken::Guard guard_;
};

}  // namespace

struct Channel::Impl final : Connection::Owner, std::enable_shared_from_this<Impl> {
  Impl(os::Loop& l, Log& g, ChannelOptions o) : loop(l), log(g), options(std::move(o)) {}

  os::Co<Result<std::string>> call(std::string method, std::string request, CallOptions of_call);
  os::Co<Result<std::string>> call_once(std::string method, std::string request, Scope& scope,
                                        const Metadata& metadata, bool& refused);
  os::Co<Result<std::unique_ptr<ClientCall>>> open(std::string method, CallOptions of_call);
  os::Co<Result<std::shared_ptr<Stream>>> begin(std::string method, Scope& scope,
                                                const Metadata& metadata);
  os::Co<Result<std::shared_ptr<Connection>>> connect(os::StopToken stop);
  os::Co<> dial();
  os::Co<Result<std::shared_ptr<Connection>>> make_connection(os::StopToken late);
  Metadata headers(std::string method, Time deadline, const Metadata& metadata) const;
  void close(const Error& why);

  void on_head(Stream&) override {}
  void on_request(Connection&, std::shared_ptr<Stream>) override {}
  void on_going_away(Connection& connection) override;
  void on_closed(Connection& connection, const Error& why) override;

  os::Loop& loop;
  Log& log;
  ChannelOptions options;  // only the address ever changes
  os::StopSource ended;    // the Channel is gone
  std::shared_ptr<Connection> current;
  std::set<std::shared_ptr<Connection>> connections;  // with those that only finish their calls
  bool dialling = false;
  uint64_t dials = 0;  // that have ended
  Error dial_error;    // of the last one
  os::Signal dialled;
  Turnstile turnstile{kHandshakesMax};
  MessageAccount account;
};

Metadata Channel::Impl::headers(std::string method, Time deadline, const Metadata& metadata) const {
  Metadata all = {{":method", "POST"},          {":scheme", "https"},
                  {":path", std::move(method)}, {":authority", options.address},
                  {"te", "trailers"},           {"content-type", "application/grpc"},
                  {"user-agent", "shoal"}};
  if (deadline != Time::max()) {
    all.emplace_back("grpc-timeout", format_timeout(deadline - loop.now()));
  }
  all.insert(all.end(), metadata.begin(), metadata.end());
  return all;
}

// The connection that takes new calls; dials when there is none. Callers share one dialling.
os::Co<Result<std::shared_ptr<Connection>>> Channel::Impl::connect(os::StopToken stop) {
  const auto self = shared_from_this();
  if (current && current->takes_calls()) co_return current;
  if (ended.token().stopped()) co_return cancelled("the channel is closed");
  const uint64_t before = dials;
  if (!std::exchange(dialling, true)) os::spawn(dial());
  while (dials == before && !stop.stopped()) co_await dialled.wait(stop);
  if (ended.token().stopped()) co_return cancelled("the channel is closed");
  if (current && current->takes_calls()) co_return current;
  if (dials == before) co_return cancelled("stopped while connecting to {}", options.address);
  co_return std::unexpected(dial_error);
}

os::Co<> Channel::Impl::dial() {
  const auto self = shared_from_this();
  const os::StopSource late;
  const auto timer = loop.at(loop.now() + options.connect_timeout, [late] { late.stop(); });
  const auto guard = ended.token().on_stop([late] { late.stop(); });
  Result<std::shared_ptr<Connection>> made = co_await make_connection(late.token());
  if (made && !ended.token().stopped()) {
    current = *made;
    connections.insert(current);
    os::spawn(current->run());
    dial_error = {ErrorCode::Unavailable, "the connection is gone"};
  } else {
    dial_error = made ? Error{ErrorCode::Cancelled, "the channel is closed"} : made.error();
    if (late.token().stopped()) {
      dial_error = {ErrorCode::Unavailable,
                    fmt::format("connecting to {} took too long", options.address)};
    }
  }
  dialling = false;
  ++dials;
  dialled.notify();
}

os::Co<Result<std::shared_ptr<Connection>>> Channel::Impl::make_connection(os::StopToken late) {
  Result<os::Fd> fd = co_await os::connect_tcp(loop, options.address, late);
  if (!fd) co_return std::unexpected(fd.error());
  Peer peer{.address = os::peer_address(fd->get()), .identity = {}};
  auto socket = std::make_unique<os::Socket>(loop, std::move(*fd));
  const Tls::ClientSide side{.server_name = options.server_name,
                             .verify = options.verify,
                             .present_certificate = options.present_certificate};
  Result<std::unique_ptr<Tls>> tls = Tls::client(*options.credentials, side);
  if (!tls) co_return std::unexpected(tls.error());
  {
    const auto guard = late.on_stop([s = socket.get()] { s->close(); });
    std::string nothing;
    const Result<void> secured = co_await shake_hands(loop, *socket, **tls, std::move(nothing),
                                                      turnstile, options.connect_timeout);
    if (!secured)
      co_return with_context(Result<std::shared_ptr<Connection>>(std::unexpected(secured.error())),
                             "connecting to {}", options.address);
  }
  co_return std::make_shared<Connection>(loop, false, std::move(socket), std::move(*tls),
                                         std::move(peer), ConnectionLimits{}, account,
                                         shared_from_this());
}

os::Co<Result<std::shared_ptr<Stream>>> Channel::Impl::begin(std::string method, Scope& scope,
                                                             const Metadata& metadata) {
  const Result<std::shared_ptr<Connection>> connection = co_await connect(scope.over());
  if (scope.over().stopped()) co_return std::unexpected(scope.reason());
  if (!connection) co_return std::unexpected(connection.error());
  auto stream = (*connection)->open(headers(std::move(method), scope.deadline(), metadata));
  if (!stream) co_return unavailable("the connection takes no more calls");
  stream->set_message_bytes_max(options.message_bytes_max);
  co_return stream;
}

os::Co<Result<std::string>> Channel::Impl::call(std::string method, std::string request,
                                                CallOptions of_call) {
  const auto self = shared_from_this();
  Scope scope(loop, of_call);
  const bool repeatable = request.size() <= kRepeatBytesMax;
  bool refused = false;
  std::string first = repeatable ? request : std::move(request);
  Result<std::string> answer =
      co_await call_once(method, std::move(first), scope, of_call.metadata, refused);
  if (!refused || !repeatable) co_return answer;
  co_return co_await call_once(std::move(method), std::move(request), scope, of_call.metadata,
                               refused);
}

os::Co<Result<std::string>> Channel::Impl::call_once(std::string method, std::string request,
                                                     Scope& scope, const Metadata& metadata,
                                                     bool& refused) {
  const Result<std::shared_ptr<Stream>> begun = co_await begin(std::move(method), scope, metadata);
  if (!begun) co_return std::unexpected(begun.error());
  Stream& stream = **begun;
  const auto guard = scope.over().on_stop([&] { stream.cancel(scope.reason()); });
  const Result<void> written = co_await stream.write(std::move(request));
  if (written) stream.finish_writing();
  Result<std::optional<std::string>> answer = co_await stream.read();
  Result<std::optional<std::string>> end = std::nullopt;
  if (answer && *answer) end = co_await stream.read();
  refused = stream.refused();
  stream.cancel({ErrorCode::Cancelled, "the call is over"});
  if (!answer) co_return std::unexpected(answer.error());
  if (!end) co_return std::unexpected(end.error());
  if (!*answer || *end) co_return internal_error("the server did not answer with one message");
  co_return std::move(**answer);
}

os::Co<Result<std::unique_ptr<ClientCall>>> Channel::Impl::open(std::string method,
                                                                CallOptions of_call) {
  const auto self = shared_from_this();
  auto scope = std::make_unique<Scope>(loop, of_call);
  Result<std::shared_ptr<Stream>> stream =
      co_await begin(std::move(method), *scope, of_call.metadata);
  if (!stream) co_return std::unexpected(stream.error());
  co_return std::make_unique<StreamCall>(std::move(*stream), std::move(scope));
}

void Channel::Impl::on_going_away(Connection& connection) {
  if (current.get() == &connection) current = nullptr;
}

void Channel::Impl::on_closed(Connection& connection, const Error& why) {
  if (current.get() == &connection) current = nullptr;
  connections.erase(connection.shared_from_this());
  if (options.on_disconnected) options.on_disconnected(why);
}

void Channel::Impl::close(const Error& why) {
  const std::vector<std::shared_ptr<Connection>> all(connections.begin(), connections.end());
  for (const auto& connection : all) connection->close(why);
}

Channel::Channel(os::Loop& loop, Log& log, ChannelOptions options)
    : impl_(std::make_shared<Impl>(loop, log, std::move(options))) {}

Channel::~Channel() {
  impl_->ended.stop();
  impl_->close({ErrorCode::Cancelled, "the channel is closed"});
}

os::Co<Result<std::string>> Channel::call(std::string_view method, std::string request) {
  return impl_->call(std::string(method), std::move(request), {});
}

os::Co<Result<std::string>> Channel::call(std::string_view method, std::string request,
                                          const CallOptions& options) {
  return impl_->call(std::string(method), std::move(request), options);
}

os::Co<Result<std::unique_ptr<ClientCall>>> Channel::open(std::string_view method) {
  return impl_->open(std::string(method), {});
}

os::Co<Result<std::unique_ptr<ClientCall>>> Channel::open(std::string_view method,
                                                          const CallOptions& options) {
  return impl_->open(std::string(method), options);
}

bool Channel::connected() const {
  return impl_->current && impl_->current->takes_calls();
}

void Channel::disconnect() {
  impl_->close({ErrorCode::Unavailable, "the connection was dropped"});
}

void Channel::redirect(std::string address) {
  impl_->options.address = std::move(address);
  disconnect();
}

}  // namespace shoal::rpc

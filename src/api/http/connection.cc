#include "api/http/connection.h"

#include <exception>

#include "api/http/error.h"
#include "api/http/exchange.h"

namespace shoal::api {

Connection::Connection(os::Loop& loop, Log& log, const HttpLimits& limits, const Dispatch& dispatch,
                       os::Fd fd)
    : loop_(loop), log_(log), limits_(limits), dispatch_(dispatch), socket_(loop, std::move(fd)) {}

os::Co<> Connection::run() {
  const auto self = shared_from_this();
  os::spawn(read_ahead());
  bool open = true;
  while (open && !stopping_) {
    std::optional<Head> head = co_await next_head();
    if (!head) break;
    open = co_await handle(std::move(*head));
  }
  stopping_ = true;
  socket_.close();
  used_.notify();
}

void Connection::stop() {
  const auto self = shared_from_this();
  stopping_ = true;
  input_ended_ = broken_ = true;
  socket_.close();
  used_.notify();
  arrived_.notify();
  if (handling_) handling_->stop();
}

os::Co<> Connection::read_ahead() {
  const auto self = shared_from_this();
  while (!stopping_) {
    if (buffer_.size() >= kReadAheadMax) {
      co_await used_.wait();
      continue;
    }
    const Result<size_t> got = co_await socket_.read(buffer_, kReadAheadMax - buffer_.size());
    if (!got || *got == 0) {
      input_ended_ = true;
      broken_ = broken_ || !got;
      break;
    }
    arrived_.notify();
  }
  arrived_.notify();
  // A hijacked connection lives on half-closed; any other client that stops sending is gone.
  if (handling_ && (broken_ || !hijacked_)) handling_->stop();
}

void Connection::input_used(size_t bytes) {
  buffer_.erase(0, bytes);
  used_.notify();
}

os::Co<bool> Connection::wait_input(os::StopToken stop) {
  if (input_ended_) co_return true;
  co_return co_await arrived_.wait(stop);
}

os::Co<bool> Connection::wait_input_until(Time deadline) {
  const os::StopSource late;
  const auto timer = loop_.at(deadline, [late] { late.stop(); });
  co_return co_await wait_input(late.token());
}

os::Co<std::optional<Head>> Connection::next_head() {
  parser_ = std::make_unique<Parser>();
  if (buffer_.empty()) {
    buffer_.shrink_to_fit();  // An idle connection holds no memory.
    if (!co_await wait_input_until(loop_.now() + limits_.idle_timeout)) co_return std::nullopt;
  }
  const Time deadline = loop_.now() + limits_.header_timeout;
  while (true) {
    size_t consumed = 0;
    Result<std::optional<Head>> head = parser_->put_head(buffer_, consumed);
    if (!head) {
      co_await refuse(head.error());
      co_return std::nullopt;
    }
    if (consumed > 0) input_used(consumed);
    if (*head) co_return std::move(**head);
    if (input_ended_) co_return std::nullopt;
    if (!co_await wait_input_until(deadline)) {
      Error late{ErrorCode::Cancelled, "the request header took too long"};
      co_await refuse(std::move(late));
      co_return std::nullopt;
    }
  }
}

os::Co<bool> Connection::handle(Head head) {
  Request request;
  request.method = head.method;
  request.target = head.target;
  request.http_1_0 = head.http_1_0;
  request.headers = std::move(head.headers);
  if (const Result<void> split = split_target(head.target, request); !split) {
    co_await refuse(split.error());
    co_return false;
  }
  handling_.emplace();
  if (input_ended_) handling_->stop();
  request.stop = handling_->token();
  Exchange exchange(*this, head, request.stop);
  request.body = &exchange;

  Result<void> result = co_await call_handler(request, exchange);
  bool keep = co_await exchange.finish(std::move(result));
  handling_.reset();
  if (stopping_ || hijacked_) co_return false;
  const bool drained = co_await drain_body();
  keep = keep && drained;
  if (!keep) co_await linger();
  co_return keep && !input_ended_;
}

os::Co<Result<void>> Connection::call_handler(Request& request, Responder& responder) {
  std::string reason;
  try {
    co_return co_await dispatch_(request, responder);
  } catch (const std::exception& exception) {
    reason = exception.what();
  } catch (...) {
    reason = "unknown exception";
  }
  log_.error("request handler failed",
             {{"method", request.method}, {"path", request.path}, {"reason", reason}});
  co_return internal_error("{}", reason);
}

// Answers what never became a request, and ends.
os::Co<> Connection::refuse(Error error) {
  Response response = error_response(error);
  if (error.code == ErrorCode::TooLarge) response.status = 431;
  if (error.code == ErrorCode::Cancelled) response.status = 408;
  const std::string text = format_head(response, response.body.size(), "close");
  const os::StopSource done;
  const auto timer = loop_.at(loop_.now() + limits_.linger_time, [this] { socket_.close(); });
  if (const auto sent = co_await socket_.write(text, response.body); sent) co_await linger();
}

// Drops the rest of a body that the handler did not want; false when it is too long for that.
os::Co<bool> Connection::drain_body() {
  const Time deadline = loop_.now() + limits_.linger_time;
  std::string dropped;
  for (size_t total = 0; !parser_->done(); total += dropped.size()) {
    if (total > kDrainMax) co_return false;
    dropped.clear();
    const Result<size_t> used = parser_->put_body(buffer_, dropped, kPieceMax);
    if (!used) co_return false;
    if (*used > 0) {
      input_used(*used);
      continue;
    }
    if (input_ended_) co_return false;
    if (!co_await wait_input_until(deadline)) co_return false;
  }
  co_return true;
}

// Closing while the client still sends would reset the connection and may destroy the answer on its
// way: first tell the client that nothing more comes, then drop what it sends, for a while.
os::Co<> Connection::linger() {
  socket_.close_write();
  const Time deadline = loop_.now() + limits_.linger_time;
  while (!input_ended_) {
    if (!buffer_.empty()) input_used(buffer_.size());
    if (!co_await wait_input_until(deadline)) break;
  }
}

}  // namespace shoal::api

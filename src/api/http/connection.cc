#include "api/http/connection.h"

#include <exception>

#include "api/http/error.h"
#include "api/http/exchange.h"

namespace shoal::api {

Connection::Connection(Serving& serving, os::Fd fd)
    : serving_(serving), socket_(serving.loop, std::move(fd)), held_(serving.room.input()) {}

Connection::~Connection() {
  room().forget(*this);
}

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

size_t Connection::read_max() {
  const size_t most = room().has_input_room() ? kReadAheadMax : kInputFloor;
  return most - std::min(most, buffer_.size());
}

os::Co<> Connection::read_ahead() {
  const auto self = shared_from_this();
  while (!stopping_) {
    if (read_max() == 0) {
      if (!room().has_input_room()) room().wait_for_input(*this);
      co_await used_.wait();
      continue;
    }
    // Asked when something has arrived: others may have taken the memory meanwhile.
    std::function<size_t()> most = [this] { return read_max(); };
    const Result<std::optional<size_t>> got = co_await socket_.read(buffer_, std::move(most));
    if (got && !*got) continue;
    held_.set(buffer_.size());
    if (!got || **got == 0) {
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
  held_.set(buffer_.size());
  used_.notify();
  room().input_given();
}

os::Co<bool> Connection::wait_input(os::StopToken stop) {
  if (input_ended_) co_return true;
  co_return co_await arrived_.wait(stop);
}

os::Co<bool> Connection::wait_input_until(Time deadline) {
  const os::StopSource late;
  const auto timer = loop().at(deadline, [late] { late.stop(); });
  co_return co_await wait_input(late.token());
}

os::Co<std::optional<Head>> Connection::next_head() {
  parser_.reset();
  if (buffer_.empty()) {
    std::string().swap(buffer_);  // An idle connection holds no memory.
    const Room::Waiting idle(room(), *this, Room::Line::Idle);
    if (!co_await wait_input_until(loop().now() + limits().idle_timeout)) co_return std::nullopt;
  }
  const Time deadline = loop().now() + limits().header_timeout;
  const Room::Waiting stalled(room(), *this, Room::Line::Stalled);
  parser_ = std::make_unique<Parser>();
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

  Result<void> result;
  if (room().handling >= limits().requests_max) room().hang_up_stalled();
  if (room().handling < limits().requests_max) {
    ++room().handling;
    result = co_await call_handler(request, exchange);
    --room().handling;
  } else {
    result =
        unavailable("{} requests are being served already: try again later", limits().requests_max);
    exchange.close_after();
  }
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
    co_return co_await serving_.dispatch(request, responder);
  } catch (const std::exception& exception) {
    reason = exception.what();
  } catch (...) {
    reason = "unknown exception";
  }
  serving_.log.error("request handler failed",
                     {{"method", request.method}, {"path", request.path}, {"reason", reason}});
  co_return internal_error("{}", reason);
}

os::Co<Result<void>> Connection::send(std::string_view first, std::string_view second,
                                      Duration patience) {
  Room::Waiting stalled(room(), *this, Room::Line::Stalled);
  std::unique_ptr<os::Loop::Timer> timer;
  while (!first.empty() || !second.empty()) {
    if (patience.count() > 0 && stalled.is_renewed()) {
      timer = loop().at(loop().now() + patience, [this] { socket_.close(); });
    }
    CO_ASSIGN_OR_RETURN(const size_t sent, co_await socket_.write_some(first, second));
    const size_t of_first = std::min(sent, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(sent - of_first);
    stalled.progress(sent);
  }
  co_return Result<void>{};
}

// Answers what never became a request, and ends.
os::Co<> Connection::refuse(Error error) {
  Response response = error_response(error);
  if (error.code == ErrorCode::TooLarge) response.status = 431;
  if (error.code == ErrorCode::Cancelled) response.status = 408;
  const std::string text = format_head(response, response.body.size(), "close");
  const Duration patience = limits().linger_time;
  if (const auto sent = co_await send(text, response.body, patience); sent) co_await linger();
}

// Drops the rest of a body that the handler did not want; false when it is too long for that.
os::Co<bool> Connection::drain_body() {
  const Time deadline = loop().now() + limits().linger_time;
  const Room::Waiting stalled(room(), *this, Room::Line::Stalled);
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
  const Time deadline = loop().now() + limits().linger_time;
  const Room::Waiting stalled(room(), *this, Room::Line::Stalled);
  while (!input_ended_) {
    if (!buffer_.empty()) input_used(buffer_.size());
    if (!co_await wait_input_until(deadline)) break;
  }
}

}  // namespace shoal::api

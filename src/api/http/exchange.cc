#include "api/http/exchange.h"

#include "api/http/error.h"

namespace shoal::api {
namespace {

std::string status_line(int status) {
  return fmt::format("HTTP/1.1 {} {}\r\n", status,
                     status == 101 ? std::string_view("UPGRADED") : reason_phrase(status));
}

// A line feed inside a value would let it end the header and forge an answer.
void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  for (const char c : value) {
    if (c != '\r' && c != '\n') out += c;
  }
  out += "\r\n";
}

std::string head_start(const Response& response, std::string_view connection) {
  std::string out = status_line(response.status);
  for (const auto& [name, value] : response.headers) append_field(out, name, value);
  if (!response.content_type.empty()) append_field(out, "Content-Type", response.content_type);
  if (!connection.empty()) append_field(out, "Connection", connection);
  return out;
}

}  // namespace

std::string format_head(const Response& response, size_t body_bytes, std::string_view connection) {
  std::string out = head_start(response, connection);
  if (response.status != 204 && response.status != 304) {
    append_field(out, "Content-Length", std::to_string(body_bytes));
  }
  return out + "\r\n";
}

Exchange::Exchange(Connection& connection, const Head& head, os::StopToken stop)
    : connection_(connection),
      head_(head),
      stop_(std::move(stop)),
      held_(connection.room().input()),
      answer_(connection.room().answers()) {
  held_.set(head.bytes);
}

Exchange::~Exchange() {
  held_.set(0);
  connection_.room().input_given();
  answer_.set(0);
  connection_.room().answer_given();
}

os::Co<Result<void>> Exchange::reserve(size_t bytes) {
  co_return co_await connection_.room().reserve(answer_, bytes, stop_);
}

bool Exchange::has_body(int status) const {
  return head_.method != "HEAD" && status != 204 && status != 304;
}

os::Co<Result<void>> Exchange::say_continue() {
  if (!head_.expects_continue || std::exchange(continued_, true)) co_return Result<void>{};
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  co_return co_await connection_.send(kContinue);
}

os::Co<Result<std::string>> Exchange::next_until(std::optional<Time> end) {
  std::string piece;
  Parser& parser = connection_.parser();
  while (!parser.done()) {
    const Result<size_t> used = parser.put_body(connection_.input(), piece, kPieceMax);
    if (!used) co_return std::unexpected(used.error());
    if (*used > 0) connection_.input_used(*used);
    if (!piece.empty()) break;
    if (*used > 0) continue;
    if (connection_.input_ended()) co_return cancelled("the client is gone");
    if (const auto sent = co_await say_continue(); !sent) co_return std::unexpected(sent.error());
    const Time stalled_at = connection_.loop().now() + connection_.limits().upload_stall_timeout;
    const Room::Waiting stalled(connection_.room(), connection_, Room::Line::Stalled);
    --connection_.room().handling;  // It has not really begun.
    const bool arrived = co_await connection_.wait_input_until(end.value_or(stalled_at));
    ++connection_.room().handling;
    if (!arrived) co_return cancelled("the request body stopped coming");
  }
  co_return piece;
}

os::Co<Result<std::string>> Exchange::next() {
  return next_until({});
}

os::Co<Result<std::string>> Exchange::whole(size_t bytes_max) {
  std::string all;
  const Time end = connection_.loop().now() + connection_.limits().body_timeout;
  const size_t head = held_.bytes();
  bool too_long = head_.content_length && *head_.content_length > bytes_max;
  while (!too_long) {
    Result<std::string> piece = co_await next_until(end);
    if (!piece) co_return piece;
    if (piece->empty()) co_return all;
    too_long = all.size() + piece->size() > bytes_max;
    all += *piece;
    held_.set(head + all.size());
    if (all.size() > kInputFloor && !connection_.room().has_input_room()) {
      co_return unavailable("too many long requests are coming in: try again later");
    }
  }
  co_return too_large("the request body is larger than {} bytes", bytes_max);
}

void Exchange::header(std::string name, std::string value) {
  headers_.emplace_back(std::move(name), std::move(value));
}

void Exchange::reply(Response response) {
  CHECK(!started(), "a whole answer after the head was sent");
  form_ = Form::Reply;
  reply_ = std::move(response);
}

os::Co<Result<void>> Exchange::start(Response head) {
  CHECK(!started(), "a second head");
  form_ = Form::Stream;
  head.headers.insert(head.headers.begin(), headers_.begin(), headers_.end());
  if (!chunked()) head_.keep_alive = false;
  std::string text = head_start(head, connection_header());
  if (chunked()) append_field(text, "Transfer-Encoding", "chunked");
  text += "\r\n";
  const Result<void> sent = co_await connection_.send(text);
  write_failed_ = !sent;
  co_return sent;
}

os::Co<Result<void>> Exchange::write(std::string bytes) {
  CHECK(started(), "a piece before the head");
  if (write_failed_ || connection_.broken()) co_return cancelled("the client is gone");
  if (bytes.empty() || !has_body(200)) co_return Result<void>{};
  const bool frame = form_ == Form::Stream && chunked();
  const std::string size_line = frame ? fmt::format("{:x}\r\n", bytes.size()) : std::string();
  if (frame) bytes += "\r\n";
  const Result<void> sent = co_await connection_.send(size_line, bytes);
  write_failed_ = !sent;
  co_return sent;
}

os::Co<Result<Hijacked*>> Exchange::hijack(std::string content_type) {
  CHECK(!started(), "hijack after the head was sent");
  form_ = Form::Hijacked;
  connection_.set_hijacked();
  Response head{.status = head_.wants_upgrade ? 101 : 200, .content_type = content_type};
  if (head_.wants_upgrade) {
    head.headers = headers_;
    head.headers.emplace_back("Connection", "Upgrade");
    head.headers.emplace_back("Upgrade", "tcp");
  }
  const std::string text = head_start(head, "") + "\r\n";
  if (const Result<void> sent = co_await connection_.send(text); !sent) {
    co_return std::unexpected(sent.error());
  }
  co_return static_cast<Hijacked*>(this);
}

os::Co<Result<std::string>> Exchange::read(os::StopToken stop) {
  const os::StopSource either;
  const auto by_request = stop_.on_stop([either] { either.stop(); });
  const auto by_caller = stop.on_stop([either] { either.stop(); });
  const os::StopToken over = either.token();
  std::string& input = connection_.input();
  while (input.empty()) {
    if (connection_.broken() || over.stopped()) co_return cancelled("the client is gone");
    if (connection_.input_ended()) co_return std::string();
    if (!co_await connection_.wait_input(over)) co_return cancelled("the client is gone");
  }
  std::string piece = input.substr(0, kPieceMax);
  connection_.input_used(piece.size());
  co_return piece;
}

void Exchange::close_write() {
  connection_.close_write();
}

os::Co<bool> Exchange::finish(Result<void> result) {
  if (form_ == Form::Hijacked) co_return false;
  if (form_ == Form::Stream) {
    if (!result || write_failed_)
      co_return false;  // Cut off: the client sees that it is not whole.
    static constexpr std::string_view kLastChunk = "0\r\n\r\n";
    if (!chunked() || !has_body(200)) co_return head_.keep_alive;
    const Result<void> sent = co_await connection_.send(kLastChunk);
    co_return sent&& head_.keep_alive;
  }
  if (!result) {
    reply_ = error_response(result.error());
  } else if (form_ == Form::None) {
    const Error silent{ErrorCode::Internal, "the request was not answered"};
    reply_ = error_response(silent);
  }
  if (!connection_.parser().done()) {
    const bool short_rest = head_.content_length && *head_.content_length <= kDrainMax;
    if (!short_rest || (head_.expects_continue && !continued_)) head_.keep_alive = false;
  }
  co_return co_await send_reply();
}

os::Co<bool> Exchange::send_reply() {
  reply_.headers.insert(reply_.headers.begin(), headers_.begin(), headers_.end());
  const std::string text = format_head(reply_, reply_.body.size(), connection_header());
  const std::string_view body = has_body(reply_.status) ? reply_.body : std::string_view{};
  answer_.set(std::max(answer_.bytes(), body.size() > kProgressBytes ? body.size() : 0));
  const Duration patience = connection_.limits().reply_stall_timeout;
  const Result<void> sent = co_await connection_.send(text, body, patience);
  co_return sent&& head_.keep_alive;
}

}  // namespace shoal::api

#include "rpc/stream.h"

#include <algorithm>

#include "rpc/connection.h"
#include "rpc/limits.h"
#include "rpc/status.h"

namespace shoal::rpc {

// Entries that are sent and still have their place.
constexpr size_t kSentEntriesMax = 64;

void SendQueue::push(std::string message) {
  bytes_ += kPrefixBytes + message.size();
  const Prefix prefix = message_prefix(uint32_t(message.size()));
  entries_.push_back({prefix, std::move(message)});
}

void SendQueue::take(size_t bytes, std::string& out) {
  bytes_ -= bytes;
  while (bytes > 0) {
    Entry& entry = entries_[first_];
    const size_t of_prefix = std::min(bytes, kPrefixBytes - std::min(used_, kPrefixBytes));
    if (of_prefix > 0) out.append(entry.prefix.data() + used_, of_prefix);
    used_ += of_prefix;
    bytes -= of_prefix;
    if (used_ < kPrefixBytes) return;
    const size_t begin = used_ - kPrefixBytes;
    const size_t of_message = std::min(bytes, entry.message.size() - begin);
    out.append(entry.message, begin, of_message);
    used_ += of_message;
    bytes -= of_message;
    if (begin + of_message < entry.message.size()) return;
    drop_first();
  }
}

void SendQueue::drop_first() {
  entries_[first_].message = {};
  ++first_;
  used_ = 0;
  if (first_ < kSentEntriesMax && first_ < entries_.size()) return;
  entries_.erase(entries_.begin(), entries_.begin() + ptrdiff_t(first_));
  first_ = 0;
  if (entries_.empty()) entries_.shrink_to_fit();  // Idle streams are many.
}

os::Co<Result<std::optional<std::string>>> Stream::read() {
  const auto self = shared_from_this();
  while (true) {
    if (in_.ready()) {
      Result<std::optional<std::string>> message = in_.take();
      give_back();
      co_return message;
    }
    if (error_) co_return std::unexpected(*error_);
    if (in_ended_) co_return end_of_input();
    give_back();
    co_await reader_;
  }
}

Result<std::optional<std::string>> Stream::end_of_input() const {
  if (server_) {
    if (in_.at_boundary()) return std::nullopt;
    return internal_error("the request ended within a message");
  }
  if (!head.status) return std::unexpected(error_of_http_status(head.http_status));
  if (*head.status != 0) return make_error(error_code(*head.status), "{}", head.status_text);
  if (in_.at_boundary()) return std::nullopt;
  return internal_error("the answer ended within a message");
}

bool Stream::may_write(size_t bytes) const {
  if (out_.bytes() >= kStreamQueueMax) return false;
  return bytes <= kSmallMessageMax || connection_->queued_bytes() < kConnectionQueueMax;
}

os::Co<Result<void>> Stream::write(std::string message) {
  const auto self = shared_from_this();
  if (message.size() > UINT32_MAX) co_return too_large("a message of {} bytes", message.size());
  const bool never = out_finished_;
  while (!over() && !never && !may_write(message.size())) {
    if (out_.bytes() < kStreamQueueMax) connection_->wait_for_room(shared_from_this());
    co_await writer_;
  }
  if (error_) co_return std::unexpected(*error_);
  if (closed_ || out_finished_) co_return shoal::cancelled("the call is over");
  connection_->queue_grew(kPrefixBytes + message.size());
  out_.push(std::move(message));
  if (server_ && !std::exchange(out_begun_, true)) connection_->respond(*this);
  connection_->resume(*this);
  co_return Result<void>{};
}

void Stream::finish_writing() {
  if (std::exchange(out_finished_, true) || closed_) return;
  connection_->resume(*this);
}

void Stream::finish(const Result<void>& result) {
  CHECK(server_);
  if (std::exchange(out_finished_, true) || closed_) return;
  result_ = error_ && error_->code == ErrorCode::DeadlineExceeded
                ? Result<void>(std::unexpected(*error_))
                : result;
  if (!std::exchange(out_begun_, true)) {
    connection_->respond(*this);
  } else {
    connection_->resume(*this);
  }
}

void Stream::cancel(Error why) {
  if (over()) return;
  const auto self = shared_from_this();
  fail(std::move(why));
  connection_->reset(*this);
  wake();
}

void Stream::abort(Error why) {
  CHECK(server_);
  if (over()) return;
  out_finished_ = true;
  result_ = std::unexpected(why);
  cancel(std::move(why));
}

void Stream::expire(Error why) {
  if (over()) return;
  fail(std::move(why));
  wake();
}

os::StopToken Stream::ended() {
  if (!stop_) {
    stop_.emplace();
    if (over()) stop_->stop();
  }
  return stop_->token();
}

void Stream::on_data(std::string_view bytes) {
  unread_bytes_ += bytes.size();
  connection_->unread_grew(bytes.size());
  if (error_) return;  // Reset by us; this was on its way.
  in_.put(bytes);
  const size_t held = in_.held_bytes();
  if (!connection_->hold(held_bytes_, held)) {
    fail({ErrorCode::TooLarge, "the server holds too much of unfinished requests"});
    connection_->hold(held_bytes_, 0);
    in_ = MessageReader(0);
  }
  // A reader waits: what arrives is on its way to it, so the peer may send on.
  if (reader_.is_awaited() && !in_.ready()) give_back();
}

// Gives the window back for everything but what lies there as whole messages.
void Stream::give_back() {
  if (closed_) return;
  connection_->hold(held_bytes_, in_.held_bytes());
  const size_t keep = in_.ready() ? std::min(in_.held_bytes(), unread_bytes_) : 0;
  const size_t returned = unread_bytes_ - keep;
  if (returned == 0) return;
  unread_bytes_ = keep;
  connection_->consumed(*this, returned);
}

void Stream::fail(Error why) {
  if (!error_) error_ = std::move(why);
}

void Stream::on_closed(std::optional<Error> error, bool refused) {
  if (closed_) return;
  if (error) fail(std::move(*error));
  refused_ = refused;
  closed_ = true;
  connection_->unread_shrank(std::exchange(unread_bytes_, 0));
  connection_->hold(held_bytes_, 0);
  connection_->queue_shrank(out_.bytes());
  out_ = {};
  connection_ = nullptr;
}

void Stream::wake() {
  const auto self = shared_from_this();
  if (stop_ && over()) stop_->stop();
  if (input_ready()) reader_.wake();
  if (over() || (writer_.is_awaited() && may_write(0))) writer_.wake();
}

}  // namespace shoal::rpc
